"""Losses of Keras: values, gradients, reductions and configs: `python test/goldens/make_losses.py`.

Each row of losses.json is one case: `options` are Keras' own, `keras` is what Keras saves, `plain` and `weighted` hold the
loss under each reduction. `gradient` is that of the weighted loss by the predictions. All is computed in double precision
but for extremes, whose epsilons depend on the precision.
"""

import os

os.environ["CUDA_VISIBLE_DEVICES"] = ""
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "2"

import keras
import numpy as np
import tensorflow as tf
from golden_files import generator, save

tf.config.threading.set_intra_op_parallelism_threads(1)
tf.config.experimental.enable_op_determinism()

BATCH = 6
REDUCTIONS = ["sum_over_batch_size", "sum", "mean", "mean_with_sample_weight"]

tensors: dict[str, np.ndarray] = {}
rows: list[dict] = []


def probabilities(rng, shape):
    logits = rng.normal(size=shape)
    return np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)


def one_hot(rng, shape):
    return np.eye(shape[-1])[rng.integers(0, shape[-1], shape[:-1])]


def unit(rng, shape):
    x = rng.normal(size=shape)
    return x / np.linalg.norm(x, axis=-1, keepdims=True)


def case(name, class_name, targets, predictions, options=None, weights=(BATCH,), dtype="float64"):
    """Values, the gradient of their weighted mean by the predictions, and the loss under each reduction."""
    rng = generator(f"losses/{name}")
    make = lambda x: np.asarray(x(rng) if callable(x) else x, "float32")
    data = {"targets": make(targets), "predictions": make(predictions)}
    data["weights"] = rng.uniform(0.25, 2, weights).astype("float32")
    options = options or {}
    cls = getattr(keras.losses, class_name)

    def loss(reduction):
        return cls(**options, reduction=reduction, dtype=dtype)

    t, w = data["targets"], data["weights"]
    p = tf.constant(data["predictions"], dtype)
    with tf.GradientTape() as tape:
        tape.watch(p)
        weighted = loss("sum_over_batch_size")(t, p, sample_weight=w)
    data["gradient"] = np.asarray(tape.gradient(weighted, p), "float32")
    data["values"] = np.asarray(loss("none")(t, p), "float32")
    for key, value in data.items():
        tensors[f"{name}/{key}"] = value
    rows.append(
        {
            "name": name,
            "className": class_name,
            "options": options,
            "keras": keras.saving.serialize_keras_object(cls(**options)),
            "plain": {r: float(loss(r)(t, p)) for r in REDUCTIONS},
            "weighted": {r: float(loss(r)(t, p, sample_weight=w)) for r in REDUCTIONS},
        }
    )


def binary(shape):
    return lambda rng: rng.integers(0, 2, shape)


def within(low, high, shape):
    return lambda rng: rng.uniform(low, high, shape)


def normal(shape, scale=1.0):
    return lambda rng: rng.normal(size=shape) * scale


ROW = (BATCH, 4)
IMAGE = (BATCH, 3, 2, 4)
probable = lambda rng: probabilities(rng, ROW)
chosen = lambda rng: one_hot(rng, ROW)
indexes = lambda rng: rng.integers(0, 4, (BATCH,))

# Binary
for name, options in {
    "": {},
    "smoothed": {"label_smoothing": 0.2},
    "axis": {"axis": 0},
}.items():
    weights = (4,) if name == "axis" else (BATCH,)
    case(f"binary {name}", "BinaryCrossentropy", binary(ROW), within(0.02, 0.98, ROW), options, weights)
