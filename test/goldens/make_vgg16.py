"""VGG16's features and first training steps in Keras: `python test/goldens/make_vgg16.py`.

Weights are ImageNet's, rounded to half precision as the package ships them. What is trained is the tail behind
block4_pool; it is computed in float32 and again in float64 (from the same float32 features of block4_pool), which
tells how far float32 itself can be trusted: `float32Error` is |float32 - float64| / |float64| over the whole tensor.

A large tensor is kept as its L2 norm and a sample: entries 0, stride, 2*stride, … of the flattened tensor.
"""

import os

os.environ["CUDA_VISIBLE_DEVICES"] = ""
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "2"

from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from golden_files import generator, save
from safetensors.numpy import load_file

tf.config.threading.set_intra_op_parallelism_threads(2)
tf.config.experimental.enable_op_determinism()

SHARED = Path(__file__).parents[3] / "shared" / "data"
CLASSES = ["CNV", "DME", "DRUSEN", "NORMAL"]
CLASS_WEIGHTS = np.array([1.2, 0.8, 1.5, 0.7], np.float32)
SAMPLE = 10_000  # all of a small tensor

tensors: dict[str, np.ndarray] = {}

# ---- images


def read_image(path: Path) -> np.ndarray:
    """uint8 [224, 224, 1]: stretched, antialiased bilinear, rounded."""
    grey = tf.io.decode_jpeg(path.read_bytes(), channels=1, dct_method="INTEGER_ACCURATE")
    resized = tf.image.resize(grey, (224, 224), antialias=True)
    return tf.cast(tf.clip_by_value(tf.round(resized), 0, 255), tf.uint8).numpy()


paths = [p for c in CLASSES for p in sorted((SHARED / "oct2017-sample" / "train" / c).iterdir())[:2]]
labels = np.array([CLASSES.index(p.parent.name) for p in paths], np.int32)
one_hot = np.eye(4, dtype=np.float32)[labels]
grey = np.stack([read_image(p) for p in paths])
tensors |= {"images": grey, "labels": labels}

rgb = np.repeat(grey, 3, axis=3).astype(np.float32)
preprocessed = {
    "default": rgb[..., ::-1] - np.array([103.939, 116.779, 123.68], np.float32),
    "tutorial": rgb / np.float32(255),
}

# ---- the frozen trunk

originals = load_file(SHARED / "vgg16/vgg16_notop.safetensors")
weights = {name: value.astype(np.float16).astype(np.float32) for name, value in originals.items()}
base = keras.applications.VGG16(include_top=False, weights=None, input_shape=(224, 224, 3))
for layer in base.layers:
    if layer.weights:
        layer.set_weights([weights[f"{layer.name}/kernel"], weights[f"{layer.name}/bias"]])
assert [layer.name for layer in base.layers[-4:]] == ["block5_conv1", "block5_conv2", "block5_conv3", "block5_pool"]
trunk = keras.Model(base.input, [base.get_layer("block4_pool").output, base.output])

features = {}
for recipe, inputs in preprocessed.items():
    block4, block5 = (value.numpy() for value in trunk(inputs))
    features[recipe] = block4
    tensors[f"features/{recipe}/block4Average"] = block4.mean((1, 2), dtype=np.float64).astype(np.float32)
    tensors[f"features/{recipe}/block5Average"] = block5.mean((1, 2), dtype=np.float64).astype(np.float32)
    tensors[f"features/{recipe}/block5Pool"] = block5[:2]

# The same trunk in double precision: single precision's own error is that of the whole network, not of its tail alone.
keras.config.set_dtype_policy("float64")
base64 = keras.applications.VGG16(include_top=False, weights=None, input_shape=(224, 224, 3))
base64.set_weights(base.get_weights())
trunk64 = keras.Model(base64.input, base64.get_layer("block4_pool").output)
features64 = {recipe: trunk64(inputs.astype(np.float64)).numpy() for recipe, inputs in preprocessed.items()}
keras.config.set_dtype_policy("float32")

