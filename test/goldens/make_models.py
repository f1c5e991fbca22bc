"""Values and gradients of random models in Keras: `python test/goldens/make_models.py [count] [stem]`.

Writes `count` models (60) to `<stem>.json` and `<stem>.safetensors` (models); a stem may be a path of another folder.
Each row is one model with branches, merges, layers that are called twice, models within models, and frozen parts.

`model` is what Keras' `to_json` says. `weights` stand in the order of `model.weights`; `trainable` holds the indices in
it of `model.trainable_weights`. Each of `calls` is one call from these weights, with `loss = sum over the outputs of
sum(output * upstream)` and its gradients by the inputs (null where none passes) and by the trainable weights, in the
order of `trainable`. `updated` holds, by index in `weights`, what a call changed.

Computed in float64 and stored in float32. A gradient that cancels out, as that of a bias ahead of a normalization by
the batch, is stored as zeros: computed in float32 it is rounding. A model is taken only if its values and gradients
are moderate, come out the same in float32 (to 1e-5, relative L2), and follow a change of inputs and weights by a
millionth in proportion: no kink is that near.
"""

import os

os.environ["CUDA_VISIBLE_DEVICES"] = ""
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "2"

import json
import sys
from collections import Counter

import keras
import numpy as np
import tensorflow as tf
from golden_files import generator, relative_distance, save, weight_value
from keras import layers

tf.config.threading.set_intra_op_parallelism_threads(1)
tf.config.experimental.enable_op_determinism()

BATCH = 4
LARGEST = 600  # numbers in one value of a model, per example
ACTIVATIONS = "linear relu tanh sigmoid elu selu gelu swish softplus softsign hard_sigmoid relu6 mish".split()
ACTIVATIONS += "leaky_relu exponential log_softmax softmax celu hard_silu log_sigmoid squareplus tanh_shrink".split()