case("binary logits", "BinaryCrossentropy", binary(ROW), normal(ROW, 3), {"from_logits": True})
case("binary one output", "BinaryCrossentropy", binary((BATCH,)), within(0.02, 0.98, (BATCH, 1)))
case("binary images", "BinaryCrossentropy", binary(IMAGE), within(0.02, 0.98, IMAGE), {}, (BATCH, 1, 1))
case("binary soft", "BinaryCrossentropy", within(0, 1, ROW), within(0.02, 0.98, ROW), {}, (BATCH, 1))
for name, options in {
    "": {},
    "balanced": {"apply_class_balancing": True, "alpha": 0.7, "gamma": 1.5},
    "smoothed": {"label_smoothing": 0.1, "gamma": 3.0},
}.items():
    case(f"binary focal {name}", "BinaryFocalCrossentropy", binary(ROW), within(0.02, 0.98, ROW), options)
case("binary focal logits", "BinaryFocalCrossentropy", binary(ROW), normal(ROW, 2), {"from_logits": True})

# Categorical
case("categorical", "CategoricalCrossentropy", chosen, probable)
case("categorical smoothed", "CategoricalCrossentropy", chosen, probable, {"label_smoothing": 0.1})
case("categorical logits", "CategoricalCrossentropy", chosen, normal(ROW, 3), {"from_logits": True})
case("categorical not normalized", "CategoricalCrossentropy", probable, within(0.1, 2, ROW))
case(
    "categorical axis", "CategoricalCrossentropy", within(0, 1, IMAGE), normal(IMAGE),
    {"from_logits": True, "axis": 1, "label_smoothing": 0.2}, (BATCH, 1, 1),
)
case("categorical images", "CategoricalCrossentropy", lambda rng: one_hot(rng, IMAGE), normal(IMAGE),
     {"from_logits": True}, (BATCH, 3, 2))
case("categorical focal", "CategoricalFocalCrossentropy", chosen, probable)
case("categorical focal options", "CategoricalFocalCrossentropy", chosen, probable,
     {"alpha": 0.6, "gamma": 1.2, "label_smoothing": 0.1})
case("categorical focal logits", "CategoricalFocalCrossentropy", chosen, normal(ROW), {"from_logits": True})
case("sparse", "SparseCategoricalCrossentropy", indexes, probable)
case("sparse column", "SparseCategoricalCrossentropy", lambda rng: rng.integers(0, 4, (BATCH, 1)), probable)
case("sparse logits", "SparseCategoricalCrossentropy", indexes, normal(ROW, 3), {"from_logits": True})
case("sparse ignoring", "SparseCategoricalCrossentropy", [0, 3, 2, 3, 1, 3], probable, {"ignore_class": 3})
case("sparse ignoring outside", "SparseCategoricalCrossentropy", [0, -1, 2, -1, 1, 3], normal(ROW),
     {"ignore_class": -1, "from_logits": True})
case("sparse images", "SparseCategoricalCrossentropy", lambda rng: rng.integers(0, 4, IMAGE[:-1]), normal(IMAGE),
     {"from_logits": True}, (BATCH, 1, 1))

# Hinge, divergences
case("hinge", "Hinge", lambda rng: rng.choice([-1, 1], ROW), normal(ROW))
case("hinge of 0 and 1", "Hinge", binary(ROW), normal(ROW))
case("squared hinge", "SquaredHinge", lambda rng: rng.choice([-1, 1], ROW), normal(ROW))
case("squared hinge of 0 and 1", "SquaredHinge", binary(ROW), normal(ROW))
case("categorical hinge", "CategoricalHinge", chosen, normal(ROW))
case("kl", "KLDivergence", probable, probable)
case("poisson", "Poisson", within(0, 3, ROW), within(0.1, 3, ROW))

# Regression
for name, class_name in {
    "mse": "MeanSquaredError",
    "mae": "MeanAbsoluteError",
    "log cosh": "LogCosh",
    "huber": "Huber",
    "cosine": "CosineSimilarity",
}.items():
    case(name, class_name, normal(ROW), normal(ROW))
    case(f"{name} images", class_name, normal(IMAGE), normal(IMAGE), {}, (BATCH, 1, 1))
