"""Training of small networks with residuals and branches in Keras: `python test/goldens/make_training.py`.

Each row of training.json is one graph in one variant: everything trainable, BatchNormalization frozen, or the lower
half of the layers frozen. `model` is what Keras' `to_json` says; `weights` stand in the order of `model.weights`, with
the values that training starts from; `trainable` holds the indices in it of `model.trainable_weights`.

Each of `runs` trains with one optimizer: step i takes batch i mod 2 with the mean categorical cross-entropy of the
softmax. `losses` are those before each step, in training mode; `final` are the weights after the last one, in the
order of `weights` (what did not change has its first tensor).

Computed in float64 and stored in float32. Beside it stands how far Keras in float32 came to lie from that:
`float32Distance` is |float32 - float64| / |float64| over all weights that changed, `float32DistanceOfChange` the same
difference by |float64 - initial|, `float32LossDistance` the largest relative difference of a loss.
"""

import os

os.environ["CUDA_VISIBLE_DEVICES"] = ""
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "2"

import json

import keras
import numpy as np
import tensorflow as tf
from golden_files import generator, relative_distance, save, weight_value
from keras import layers

tf.config.threading.set_intra_op_parallelism_threads(1)
tf.config.experimental.enable_op_determinism()

STEPS, BATCH, CLASSES = 20, 8, 4
SHAPE = (16, 16, 3)
tensors: dict[str, np.ndarray] = {}

# ---- graphs


def conv(x, filters, kernel, name, strides=1, activation="relu"):
    """Convolution without a bias, BatchNormalization, ReLU.

    A bias ahead of a normalization by the batch has no gradient but rounding, of which Adam would make whole steps.
    """
    x = layers.Conv2D(filters, kernel, strides, padding="same", use_bias=False, name=f"{name}_conv")(x)
    x = layers.BatchNormalization(momentum=0.9, name=f"{name}_bn")(x)
    return layers.Activation(activation, name=f"{name}_{activation}")(x) if activation else x


def head(inputs, x):
    x = layers.GlobalAveragePooling2D(name="average")(x)
    return keras.Model(inputs, layers.Dense(CLASSES, activation="softmax", name="predictions")(x))


def resnet() -> keras.Model:
    def block(x, filters, name, strides=1):
        around = x
        if strides > 1 or x.shape[-1] != filters:
            around = conv(x, filters, 1, f"{name}_0", strides, activation=None)
        x = conv(x, filters, 3, f"{name}_1", strides)
        x = conv(x, filters, 3, f"{name}_2", activation=None)
        return layers.ReLU(name=f"{name}_out")(layers.Add(name=f"{name}_add")([around, x]))

    inputs = keras.Input(SHAPE, name="image")
    x = conv(inputs, 6, 3, "stem")
    x = block(x, 6, "block1")
    x = block(x, 8, "block2", strides=2)
    x = block(x, 12, "block3", strides=2)
    return head(inputs, x)


def inception() -> keras.Model:
    def mixed(x, name):
        pooled = layers.AveragePooling2D(3, strides=1, padding="same", name=f"{name}_pool")(x)
        branches = [
            conv(x, 4, 1, f"{name}_1x1"),
            conv(conv(x, 4, 1, f"{name}_3x3_reduce"), 6, 3, f"{name}_3x3"),
            conv(pooled, 4, 1, f"{name}_pool_project"),
        ]
        return layers.Concatenate(name=f"{name}_concat")(branches)

    def reduction(x, name):
        pooled = layers.MaxPooling2D(3, strides=2, padding="same", name=f"{name}_pool")(x)
        return layers.Concatenate(name=f"{name}_concat")([conv(x, 6, 3, f"{name}_3x3", strides=2), pooled])

    inputs = keras.Input(SHAPE, name="image")
    x = conv(inputs, 6, 3, "stem")
    x = mixed(x, "mixed1")
    x = reduction(x, "reduction")
    x = mixed(x, "mixed2")
    return head(inputs, x)


def all_trainable(model) -> None:
    pass


def freeze_batch_normalization(model) -> None:
    for layer in model.layers:
        if isinstance(layer, layers.BatchNormalization):
            layer.trainable = False