# The variance of a channel that is dark in all eight images would be no more than rounding: at least a thousandth
# of the mean variance is kept, so that the standardised features are as well conditioned as those of a data set.
both = np.concatenate([tensors["features/default/block4Average"], tensors["features/default/block5Average"]], axis=1)
variance = both.var(0, dtype=np.float64)
tensors["default/mean"] = both.mean(0, dtype=np.float64).astype(np.float32)
tensors["default/variance"] = np.maximum(variance, variance.mean() / 1000).astype(np.float32)
tensors["default/initial/head/kernel"] = (generator("default head").normal(size=(1024, 4)) * 0.01).astype(np.float32)
tensors["tutorial/initial/head/kernel"] = (generator("tutorial head").normal(size=(25088, 4)) * 0.01).astype(np.float16)

# ---- the tails


def tail(recipe: str, dtype: str) -> keras.Model:
    """block4_pool [batch, 14, 14, 512] → probabilities [batch, 4]."""
    inputs = keras.Input((14, 14, 512), dtype=dtype)
    x = inputs
    for name in ["block5_conv1", "block5_conv2", "block5_conv3"]:
        x = keras.layers.Conv2D(512, 3, padding="same", activation="relu", name=name, dtype=dtype)(x)
    x = keras.layers.MaxPooling2D(2, dtype=dtype)(x)
    if recipe == "default":
        pools = [keras.layers.GlobalAveragePooling2D(dtype=dtype)(value) for value in (inputs, x)]
        x = keras.layers.Concatenate(dtype=dtype)(pools)
        mean, variance = tensors["default/mean"], tensors["default/variance"]
        x = keras.layers.Normalization(mean=mean, variance=variance, dtype=dtype)(x)
    else:
        x = keras.layers.Flatten(dtype=dtype)(x)
    outputs = keras.layers.Dense(4, activation="softmax", name="head", dtype=dtype)(x)
    model = keras.Model(inputs, outputs)
    for layer in model.layers:
        if layer.name.startswith("block5"):
            layer.set_weights([weights[f"{layer.name}/kernel"], weights[f"{layer.name}/bias"]])
    kernel = tensors[f"{recipe}/initial/head/kernel"].astype(np.float32)
    model.get_layer("head").set_weights([kernel, np.zeros(4, np.float32)])
    return model


def loss_and_gradients(model: keras.Model, x, y, sample_weight):
    loss_function = keras.losses.CategoricalCrossentropy(dtype=x.dtype)
    with tf.GradientTape() as tape:
        loss = loss_function(y, model(x, training=True), sample_weight=sample_weight)
    return loss, tape.gradient(loss, [v.value for v in model.trainable_variables])


def fit(model: keras.Model, x, y, sample_weight, optimizers, steps=3):
    """Losses before each step and after the last, the first gradients, and how far each weight went."""
    variables = model.trainable_variables
    before = [v.numpy() for v in variables]
    losses, first = [], None
    for _ in range(steps):
        loss, gradients = loss_and_gradients(model, x, y, sample_weight)
        first = first or [g.numpy() for g in gradients]
        losses.append(float(loss))
        for optimizer, owns in optimizers:
            mine = [(g, v) for g, v in zip(gradients, variables) if owns(v.path)]
            optimizer.apply(*zip(*mine))
    losses.append(float(loss_and_gradients(model, x, y, sample_weight)[0]))
    return losses, first, [v.numpy() - b for v, b in zip(variables, before)]


