"""Regularizers, constraints and initializers of Keras: `python test/goldens/make_rules.py`.

Each row of rules.json has a `spec`, as Keras serializes it. Rows of regularizers have a weight, its penalty and the
penalty's gradient; of constraints, a weight and what it becomes; of initializers that draw no random numbers, a shape
and the values. The other initializers' rows have the spec alone.
"""

import os

os.environ["CUDA_VISIBLE_DEVICES"] = ""
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "2"

import keras
import numpy as np
import tensorflow as tf
from golden_files import generator, save
from keras import constraints, initializers, regularizers

tf.config.threading.set_intra_op_parallelism_threads(1)
tf.config.experimental.enable_op_determinism()

tensors: dict[str, np.ndarray] = {}
rows: list[dict] = []


def kernel(name: str, shape, scale=0.6) -> str:
    """A weight with a zero in it, whose norms lie on both sides of 1."""
    value = generator(name).normal(size=shape) * scale * generator(name + "/sizes").uniform(0.2, 2, shape[-1])
    value.flat[3] = 0
    tensors[f"kernel/{name}"] = value.astype(np.float32)
    return f"kernel/{name}"


wide, tall, images = kernel("wide", (5, 7)), kernel("tall", (6, 4)), kernel("images", (3, 3, 4, 5), 0.3)


def record(rule, key: str | None = None, **stored) -> None:
    """Adds a row; arrays are kept among the tensors, under `key`."""
    row = {"spec": keras.saving.serialize_keras_object(rule)}
    for label, value in stored.items():
        row[label] = value
        if isinstance(value, np.ndarray):
            row[label] = f"{key}/{label}"
            assert np.isfinite(value).all() and row[label] not in tensors, row
            tensors[row[label]] = value.astype(np.float32)
    rows.append(row)


def penalty(rule, *weights: str) -> None:
    for weight in weights:
        value = tf.constant(tensors[weight])
        with tf.GradientTape() as tape:
            tape.watch(value)
            loss = rule(value)
        gradient = tape.gradient(loss, value, unconnected_gradients="zero")
        record(rule, f"penalty/{len(rows)}", weight=weight, value=float(loss), gradient=gradient.numpy())


for l1 in (regularizers.L1(), regularizers.L1(0.3)):
    penalty(l1, wide, images)
for l2 in (regularizers.L2(), regularizers.L2(0.25)):
    penalty(l2, wide, images)
for both in (regularizers.L1L2(), regularizers.L1L2(0.1, 0.02), regularizers.L1L2(l2=0.3), regularizers.L1L2(l1=0.2)):
    penalty(both, tall, images)
for orthogonal in (
    regularizers.OrthogonalRegularizer(),
    regularizers.OrthogonalRegularizer(0.5),
    regularizers.OrthogonalRegularizer(mode="columns"),
    regularizers.OrthogonalRegularizer(2.0, "columns"),
):
    penalty(orthogonal, wide, tall)


def projection(rule, *weights: str) -> None:
    for weight in weights:
        value = rule(tf.constant(tensors[weight])).numpy()
        record(rule, f"projection/{len(rows)}", weight=weight, value=value)


projection(constraints.MaxNorm(), wide, images)
projection(constraints.MaxNorm(0.7), wide, images)
projection(constraints.MaxNorm(0.7, axis=1), tall, images)
projection(constraints.MaxNorm(0.8, axis=-1), tall, images)
projection(constraints.MaxNorm(0.9, axis=[0, 1, 2]), images)
projection(constraints.MinMaxNorm(), wide, images)
projection(constraints.MinMaxNorm(0.8, 1.2), wide, images)
projection(constraints.MinMaxNorm(0.8, 1.2, rate=0.3, axis=1), tall, images)
projection(constraints.MinMaxNorm(0.5, 0.9, rate=0.75, axis=[0, 1, 2]), images)
projection(constraints.NonNeg(), wide, images)
projection(constraints.UnitNorm(), wide, images)
projection(constraints.UnitNorm(axis=1), tall, images)
projection(constraints.UnitNorm(axis=[0, 1, 2]), images)


def values(rule, *shapes) -> None:
    for shape in shapes:
        # In double precision, since single has lost digits of large angles.
        value = np.asarray(rule(shape, dtype="float64"))
        record(rule, f"initializer/{len(rows)}", shape=list(shape), value=value)


for seeded in (
    initializers.RandomNormal,
    initializers.RandomUniform,
    initializers.TruncatedNormal,
    initializers.VarianceScaling,
    initializers.GlorotNormal,
    initializers.GlorotUniform,
    initializers.HeNormal,
    initializers.HeUniform,
    initializers.LecunNormal,
    initializers.LecunUniform,
    initializers.Orthogonal,
):
    record(seeded())
    record(seeded(seed=7))
record(initializers.RandomNormal(0.5, 2.0))
record(initializers.RandomUniform(-1.0, 3.0))
record(initializers.TruncatedNormal(-0.5, 0.25))
record(initializers.VarianceScaling(3.0, "fan_out", "uniform", seed=1))
record(initializers.VarianceScaling(0.5, "fan_avg", "untruncated_normal", input_axes=[0, 1], output_axes=[2]))
record(initializers.GlorotUniform(input_axes=[0], output_axes=[-1]))
record(initializers.Orthogonal(1.5))
values(initializers.Zeros(), (2, 3))
values(initializers.Ones(), (2, 3))
values(initializers.Constant(), (3,))
values(initializers.Constant(0.25), (), (3, 2))
values(initializers.Identity(), (3, 3), (2, 4), (4, 2))
values(initializers.STFT(), (16, 1, 9), (9, 1, 17))
values(initializers.STFT("imag"), (16, 1, 9))
for window in ("boxcar", "hamming", "blackman", "nuttall", "blackmanharris", "flattop", "bartlett"):
    values(initializers.STFT(window=window), (9, 1, 5), (1, 1, 3))
    values(initializers.STFT(window=window, periodic=True), (12, 1, 5))
values(initializers.STFT(scaling="spectrum", periodic=True), (12, 1, 7))
values(initializers.STFT("imag", scaling=None), (12, 1, 7))
values(initializers.STFT(window=None), (12, 1, 7))
values(initializers.STFT(window=None, scaling=None), (12, 1, 7))
values(initializers.STFT(window=[0.5, 1.0, -0.25, 0.125], scaling="spectrum"), (4, 1, 6))

save("rules", tensors, rows)