class Builder:
    """Draws one model. The same seed draws the same one whatever the precision."""

    def __init__(self, seed: int, training: bool) -> None:
        self.random = generator(f"models/{seed}")
        self.training = training

    def chance(self, probability: float) -> bool:
        return self.random.random() < probability

    def choose(self, options):
        return options[int(self.random.integers(len(options)))]

    def number(self, low: float, high: float) -> float:
        return round(float(self.random.uniform(low, high)), 3)

    # ---- layers of one input

    def layer(self, shape: tuple[int, ...]):
        """A layer that takes `shape` (without the batch)."""
        kinds = {1: self.of_vector, 2: self.of_sequence, 3: self.of_image}
        of_any = [self.norm, self.norm, self.activation, self.activation, self.dense, self.scale]
        of_any += [] if self.training else [self.noise]
        return self.choose([*of_any, *kinds[len(shape)](shape)])(shape)

    def activation_name(self) -> str | None:
        return self.choose(ACTIVATIONS) if self.chance(0.5) else None

    def activation(self, shape):
        axes = list(range(1, len(shape)))
        return self.choose(
            [
                lambda: layers.Activation(self.choose(ACTIVATIONS)),
                lambda: layers.ReLU(
                    max_value=self.choose([None, 2.5]),
                    negative_slope=self.choose([0.0, 0.1]),
                    threshold=self.choose([0.0, 0.3]),
                ),
                lambda: layers.LeakyReLU(negative_slope=self.number(0.05, 0.4)),
                lambda: layers.ELU(alpha=self.number(0.3, 1.5)),
                lambda: layers.PReLU(shared_axes=self.choose([None, axes]) if axes else None),
                lambda: layers.Softmax(axis=self.choose([-1, 1])),
            ]
        )()

    def norm(self, shape):
        batch = lambda: layers.BatchNormalization(
            axis=self.choose([-1, -1, -1, 1]),
            momentum=self.choose([0.99, 0.9, 0.6]),
            epsilon=self.choose([1e-3, 1e-2]),
            center=self.chance(0.8),
            scale=self.chance(0.8),
        )
        groups = [g for g in (1, 2, 3) if shape[-1] % g == 0]
        return self.choose(
            [
                batch,
                batch,
                batch,
                lambda: layers.LayerNormalization(axis=self.choose([-1, list(range(1, len(shape) + 1))])),
                lambda: layers.GroupNormalization(groups=self.choose(groups)),
                lambda: layers.UnitNormalization(axis=-1),
            ]
        )()

    def dense(self, shape):
        return layers.Dense(self.choose([2, 3, 4, 6]), self.activation_name(), use_bias=self.chance(0.8))

    def scale(self, shape):
        many = [self.number(-1, 1) for _ in range(shape[-1])]
        positive = [self.number(0.5, 2) for _ in range(shape[-1])]
        return self.choose(
            [
                lambda: layers.Rescaling(self.number(0.5, 2), offset=self.number(-1, 1)),
                lambda: layers.Rescaling(positive, offset=many),
                lambda: layers.Normalization(mean=many, variance=positive, invert=self.chance(0.3)),
            ]
        )()

    def noise(self, shape):
        """What lets everything pass at inference."""
        makers = [
            lambda: layers.Dropout(0.4, seed=1),
            lambda: layers.GaussianNoise(0.2, seed=2),
            lambda: layers.GaussianDropout(0.3, seed=3),
        ]
        if len(shape) == 3:
            makers += [
                lambda: layers.SpatialDropout2D(0.3, seed=4),
                lambda: layers.RandomFlip(self.choose(["horizontal", "vertical"]), seed=5),
                lambda: layers.RandomRotation(0.1, fill_mode="constant", seed=6),
                lambda: layers.RandomTranslation(0.1, 0.2, seed=7),
                lambda: layers.RandomZoom(0.2, seed=8),
                lambda: layers.RandomContrast(0.2, value_range=(0, 1), seed=9),
            ]
        return self.choose(makers)()

    def of_vector(self, shape):
        makers = [lambda s: layers.RepeatVector(self.choose([2, 3])), self.dense, self.dense, self.dense]
        if shape[0] % 4 == 0 and shape[0] <= 64:
            makers += [lambda s: layers.Reshape(self.choose([(2, 2, s[0] // 4), (2, 2, -1)]))] * 2
        return makers

    def of_sequence(self, shape):
        return [
            lambda s: layers.Permute((2, 1)),
            lambda s: layers.Flatten(),
            lambda s: layers.Reshape(self.choose([(*s, 1), (s[0], -1, 1), (1, *s)])),
        ]

    def of_image(self, shape):
        height, width, channels = shape
        small = min(height, width)
        kernels = [k for k in (1, 2, 3, (3, 2), (1, 3)) if np.max(k) <= small]
        stride = lambda: self.choose([1, 1, 2])
        padding = lambda: self.choose(["same", "valid"])
        options = lambda: {"activation": self.activation_name(), "use_bias": self.chance(0.7), "padding": padding()}

        def conv(_):
            grouped = channels % 2 == 0 and self.chance(0.2)
            filters = self.choose([2, 4] if grouped else [2, 3, 4, 6])
            return layers.Conv2D(
                filters, self.choose(kernels), strides=stride(), groups=2 if grouped else 1, **options()
            )

        def pool(_):
            size = self.choose([k for k in (2, 3) if k <= small] or [1])
            cls = self.choose([layers.MaxPooling2D, layers.AveragePooling2D])
            return cls(size, strides=self.choose([None, 1, 2]), padding=padding())

        makers = [
            conv,
            conv,
            conv,
            conv,
            pool,
            pool,
            lambda s: layers.DepthwiseConv2D(
                self.choose(kernels), strides=stride(), depth_multiplier=self.choose([1, 1, 2]), **options()
            ),
            lambda s: layers.SeparableConv2D(self.choose([2, 4]), self.choose(kernels), strides=stride(), **options()),
            lambda s: layers.GlobalAveragePooling2D(keepdims=self.chance(0.3)),
            lambda s: layers.GlobalMaxPooling2D(keepdims=self.chance(0.3)),
            lambda s: layers.Flatten(),
            lambda s: layers.Reshape(self.choose([(-1, s[2]), (s[0] * s[1], s[2]), (s[1], s[0], s[2])])),
            lambda s: layers.Permute(self.choose([(2, 1, 3), (3, 1, 2)])),
        ]
        if height * width <= 25:
            makers += [
                lambda s: layers.Conv2DTranspose(
                    self.choose([2, 3]), self.choose([2, 3]), strides=self.choose([1, 2]), **options()
                ),
                lambda s: layers.UpSampling2D(
                    self.choose([2, (1, 2)]), interpolation=self.choose(["nearest", "bilinear"])
                ),
                lambda s: layers.ZeroPadding2D(self.choose([1, (1, 0), ((0, 1), (2, 0))])),
            ]
        if small >= 4:
            makers += [
                lambda s: layers.Cropping2D(self.choose([1, (1, 0), ((0, 1), (2, 0))])),
                lambda s: layers.CenterCrop(s[0] - 1, s[1] - 2),
                lambda s: layers.Resizing(5, 4, interpolation=self.choose(["bilinear", "nearest"])),
            ]
        return makers

    # ---- models within models

    def chain(self, x, length: int):
        for _ in range(length):
            layer = self.layer(x.shape[1:])
            y = layer(x)
            if np.prod(y.shape[1:]) <= LARGEST:
                x = y
        return x

    def inner(self, shape, depth=0):
        """A model to be used as a layer."""
        if self.chance(0.4):
            model = keras.Sequential([keras.Input(shape)] if self.chance(0.6) else [])
            x = keras.Input(shape)
            for _ in range(int(self.random.integers(1, 4))):
                layer = self.inner(x.shape[1:], depth + 1) if depth == 0 and self.chance(0.15) else None
                layer = layer or self.layer(x.shape[1:])
                y = layer(x)
                if np.prod(y.shape[1:]) <= LARGEST:
                    model.add(layer)
                    x = y
            if not model.layers:
                model.add(layers.Activation("tanh"))
        else:
            x = start = keras.Input(shape)
            x = self.chain(x, int(self.random.integers(1, 3)))
            if depth == 0 and self.chance(0.25):
                x = self.inner(x.shape[1:], depth + 1)(x)
            if self.chance(0.5):
                # The value that goes around is one of a layer: a model may not give back its own input.
                x = layers.Activation("linear")(x) if x is start else x
                x = self.residual(x)
            x = layers.Activation("softsign")(x) if x is start else x
            model = keras.Model(start, x)
        for layer in model.layers:
            if self.chance(0.1):
                layer.trainable = False
        if self.chance(0.25):
            model.trainable = False
        return model

    # ---- merges

    def merge(self):
        return self.choose([layers.Add, layers.Subtract, layers.Multiply, layers.Average, layers.Add])()

    def residual(self, x):
        """x + f(x), f keeping the shape."""
        if len(x.shape) == 4:
            y = layers.Conv2D(x.shape[-1], 3, padding="same", activation=self.activation_name())(x)
        else:
            y = layers.Dense(x.shape[-1], activation=self.activation_name())(x)
        if self.chance(0.5):
            y = layers.BatchNormalization()(y)
        return self.merge()([x, y] if self.chance(0.7) else [y, x])

    def excite(self, x):
        """Squeeze and excitation: a factor for each channel, broadcast."""
        pooled = layers.GlobalAveragePooling2D(keepdims=self.chance(0.5))(x)
        factors = layers.Dense(x.shape[-1], activation="sigmoid")(pooled)
        if len(factors.shape) == 2:
            factors = layers.Reshape((1, 1, x.shape[-1]))(factors)
        return layers.Multiply()([x, factors])

    def branches(self, x):
        """Two or three branches of one shape, and one merge, of which Maximum and Minimum see no equal values."""
        count = self.choose([2, 2, 3])
        if len(x.shape) == 4:
            filters = self.choose([2, 3])
            parts = [
                layers.Conv2D(filters, self.choose([1, 3]), padding="same", activation=self.choose([None, "tanh"]))(x)
                for _ in range(count)
            ]
        else:
            units = self.choose([2, 4])
            parts = [layers.Dense(units, activation=self.choose([None, "tanh"]))(x) for _ in range(count)]
        merge = self.choose([layers.Maximum, layers.Minimum, layers.Average, layers.Concatenate, layers.Multiply])
        return merge()(parts)

    def twice(self, x, origins, values):
        """One layer or model on two values of one shape, merged."""
        others = [v for v in values if v[0].shape == x.shape and v[0] is not x]
        y, more = self.choose(others) if others else (layers.Activation("tanh")(x), origins)
        layer = self.inner(x.shape[1:]) if self.chance(0.4) else self.layer(x.shape[1:])
        return self.merge()([layer(x), layer(y)]), origins | more

    # ---- the whole

    def model(self) -> keras.Model:
        shapes = [self.choose([(8, 7, 3), (6, 6, 3), (7, 9, 1), (5, 8, 2), (9, 9, 2)])]
        if self.chance(0.12):
            model = keras.Sequential([keras.Input(shapes[0])])
            x = keras.Input(shapes[0])
            for _ in range(int(self.random.integers(2, 9))):
                nested = self.chance(0.15)
                layer = self.inner(x.shape[1:]) if nested else self.layer(x.shape[1:])
                y = layer(x)
                if np.prod(y.shape[1:]) <= LARGEST:
                    model.add(layer)
                    x = y
            if not model.layers:
                model.add(layers.Dense(3))
            self.freeze(model)
            return model

        if self.chance(0.3):
            shapes.append(self.choose([shapes[0], shapes[0], (6,), (5, 4, 2)]))
        inputs = [keras.Input(shape) for shape in shapes]
        # Each value with the inputs it comes from.
        values = [(x, {i}) for i, x in enumerate(inputs)]
        used = []
        for _ in range(int(self.random.integers(2, 12))):
            x, origins = values[-1] if self.chance(0.7) else self.choose(values)
            y, origins = self.step(x, origins, values, used)
            if np.prod(y.shape[1:]) <= LARGEST:
                values.append((y, origins))
        results = [value for value in values if not any(value[0] is x for x in inputs)]
        if not results:
            results = [(layers.Dense(3)(values[-1][0]), values[-1][1])]
        outputs = [results[-1]]
        missing = set(range(len(inputs))) - outputs[0][1]
        if missing:
            parts = [outputs[0][0], *(inputs[i] for i in sorted(missing))]
            vectors = [layers.Flatten()(part) for part in parts]
            outputs = [(layers.Dense(4)(layers.Concatenate()(vectors)), {0, 1})]
        if len(results) > 1 and self.chance(0.35):
            outputs.insert(int(self.chance(0.5)), self.choose(results[:-1]))
        ends = [x for x, _ in outputs]
        as_lists = self.chance(0.3)
        model = keras.Model(
            inputs if len(inputs) > 1 or as_lists else inputs[0], ends if len(ends) > 1 or as_lists else ends[0]
        )
        self.freeze(model)
        return model

    def step(self, x, origins, values, used):
        """A new value from `x` and maybe others."""
        move = self.random.random()
        if move < 0.12:
            again = [layer for layer, shape in used if shape == x.shape]
            if again:
                return self.choose(again)(x), origins
        elif move < 0.27:
            others = [v for v in values if v[0].shape == x.shape and v[0] is not x]
            if others:
                y, more = self.choose(others)
                return self.merge()([x, y]), origins | more
            others = [v for v in values if v[0].shape[:-1] == x.shape[:-1] and v[0] is not x]
            if others:
                y, more = self.choose(others)
                return layers.Concatenate(axis=self.choose([-1, len(x.shape) - 1]))([y, x]), origins | more
        elif move < 0.35:
            return self.residual(x), origins
        elif move < 0.39 and len(x.shape) == 4:
            return self.excite(x), origins
        elif move < 0.45:
            return self.branches(x), origins
        elif move < 0.56:
            model = self.inner(x.shape[1:])
            used.append((model, x.shape))
            return model(x), origins
        elif move < 0.66:
            return self.twice(x, origins, values)
        layer = self.layer(x.shape[1:])
        used.append((layer, x.shape))
        return layer(x), origins

    def freeze(self, model) -> None:
        for layer in model.layers:
            if self.chance(0.15):
                layer.trainable = False


def build(seed: int, training: bool, dtype: str) -> keras.Model:
    keras.backend.clear_session()
    keras.config.set_floatx(dtype)
    keras.config.set_dtype_policy(dtype)
    return Builder(seed, training).model()


def as_list(value) -> list:
    return list(value) if isinstance(value, (list, tuple)) else [value]


def call(model, weights, inputs, upstreams, training: bool) -> dict:
    """One call from `weights`; gradients where there are any, else None."""
    model.set_weights(weights)
    values = [tf.constant(x, model.compute_dtype) for x in inputs]
    variables = [v.value for v in model.trainable_weights]
    with tf.GradientTape() as tape:
        tape.watch(values)
        outputs = as_list(model(values if len(values) > 1 else values[0], training=training))
        loss = tf.add_n([tf.reduce_sum(tf.cast(o, tf.float64) * u) for o, u in zip(outputs, upstreams, strict=True)])
    gradients = tape.gradient(loss, [*values, *variables])
    gradients = [None if g is None else tf.convert_to_tensor(g).numpy() for g in gradients]
    after = [v.numpy() for v in model.weights]
    return {
        "outputs": [o.numpy() for o in outputs],
        "inputGradients": gradients[: len(values)],
        "weightGradients": gradients[len(values) :],
        "updated": {i: a for i, (a, b) in enumerate(zip(after, weights, strict=True)) if not np.array_equal(a, b)},
    }


def every(result: dict) -> list[np.ndarray | None]:
    """All that a call gave, in order."""
    return [*result["outputs"], *result["inputGradients"], *result["weightGradients"], *result["updated"].values()]


def is_moderate(result: dict) -> bool:
    """Finite, neither huge nor, but where it cancels, tiny; and no output is constant."""
    sizes = [np.abs(value).max() for value in every(result) if value is not None and not cancels(value)]
    return all(1e-4 < size < 1e4 for size in sizes) and all(np.std(output) > 1e-3 for output in result["outputs"])


def is_near(other: dict, result: dict, tolerance: float) -> bool:
    pairs = zip(every(other), every(result), strict=True)
    return all(relative_distance(a, b) < tolerance for a, b in pairs if b is not None and not cancels(b))


def cancels(value: np.ndarray) -> bool:
    return bool(np.abs(value).max() < 1e-9)


def classes_in(config: dict) -> list[str]:
    """Names of the classes of a model's layers, those of models within included."""
    found = []
    for layer in config["config"]["layers"]:
        found.append(layer["class_name"])
        if "layers" in layer["config"]:
            found += classes_in(layer)
    return found


def draw(seed: int) -> tuple[dict, dict[str, np.ndarray]] | None:
    """A row and its tensors, or None if the model of this seed is not fit."""
    training = seed % 2 == 1
    flags = [False, True] if training else [False]
    model = build(seed, training, "float32")
    if not model.weights or sum(int(np.prod(v.shape)) for v in model.weights) > 6000:
        return None
    description = json.loads(model.to_json())
    paths = [v.path for v in model.weights]
    weights = [weight_value(f"models/{seed}/weight/{i}", v) for i, v in enumerate(model.weights)]
    random = generator(f"models/{seed}/data")
    inputs = [random.normal(size=(BATCH, *x.shape[1:])).astype(np.float32) for x in model.inputs]
    upstreams = [random.normal(size=(BATCH, *x.shape[1:])).astype(np.float32) for x in model.outputs]
    nudge = lambda x: x.astype(np.float64) * (1 + 1e-6 * random.normal(size=x.shape))
    nudged_weights, nudged_inputs = [nudge(w) for w in weights], [nudge(x) for x in inputs]
    singles = [call(model, weights, inputs, upstreams, flag) for flag in flags]
    model = build(seed, training, "float64")
    assert paths == [v.path for v in model.weights], seed

    stored = {f"weight/{i}": w for i, w in enumerate(weights)}
    stored |= {f"input/{i}": x for i, x in enumerate(inputs)} | {f"upstream/{i}": u for i, u in enumerate(upstreams)}
    calls = []
    for flag, single in zip(flags, singles, strict=True):
        result = call(model, weights, inputs, upstreams, flag)
        nudged = call(model, nudged_weights, nudged_inputs, upstreams, flag)
        if not (is_moderate(result) and is_near(nudged, result, 5e-5) and is_near(single, result, 1e-5)):
            return None
        prefix = "training" if flag else "inference"

        def keep(kind: str, index: int, value: np.ndarray | None) -> str | None:
            if value is None:
                return None
            stored[f"{prefix}/{kind}/{index}"] = np.zeros_like(value) if cancels(value) else value
            return f"{seed}/{prefix}/{kind}/{index}"

        described = {
            kind: [keep(kind, i, value) for i, value in enumerate(result[kind])]
            for kind in ["outputs", "inputGradients", "weightGradients"]
        }
        updated = {str(i): keep("updated", i, value) for i, value in result["updated"].items()}
        calls.append({"training": flag, **described, "updated": updated})

    trainable = [next(i for i, w in enumerate(model.weights) if w is v) for v in model.trainable_weights]
    row = {
        "name": str(seed),
        "model": description,
        "weights": [
            {"name": v.name, "path": v.path, "shape": list(v.shape), "tensor": f"{seed}/weight/{i}"}
            for i, v in enumerate(model.weights)
        ],
        "trainable": trainable,
        "inputs": [{"tensor": f"{seed}/input/{i}", "shape": list(x.shape)} for i, x in enumerate(inputs)],
        "upstreams": [f"{seed}/upstream/{i}" for i in range(len(upstreams))],
        "calls": calls,
    }
    return row, {f"{seed}/{key}": value.astype(np.float32) for key, value in stored.items()}


if __name__ == "__main__":
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 60
    stem = sys.argv[2] if len(sys.argv) > 2 else "models"
    rows: list[dict] = []
    tensors: dict[str, np.ndarray] = {}
    seed = 0
    while len(rows) < count:
        drawn = draw(seed)
        seed += 1
        if drawn:
            rows.append(drawn[0])
            tensors |= drawn[1]
    save(stem, tensors, rows)
    print(f"{len(rows)} models of {seed} drawn; layers:")
    print(dict(Counter(name for row in rows for name in classes_in(row["model"])).most_common()))