def freeze_lower_half(model) -> None:
    for layer in model.layers[: len(model.layers) // 2]:
        layer.trainable = False


GRAPHS = {"resnet": resnet, "inception": inception}
VARIANTS = {
    "all": all_trainable,
    "frozenBatchNormalization": freeze_batch_normalization,
    "frozenLowerHalf": freeze_lower_half,
}
OPTIMIZERS = {
    "sgd": ("SGD", {"learning_rate": 0.05, "momentum": 0.9}),
    "adam": ("Adam", {"learning_rate": 0.001}),
}


def build(graph: str, variant: str, dtype: str) -> keras.Model:
    keras.backend.clear_session()
    keras.config.set_floatx(dtype)
    keras.config.set_dtype_policy(dtype)
    model = GRAPHS[graph]()
    VARIANTS[variant](model)
    return model


# ---- data


def batch(index: int) -> tuple[np.ndarray, np.ndarray]:
    """Images of stripes, whose direction and colour tell the class, under noise; labels are one-hot."""
    random = generator(f"training/batch/{index}")
    labels = np.arange(BATCH) % CLASSES
    rows, columns = np.mgrid[: SHAPE[0], : SHAPE[1]]
    phase = random.uniform(0, 6, BATCH)[:, None, None]
    along = np.where((labels % 2 == 0)[:, None, None], rows, columns)
    colours = np.array([[1.0, 0.2, -0.5], [-0.4, 1.0, 0.3]])[labels // 2]
    images = np.sin(along + phase)[..., None] * colours[:, None, None, :]
    images = images + 0.5 * random.normal(size=images.shape)
    return images.astype(np.float32), np.eye(CLASSES, dtype=np.float32)[labels]


# ---- training


def train(model, weights, batches, optimizer: str) -> tuple[list[float], list[np.ndarray]]:
    """Losses before each step, and the weights after the last."""
    model.set_weights(weights)
    class_name, options = OPTIMIZERS[optimizer]
    optimizer = getattr(keras.optimizers, class_name)(**options)
    loss_function = keras.losses.CategoricalCrossentropy()
    variables, dtype = model.trainable_variables, keras.config.floatx()
    losses = []
    for step in range(STEPS):
        x, y = (tf.constant(part, dtype) for part in batches[step % 2])
        with tf.GradientTape() as tape:
            loss = loss_function(y, model(x, training=True))
        optimizer.apply(tape.gradient(loss, [v.value for v in variables]), variables)
        losses.append(float(loss))
    return losses, [v.numpy() for v in model.weights]


def check_against_fit(model, weights, batches, losses, final) -> None:
    """`fit`, which is what users call, goes the same way."""
    model.set_weights(weights)
    model.compile(keras.optimizers.SGD(**OPTIMIZERS["sgd"][1]), "categorical_crossentropy", jit_compile=False)
    x, y = (np.concatenate(part).astype(keras.config.floatx()) for part in zip(*batches))
    history = model.fit(x, y, BATCH, epochs=STEPS // 2, shuffle=False, verbose=0)
    means = np.reshape(losses, (-1, 2)).mean(1)
    np.testing.assert_allclose(history.history["loss"], means, rtol=1e-9)
    for a, b in zip(model.get_weights(), final, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-7, atol=1e-9)


def whole(values: list[np.ndarray]) -> np.ndarray:
    return np.concatenate([value.ravel() for value in values])


def distance_in_float32(weights, single, double) -> dict[str, float]:
    (losses32, final32), (losses, final) = single, double
    changed = [i for i, (a, b) in enumerate(zip(final, weights)) if not np.array_equal(a, b)]
    a, b, start = (whole([values[i] for i in changed]) for values in (final32, final, weights))
    return {
        "float32Distance": relative_distance(a, b),
        "float32DistanceOfChange": float(np.linalg.norm(a - b) / np.linalg.norm(b - start)),
        "float32LossDistance": float(np.max(np.abs(np.subtract(losses32, losses)) / np.abs(losses))),
    }


batches = [batch(0), batch(1)]
for i, (images, labels) in enumerate(batches):
    tensors |= {f"batch/{i}/images": images, f"batch/{i}/labels": labels}

rows = []
for graph in GRAPHS:
    paths = [v.path for v in build(graph, "all", "float32").weights]
    for variant in VARIANTS:
        single = build(graph, variant, "float32")
        description = json.loads(single.to_json())
        assert [v.path for v in single.weights] == paths
        weights = [weight_value(f"training/{graph}/{v.path}", v) for v in single.weights]
        tensors |= {f"{graph}/initial/{path}": value for path, value in zip(paths, weights, strict=True)}
        described = [
            {"name": v.name, "path": v.path, "shape": list(v.shape), "tensor": f"{graph}/initial/{v.path}"}
            for v in single.weights
        ]
        trainable = [next(i for i, w in enumerate(single.weights) if w is v) for v in single.trainable_weights]
        in_float32 = {optimizer: train(single, weights, batches, optimizer) for optimizer in OPTIMIZERS}
        double = build(graph, variant, "float64")
        runs = {}
        for optimizer, (class_name, options) in OPTIMIZERS.items():
            losses, final = train(double, weights, batches, optimizer)
            if optimizer == "sgd" and variant == "frozenLowerHalf":
                check_against_fit(double, weights, batches, losses, final)
            keys = []
            for path, value, start in zip(paths, final, weights, strict=True):
                changed = not np.array_equal(value, start)
                keys.append(f"{graph}/{variant}/{optimizer}/{path}" if changed else f"{graph}/initial/{path}")
                if changed:
                    tensors[keys[-1]] = value.astype(np.float32)
            distances = distance_in_float32(weights, in_float32[optimizer], (losses, final))
            runs[optimizer] = {
                "optimizer": {"class_name": class_name, "config": options},
                "losses": losses,
                "final": keys,
                **distances,
            }
            print(f"{graph}/{variant}/{optimizer}: loss {losses[0]:.4f} → {losses[-1]:.4f},", distances)
        rows.append(
            {
                "name": f"{graph}/{variant}",
                "model": description,
                "weights": described,
                "trainable": trainable,
                "batches": [{"images": f"batch/{i}/images", "labels": f"batch/{i}/labels"} for i in range(2)],
                "runs": runs,
            }
        )
save("training", tensors, rows)
