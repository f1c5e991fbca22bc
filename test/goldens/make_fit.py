"""Keras' own `fit`, `evaluate`, `train_on_batch` and `test_on_batch`: `python test/goldens/make_fit.py`.

Each row of fit.json is one model as it is compiled, and what is then called on it, one call after another. `model` is
what Keras' `to_json` says, `compile` what `get_compile_config` says, `weights` the tensors that training starts from,
in the order of `model.weights`. A call has its data as names of tensors, its options in camelCase, and its `result`:
the history of `fit` (with the numbers of its epochs), or the logs of the others (on one batch: of that batch alone, as
metrics are reset before it). `final` are the weights after the last call, in the order of `weights`.

Data come in their order, not shuffled. Computed in float64, and eagerly: in a graph Keras loses the size of a batch that
is smaller than the first, and the outputs' losses of such a batch count as those of one example.
"""

import os

os.environ["CUDA_VISIBLE_DEVICES"] = ""
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "2"

import json

import keras
import numpy as np
import tensorflow as tf
from golden_files import generator, save, weight_value
from keras import layers, losses, metrics, optimizers

tf.config.threading.set_intra_op_parallelism_threads(1)
tf.config.experimental.enable_op_determinism()

tensors: dict[str, np.ndarray] = {}
rows: list[dict] = []


def use(dtype: str) -> None:
    keras.backend.clear_session()
    keras.config.set_floatx(dtype)
    keras.config.set_dtype_policy(dtype)


# ---- data


def numbers(name: str, *shape: int) -> str:
    tensors[name] = generator(f"fit/{name}").normal(size=shape).astype(np.float32)
    return name


def positive(name: str, *shape: int) -> str:
    tensors[name] = generator(f"fit/{name}").uniform(0.2, 2, shape).astype(np.float32)
    return name


def classes(name: str, count: int, dtype: str, *shape: int) -> str:
    tensors[name] = generator(f"fit/{name}").integers(0, count, shape).astype(dtype)
    return name


def one_hot(name: str, count: int, examples: int) -> str:
    tensors[name] = np.eye(count, dtype=np.float32)[generator(f"fit/{name}").integers(0, count, examples)]
    return name


def given(names):
    """The arrays of these names; a list, a record or one, in the dtype that Keras computes in."""
    if isinstance(names, list):
        return [given(name) for name in names]
    if isinstance(names, dict):
        return {key: given(name) for key, name in names.items()}
    if names is None:
        return None
    value = tensors[names]
    return value.astype(keras.config.floatx()) if value.dtype == np.float32 else value


# ---- calls


SNAKE = {
    "batchSize": "batch_size",
    "initialEpoch": "initial_epoch",
    "stepsPerEpoch": "steps_per_epoch",
    "validationSplit": "validation_split",
    "validationSteps": "validation_steps",
    "validationBatchSize": "validation_batch_size",
    "validationFreq": "validation_freq",
}


def called(model, method: str, x, y, sampleWeight=None, classWeight=None, validation=None, **options):
    call = {"method": method, "x": x, "y": y, "options": options}
    if sampleWeight is not None:
        call["sampleWeight"] = sampleWeight
    if classWeight is not None:
        call["classWeight"] = classWeight
    if validation is not None:
        call["validation"] = validation
    in_keras = {SNAKE.get(name, name): value for name, value in options.items()}
    data = {"x": given(x), "y": given(y), "sample_weight": given(sampleWeight)}
    if method == "fit":
        if validation is not None:
            parts = [given(validation["x"]), given(validation["y"]), given(validation.get("sampleWeight"))]
            in_keras["validation_data"] = tuple(part for part in parts if part is not None)
        history = model.fit(**data, **in_keras, class_weight=classWeight, shuffle=False, verbose=0)
        lists = {name: [float(value) for value in values] for name, values in history.history.items()}
        call["result"] = {"epoch": history.epoch, "history": lists}
    elif method == "evaluate":
        found = model.evaluate(**data, **in_keras, verbose=0, return_dict=True)
        call["result"] = {name: float(value) for name, value in found.items()}
    else:
        model.reset_metrics()
        if classWeight is not None:
            data["class_weight"] = classWeight
        run = model.train_on_batch if method == "trainOnBatch" else model.test_on_batch
        call["result"] = {name: float(value) for name, value in run(**data, return_dict=True).items()}
    return call