case("mse one output", "MeanSquaredError", normal((BATCH,)), normal((BATCH, 1)))
case("mape", "MeanAbsolutePercentageError", within(0.5, 3, ROW), normal(ROW))
case("msle", "MeanSquaredLogarithmicError", within(0, 3, ROW), within(0.1, 3, ROW))
case("huber narrow", "Huber", normal(ROW), normal(ROW), {"delta": 0.3})
case("cosine axis", "CosineSimilarity", normal(IMAGE), normal(IMAGE), {"axis": 1}, (BATCH, 1, 1))

# Overlap, similarity
case("dice", "Dice", binary(IMAGE), within(0, 1, IMAGE))
case("dice axes", "Dice", binary(IMAGE), within(0, 1, IMAGE), {"axis": [1, 2, 3]})
case("dice one axis", "Dice", binary(ROW), within(0, 1, ROW), {"axis": -1})
case("tversky", "Tversky", binary(IMAGE), within(0, 1, IMAGE))
case("tversky axes", "Tversky", binary(IMAGE), within(0, 1, IMAGE), {"axis": [1, 2, 3], "alpha": 0.3, "beta": 0.7})
case("circle", "Circle", [0, 1, 2, 0, 1, 2], lambda rng: unit(rng, (BATCH, 5)))
case("circle options", "Circle", [0, 1, 0, 0, 1, 1], lambda rng: unit(rng, (BATCH, 5)),
     {"gamma": 8.0, "margin": 0.2, "remove_diagonal": False})

# Extremes, in the precision of training
ENDS = np.array([[0, 1, 0, 1], [1, 0, 1, 0], [0.5, 0, 1, 0.5], [1, 1, 0, 0], [0, 0, 0, 1], [1e-9, 1 - 1e-9, 1, 0]])
SURE = np.array([[100, -100, 0, 100], [-100, 100, -100, 0], [100, 100, 100, 100], [0, 0, 0, 0], [-100, 0, 0, 100],
                 [50, -50, 20, -20]])
ZERO_ONE = np.array([[0, 0, 1, 1], [1, 1, 0, 0], [0, 1, 0, 1], [1, 0, 1, 0], [1, 1, 1, 1], [0, 0, 0, 0]])
CORNERS = np.eye(4)[[0, 1, 2, 3, 0, 1]]
for name, class_name, targets, predictions, options in [
    ("binary", "BinaryCrossentropy", ZERO_ONE, ENDS, {}),
    ("binary logits", "BinaryCrossentropy", ZERO_ONE, SURE, {"from_logits": True}),
    ("binary focal", "BinaryFocalCrossentropy", ZERO_ONE, ENDS, {}),
    ("categorical", "CategoricalCrossentropy", CORNERS, ENDS, {}),
    ("categorical logits", "CategoricalCrossentropy", CORNERS, SURE, {"from_logits": True}),
    ("categorical focal", "CategoricalFocalCrossentropy", CORNERS, ENDS, {}),
    ("sparse", "SparseCategoricalCrossentropy", np.arange(6) % 4, ENDS, {}),
    ("sparse logits", "SparseCategoricalCrossentropy", np.arange(6) % 4, SURE, {"from_logits": True}),
    ("kl", "KLDivergence", ENDS[::-1], ENDS, {}),
    ("poisson", "Poisson", ZERO_ONE, ENDS, {}),
    ("log cosh", "LogCosh", ZERO_ONE, SURE, {}),
    ("msle", "MeanSquaredLogarithmicError", ZERO_ONE, SURE, {}),
    ("mape", "MeanAbsolutePercentageError", ZERO_ONE, ENDS, {}),
    ("dice", "Dice", 0 * ZERO_ONE, 0 * ENDS, {}),
    ("tversky", "Tversky", 0 * ZERO_ONE, 0 * ENDS, {}),
    ("hinge", "CategoricalHinge", CORNERS, SURE, {}),
]:
    case(f"extreme {name}", class_name, targets, predictions, options, dtype="float32")

save("losses", tensors, rows)