def stride_of(size: int) -> int:
    """Odd, so that a sample meets every output channel of a kernel."""
    return 1 if size <= SAMPLE else (size // 4096) | 1


def keep(key: str, single: np.ndarray, double: np.ndarray) -> dict:
    """Stores a tensor's sample in both precisions, and describes it."""
    stride = stride_of(single.size)
    tensors[key] = single.ravel()[::stride].astype(np.float32)
    tensors[f"{key}/float64"] = double.ravel()[::stride].astype(np.float32)
    return {
        "sample": key,
        "shape": list(single.shape),
        "stride": stride,
        "norm": float(np.linalg.norm(single.astype(np.float64))),
        "norm64": float(np.linalg.norm(double)),
        "float32Error": float(np.linalg.norm(single - double) / np.linalg.norm(double)),
    }


def name_of(variable) -> str:
    """`layer/kernel`, without the name that Keras gives a Sequential."""
    return "/".join(variable.path.split("/")[-2:])


def record(prefix: str, build, inputs: dict, y, sample_weight, optimizers: dict) -> dict:
    """Runs `build(dtype)` on `inputs[dtype]` with each of the optimizers, always from the same weights."""
    result = {"runs": {}}
    for run, (settings, make) in optimizers.items():
        outcomes = {}
        for dtype in ["float32", "float64"]:
            model = build(dtype)
            w = None if sample_weight is None else sample_weight.astype(dtype)
            outcomes[dtype] = fit(model, inputs[dtype], y.astype(dtype), w, make())
        (losses, first, moved), (losses64, first64, moved64) = outcomes["float32"], outcomes["float64"]
        names = [name_of(variable) for variable in model.trainable_variables]
        result |= {
            "loss": losses[0],
            "loss64": losses64[0],
            "gradients": {n: keep(f"{prefix}/gradient/{n}", a, b) for n, a, b in zip(names, first, first64)},
        }
        result["runs"][run] = {
            **settings,
            "losses": losses,
            "losses64": losses64,
            "moved": {n: keep(f"{prefix}/{run}/moved/{n}", a, b) for n, a, b in zip(names, moved, moved64)},
        }
    return result


def everything(_: str) -> bool:
    return True


def is_head(path: str) -> bool:
    return path.startswith("head/")


def is_body(path: str) -> bool:
    return not is_head(path)


def check_against_fit() -> None:
    """One step of `model.fit` with class weights, and one of Adam by its formula, agree with what is recorded here."""
    x, w = features["default"], CLASS_WEIGHTS[labels]
    model, other = tail("default", "float32"), tail("default", "float32")
    model.compile(keras.optimizers.SGD(1e-3), "categorical_crossentropy")
    history = model.fit(x, one_hot, 8, shuffle=False, verbose=0, class_weight=dict(enumerate(CLASS_WEIGHTS.tolist())))
    losses, first, _ = fit(other, x, one_hot, w, [(keras.optimizers.SGD(1e-3), everything)], steps=1)
    np.testing.assert_allclose(history.history["loss"][0], losses[0], rtol=1e-5)
    for a, b in zip(model.get_weights(), other.get_weights()):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-7)

    probabilities = tail("default", "float32")(x).numpy().astype(np.float64)
    by_hand = np.sum(-w * np.log(probabilities[np.arange(8), labels])) / 8
    np.testing.assert_allclose(losses[0], by_hand, rtol=1e-5)

    adam = tail("default", "float32")
    before = adam.get_layer("head").get_weights()[0].astype(np.float64)
    fit(adam, x, one_hot, w, [(keras.optimizers.AdamW(3e-4, weight_decay=1e-4), everything)], steps=1)
    g = first[-2].astype(np.float64)
    # Both moments are corrected by their first step's factors: m̂ = g, v̂ = g²; ε stands beside the root of v.
    root = np.sqrt(0.001 * g**2)
    step = 3e-4 * np.sqrt(1 - 0.999) / (1 - 0.9) * (0.1 * g) / (root + 1e-7)
    np.testing.assert_allclose(adam.get_layer("head").get_weights()[0], before - 3e-4 * 1e-4 * before - step, atol=1e-8)


# ---- a network without kinks

SMOOTH_LAYERS = [
    {"name": "conv1", "kernelSize": 3, "filters": 8, "strides": 1},
    {"name": "pool1", "poolSize": 2},
    {"name": "conv2", "kernelSize": 3, "filters": 16, "strides": 1},
    {"name": "conv3", "kernelSize": 1, "filters": 16, "strides": 1},
    {"name": "pool2", "poolSize": 2},
    {"name": "conv4", "kernelSize": 3, "filters": 32, "strides": 2},
    {"name": "conv5", "kernelSize": 3, "filters": 32, "strides": 1},
]