def case(name: str, build, compiled, calls, multipliers=None) -> None:
    """`compiled` gives what to compile by, anew for each dtype."""
    use("float32")
    model = build()
    described = json.loads(model.to_json())
    paths = [v.path for v in model.weights]
    values = [weight_value(f"fit/{name}/{v.path}", v) for v in model.weights]
    for path, value in zip(paths, values, strict=True):
        tensors[f"{name}/{path}"] = value
    model.compile(**compiled())
    config = json.loads(json.dumps(model.get_compile_config()))
    if multipliers:
        plain = optimizers.serialize(optimizers.SGD(learning_rate=0.1, momentum=0.5))
        config["optimizer"] = {**plain, "fovea": {"learning_rate_multipliers": multipliers}}
    use("float64")
    model = build()
    model.set_weights(values)
    model.compile(**compiled(), run_eagerly=True)
    done = [called(model, **call) for call in calls]
    final = []
    for path, value, start in zip(paths, model.get_weights(), values, strict=True):
        final.append(f"{name}/{path}")
        if not np.array_equal(value, start):
            final[-1] = f"{name}/final/{path}"
            tensors[final[-1]] = value.astype(np.float32)
    rows.append(
        {
            "name": name,
            "model": described,
            "compile": config,
            "weights": [f"{name}/{path}" for path in paths],
            "calls": done,
            "final": final,
        }
    )
    print(name, {key: value for key, value in done[0]["result"].items() if key != "epoch"})


# ---- models


def two_by_two() -> keras.Model:
    """Two inputs, two outputs."""
    wide, narrow = keras.Input((6,), name="wide"), keras.Input((4,), name="narrow")
    x = layers.Concatenate(name="joined")(
        [layers.Dense(5, activation="tanh", name="left")(wide), layers.Dense(4, activation="tanh", name="right")(narrow)]
    )
    x = layers.Dense(6, activation="tanh", name="middle")(x)
    kind = layers.Dense(3, activation="softmax", name="kind")(x)
    size = layers.Dense(2, name="size")(x)
    return keras.Model([wide, narrow], [kind, size], name="two_by_two")


def stack(units: int, activation: str, normalized: bool = False) -> keras.Model:
    x = inputs = keras.Input((5,), name="x")
    x = layers.Dense(6, activation="tanh", name="hidden")(x)
    if normalized:
        x = layers.BatchNormalization(momentum=0.8, name="normal")(x)
    return keras.Model(inputs, layers.Dense(units, activation=activation, name="head")(x), name="stack")


def regularized() -> keras.Model:
    """With penalties on weights, trained and frozen, and on activity."""
    x = inputs = keras.Input((5,), name="x")
    x = layers.Dense(6, activation="tanh", name="frozen", kernel_regularizer="l2", trainable=False)(x)
    x = layers.Dense(
        6, activation="tanh", name="hidden", kernel_regularizer="l2", bias_regularizer="l1", activity_regularizer="l1"
    )(x)
    x = layers.BatchNormalization(momentum=0.8, gamma_regularizer="l2", name="normal")(x)
    x = layers.Dense(2, name="head", activity_regularizer=keras.regularizers.L2(0.02))(x)
    return keras.Model(inputs, x, name="regularized")


def sequence() -> keras.Model:
    x = inputs = keras.Input((3, 4), name="x")
    x = layers.Dense(5, activation="tanh", name="hidden")(x)
    return keras.Model(inputs, layers.Dense(2, name="head")(x), name="sequence")


# ---- cases

both = [numbers("wide", 10, 6), numbers("narrow", 10, 4)]
targets = [one_hot("kinds", 3, 10), numbers("sizes", 10, 2)]
weights = [positive("kindWeights", 10), positive("sizeWeights", 10)]
seen = [numbers("val/wide", 7, 6), numbers("val/narrow", 7, 4)]
sought = [one_hot("val/kinds", 3, 7), numbers("val/sizes", 7, 2)]
val_weights = [positive("val/kindWeights", 7), positive("val/sizeWeights", 7)]
validation = {"x": seen, "y": sought}
few = [numbers("few/wide", 3, 6), numbers("few/narrow", 3, 4)]
few_targets = [one_hot("few/kinds", 3, 3), numbers("few/sizes", 3, 2)]
few_weights = [positive("few/kindWeights", 3), positive("few/sizeWeights", 3)]

case(
    "two outputs by name",
    two_by_two,
    lambda: {
        "optimizer": optimizers.SGD(learning_rate=0.1, momentum=0.5),
        "loss": {"kind": "categorical_crossentropy", "size": losses.LogCosh()},
        "loss_weights": {"kind": 1.5, "size": 0.3},
        "metrics": {"kind": ["accuracy", metrics.CategoricalHinge()], "size": ["mae"]},
        "weighted_metrics": {"kind": ["accuracy", "categorical_crossentropy"], "size": ["mae", "mse"]},
    },
    [
        {"method": "fit", "x": both, "y": targets, "sampleWeight": weights, "epochs": 2, "batchSize": 4,
         "validation": {**validation, "sampleWeight": val_weights}, "validationBatchSize": 3},
        {"method": "evaluate", "x": seen, "y": sought, "batchSize": 3},
        {"method": "evaluate", "x": seen, "y": sought, "sampleWeight": val_weights, "batchSize": 2, "steps": 2},
        {"method": "trainOnBatch", "x": few, "y": few_targets, "sampleWeight": few_weights},
        {"method": "testOnBatch", "x": few, "y": few_targets, "sampleWeight": few_weights},
        {"method": "testOnBatch", "x": few, "y": few_targets},
    ],
)  # fmt: skip
case(
    "two outputs in lists",
    two_by_two,
    lambda: {
        "optimizer": optimizers.Adam(learning_rate=0.01),
        "loss": ["kl_divergence", "mse"],
        "loss_weights": [0.5, 2.0],
        "metrics": [["accuracy"], ["mse", "mse", metrics.RootMeanSquaredError()]],
        "weighted_metrics": [["accuracy", "accuracy"], ["mse", "mse"]],
    },
    [
        {"method": "fit", "x": both, "y": targets, "epochs": 3, "batchSize": 4, "validation": validation,
         "validationFreq": 2},
        {"method": "fit", "x": both, "y": targets, "epochs": 6, "batchSize": 5, "initialEpoch": 3,
         "validation": validation, "validationFreq": [4, 6], "validationBatchSize": 2, "validationSteps": 2},
    ],
)  # fmt: skip
case(
    "two outputs, one loss for both",
    two_by_two,
    lambda: {"optimizer": optimizers.SGD(learning_rate=0.1), "loss": "mse", "metrics": [["mae"], ["mae"]]},
    [{"method": "fit", "x": both, "y": targets, "sampleWeight": weights, "epochs": 2, "batchSize": 4}],
)
case(
    "two outputs, one without a loss",
    two_by_two,
    lambda: {
        "optimizer": optimizers.SGD(learning_rate=0.1),
        "loss": [None, "mse"],
        "metrics": [["accuracy"], ["mae"]],
    },
    [{"method": "fit", "x": both, "y": targets, "epochs": 2, "batchSize": 4}],
)

rows_of_x = numbers("x", 11, 5)
val_x = numbers("val/x", 5, 5)
class_weights = {0: 0.5, 1: 2.0, 3: 3.0}
for name, dtype, shape in [
    ("uint8 [batch]", "uint8", (11,)),
    ("int32 [batch, 1]", "int32", (11, 1)),
    ("int64 [batch]", "int64", (11,)),
    ("float32 [batch, 1]", "float32", (11, 1)),
]:
    labels = classes(f"labels/{name}", 4, dtype, *shape)
    val_labels = classes(f"val/labels/{name}", 4, dtype, 5, *shape[1:])
    case(
        f"classes as {name}",
        lambda: stack(4, "softmax"),
        lambda: {
            "optimizer": optimizers.RMSprop(
                learning_rate=optimizers.schedules.ExponentialDecay(0.01, decay_steps=3, decay_rate=0.5)
            ),
            "loss": "sparse_categorical_crossentropy",
            "metrics": ["accuracy", "sparse_categorical_crossentropy"],
            "weighted_metrics": ["acc", metrics.SparseCategoricalCrossentropy(name="entropy")],
        },
        [
            {"method": "fit", "x": rows_of_x, "y": labels, "classWeight": class_weights, "epochs": 2, "batchSize": 4,
             "validation": {"x": val_x, "y": val_labels}},
            {"method": "evaluate", "x": val_x, "y": val_labels, "batchSize": 3},
            {"method": "trainOnBatch", "x": rows_of_x, "y": labels, "classWeight": class_weights},
            {"method": "testOnBatch", "x": val_x, "y": val_labels},
        ],
    )  # fmt: skip