def smooth_network(dtype: str) -> keras.Model:
    """SMOOTH_LAYERS ('same' convolutions with softplus, average pools), their average, and a softmax of four."""

    def layer(name, poolSize=None, filters=None, kernelSize=None, strides=None):
        if poolSize:
            return keras.layers.AveragePooling2D(poolSize, name=name, dtype=dtype)
        return keras.layers.Conv2D(
            filters, kernelSize, strides, padding="same", activation="softplus", name=name, dtype=dtype
        )

    head = keras.layers.Dense(4, activation="softmax", name="head", dtype=dtype)
    average = keras.layers.GlobalAveragePooling2D(dtype=dtype)
    body = [layer(**row) for row in SMOOTH_LAYERS]
    model = keras.Sequential([keras.Input((24, 24, 3), dtype=dtype), *body, average, head])
    for variable in model.trainable_variables:
        key = f"smooth/initial/{name_of(variable)}"
        scale = 0.1 if key.endswith("bias") else np.prod(variable.shape[:-1]) ** -0.5
        tensors[key] = (generator(key).normal(size=variable.shape) * scale).astype(np.float32)
        variable.assign(tensors[key])
    return model


# ---- all of it

check_against_fit()
sgd = ({"learningRate": 1e-3, "momentum": 0}, lambda: [(keras.optimizers.SGD(1e-3), everything)])
adam_w = (
    {"learningRate": 1e-4, "headLearningRate": 3e-4, "weightDecay": 1e-4, "beta1": 0.9, "beta2": 0.999, "epsilon": 1e-7},
    lambda: [
        (keras.optimizers.AdamW(1e-4, weight_decay=1e-4), is_body),
        (keras.optimizers.AdamW(3e-4, weight_decay=1e-4), is_head),
    ],
)
adam = (
    {"learningRate": 1e-3, "beta1": 0.9, "beta2": 0.999, "epsilon": 1e-7},
    lambda: [(keras.optimizers.Adam(1e-3), everything)],
)
y = one_hot
both_precisions = {recipe: {"float32": features[recipe], "float64": features64[recipe]} for recipe in features}
smooth_x = generator("smooth/x").normal(size=(4, 24, 24, 3)).astype(np.float32)
smooth_labels = np.array([2, 0, 3, 1], np.int32)
smooth_inputs = {dtype: smooth_x.astype(dtype) for dtype in ["float32", "float64"]}
tensors |= {"smooth/x": smooth_x, "smooth/labels": smooth_labels}
smooth_sgd = ({"learningRate": 0.05}, lambda: [(keras.optimizers.SGD(0.05), everything)])
structure = {
    "versions": {"keras": keras.__version__, "tensorflow": tf.__version__},
    "classes": CLASSES,
    "files": [f"train/{p.parent.name}/{p.name}" for p in paths],
    "classWeights": [round(float(w), 6) for w in CLASS_WEIGHTS],
    "default": record(
        "default", lambda d: tail("default", d), both_precisions["default"], y, CLASS_WEIGHTS[labels], {"sgd": sgd, "adamw": adam_w}
    ),
    "tutorial": record(
        "tutorial", lambda d: tail("tutorial", d), both_precisions["tutorial"], y, None, {"sgd": sgd, "adam": adam}
    ),
    "smoothLayers": SMOOTH_LAYERS,
    "smooth": record(
        "smooth", smooth_network, smooth_inputs, np.eye(4)[smooth_labels], None, {"sgd": smooth_sgd}
    ),
}
save("vgg16", tensors, structure)
for recipe in ["default", "tutorial", "smooth"]:
    part = structure[recipe]
    print(recipe, {run: r["losses"] for run, r in part["runs"].items()})
    print("float32's error:", {n: f"{g['float32Error']:.1e}" for n, g in part["gradients"].items()})