case(
    "one-hot classes, weighted",
    lambda: stack(4, "softmax"),
    lambda: {
        "optimizer": optimizers.SGD(learning_rate=0.1),
        "loss": losses.CategoricalCrossentropy(label_smoothing=0.1),
        "metrics": ["acc"],
    },
    [{"method": "fit", "x": rows_of_x, "y": one_hot("hot", 4, 11), "classWeight": class_weights, "epochs": 2,
      "batchSize": 4}],
)  # fmt: skip
yes = classes("yes", 2, "uint8", 11)
case(
    "yes and no",
    lambda: stack(1, "sigmoid"),
    lambda: {
        "optimizer": optimizers.SGD(learning_rate=0.3, nesterov=True, momentum=0.9),
        "loss": losses.BinaryCrossentropy(),
        "metrics": ["accuracy", metrics.AUC(num_thresholds=50), metrics.Precision(), metrics.F1Score(average="micro", threshold=0.5)],
        "weighted_metrics": [metrics.AUC(name="weighted_auc", curve="PR")],
    },
    [
        {"method": "fit", "x": rows_of_x, "y": classes("yes/1", 2, "uint8", 11, 1), "classWeight": {0: 0.5, 1: 2.0},
         "epochs": 2, "batchSize": 4},
        {"method": "evaluate", "x": rows_of_x, "y": "yes/1", "sampleWeight": positive("rowWeights", 11)},
    ],
)  # fmt: skip
case(
    "yes and no of one axis",
    lambda: stack(1, "sigmoid"),
    lambda: {
        "optimizer": optimizers.SGD(learning_rate=0.3),
        "loss": "binary_crossentropy",
        "metrics": ["accuracy"],
        "weighted_metrics": ["accuracy"],
    },
    [{"method": "fit", "x": rows_of_x, "y": yes, "sampleWeight": "rowWeights", "epochs": 2, "batchSize": 4}],
)
goals = numbers("goals", 11, 2)
case(
    "penalties",
    regularized,
    lambda: {"optimizer": optimizers.SGD(learning_rate=0.1), "loss": "mse", "metrics": ["mse"]},
    [
        {"method": "fit", "x": rows_of_x, "y": goals, "sampleWeight": "rowWeights", "epochs": 3, "batchSize": 4,
         "validationSplit": 0.3},
        {"method": "evaluate", "x": rows_of_x, "y": goals, "batchSize": 4},
        {"method": "testOnBatch", "x": rows_of_x, "y": goals},
    ],
)  # fmt: skip
case(
    "weights of moments",
    sequence,
    lambda: {
        "optimizer": optimizers.SGD(learning_rate=0.1),
        "loss": "mse",
        "metrics": ["mae"],
        "weighted_metrics": ["mae"],
    },
    [
        {"method": "fit", "x": numbers("moments", 7, 3, 4), "y": numbers("moments/y", 7, 3, 2),
         "sampleWeight": positive("moments/weights", 7, 3), "epochs": 2, "batchSize": 3},
    ],
)  # fmt: skip
case(
    "steps of an epoch that divide a pass",
    lambda: stack(2, "linear"),
    lambda: {"optimizer": optimizers.SGD(learning_rate=0.1), "loss": "mse", "metrics": ["mae"]},
    [{"method": "fit", "x": rows_of_x, "y": goals, "epochs": 6, "batchSize": 2, "stepsPerEpoch": 3}],
)
for name, options in {
    "averages": {"use_ema": True, "ema_momentum": 0.8},
    "averages that overwrite": {"use_ema": True, "ema_momentum": 0.8, "ema_overwrite_frequency": 4},
    "gradients of two batches": {"gradient_accumulation_steps": 2},
    "gradients of three batches, averages": {
        "gradient_accumulation_steps": 3,
        "use_ema": True,
        "ema_momentum": 0.7,
        "global_clipnorm": 0.5,
    },
    "clipped by norm": {"clipnorm": 0.2, "weight_decay": 0.01},
    "clipped by value": {"clipvalue": 0.05},
}.items():
    case(
        name,
        lambda: stack(2, "linear", normalized=True),
        lambda options=options: {
            "optimizer": optimizers.SGD(learning_rate=0.1, momentum=0.5, **options),
            "loss": "mse",
            "metrics": ["mae"],
        },
        [
            {"method": "fit", "x": rows_of_x, "y": goals, "epochs": 2, "batchSize": 4,
             "validation": {"x": rows_of_x, "y": goals}},
            {"method": "evaluate", "x": rows_of_x, "y": goals},
            {"method": "fit", "x": rows_of_x, "y": goals, "epochs": 2, "batchSize": 5},
            {"method": "evaluate", "x": rows_of_x, "y": goals},
        ],
    )  # fmt: skip

MULTIPLIERS = {"hidden": 0.1, "head": 2.0}


class Multiplied(optimizers.SGD):
    """Takes the rate of each layer times a factor."""

    def _backend_update_step(self, gradients, variables, learning_rate):
        for gradient, variable in zip(gradients, variables, strict=True):
            factor = MULTIPLIERS.get(variable.path.split("/")[0], 1)
            super()._backend_update_step([gradient], [variable], learning_rate * factor)


case(
    "multiplied rates",
    lambda: stack(2, "linear", normalized=True),
    lambda: {"optimizer": Multiplied(learning_rate=0.1, momentum=0.5), "loss": "mse"},
    [{"method": "fit", "x": rows_of_x, "y": goals, "epochs": 2, "batchSize": 4}],
    multipliers=MULTIPLIERS,
)
save("fit", tensors, rows)
