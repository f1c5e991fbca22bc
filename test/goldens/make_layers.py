"""Values and gradients of layers in Keras: `python test/goldens/make_layers.py`.

Each row of layers.json is one call of one layer, which `layer` describes as Keras saves it (class, module, config).
Its `weights` stand in the order of Keras' `layer.weights`; their values are random, not initial ones.
`loss = sum(output * upstream)`; `inputGradients` has null where none passes; `weightGradients` is keyed by the index in
`weights` and holds the trainable ones. `updated` holds, by the same index, what weights are after the call where the
call changed them. `loss` is there if the layer adds any: the sum of its regularizers', of weights and of the output.

Computed in float64 and stored in float32, so that Keras' own rounding is in no value but `loss`. Keras in float32 comes
to the same within 2e-5 (relative L2) or, where a gradient cancels out, 1e-5 (absolute).

What Keras 3.15 does on TensorFlow that its documentation does not say:
- RandomCrop changes nothing at inference, whatever the size of the image; the rows hold what it documents, see
  `documented_crop`. In training, where an image is not larger than the target, it begins where the largest window of
  the target's proportions does, but cuts the target's size, and so distorts where the window is smaller.
- RandomRotation, RandomTranslation and RandomZoom pass no true gradient: TensorFlow's of an image transform is the
  upstream warped by the inverse matrix, not the sum over all places that read a pixel. Resizing by area has none. Rows
  of these have null in `inputGradients`; src/layers/warp.test.ts compares ours with differences of values.
- RandomContrast draws from [1 - lower, 1 + upper]: equal bounds are no fixed factor, but (-a, a) is, namely 1 + a.
- RandomContrast and RandomBrightness clip to `value_range` in training only.
- Resizing takes no `fill_mode` but 'constant'. It pads both sides alike, by half of the missing pixels rounded down.
- Resizing of uint8 gives uint8, rounded, but by `pad_to_aspect_ratio` it takes none.
- In training RandomContrast takes no uint8 either, and RandomBrightness adds to it modulo 256. At inference both give
  it back as it is.
- Resizing and UpSampling2D compute in float32 whatever their dtype, and affine transformations have float32 matrices.
  Rows of Lanczos and antialiasing are computed in float32 throughout: their kernel has no gradient in float64.
- Depthwise and separable convolutions take no strides that differ between height and width (a limit of TensorFlow).
Not here: LoRA and quantization of Dense and Conv2D.
"""

import os

os.environ["CUDA_VISIBLE_DEVICES"] = ""
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "2"

import copy

import keras
import numpy as np
import tensorflow as tf
from golden_files import generator, relative_distance, save, weight_value
from keras import activations, constraints, initializers, layers, regularizers

tf.config.threading.set_intra_op_parallelism_threads(1)
tf.config.experimental.enable_op_determinism()

IMAGE = (2, 7, 6, 3)
tensors: dict[str, np.ndarray] = {}
rows: list[dict] = []


def normal(name: str, shape, scale=1.0) -> np.ndarray:
    return (generator(name).normal(size=shape) * scale).astype(np.float32)


def pixels(name: str, shape=IMAGE, dtype=np.uint8) -> np.ndarray:
    """Whole numbers from 0 to 255."""
    return generator(name).integers(0, 256, shape).astype(dtype)


def in_float64(config: dict) -> dict:
    """A layer's config with the policy float64 in place of float32."""
    config = copy.deepcopy(config)
    # Most layers save a policy, SpatialDropout2D saves the bare name.
    config["config"]["dtype"] = "float64"
    return config


def call(layer, inputs: list[np.ndarray], upstream_key: str, training: bool, xla: bool, to_inputs: bool) -> dict:
    """The call in the layer's own precision."""
    dtype = layer.compute_dtype
    values = [tf.constant(x, dtype if x.dtype == np.float32 else x.dtype) for x in inputs]
    differentiable = [to_inputs and value.dtype.is_floating for value in values]
    variables = layer.trainable_variables
    before = [v.numpy() for v in layer.weights]

    # TensorFlow's CPU kernels have no gradient of dilated convolutions; XLA's do.
    @tf.function(jit_compile=True, autograph=False, reduce_retracing=False) if xla else lambda function: function
    def compute(*values):
        with tf.GradientTape() as tape:
            tape.watch([value for value, watched in zip(values, differentiable, strict=True) if watched])
            output = layer(list(values) if len(values) > 1 else values[0], training=training)
            upstream = tf.cast(normal(upstream_key, output.shape), output.dtype)
            loss = tf.reduce_sum(output * upstream)
        sources = [value for value, watched in zip(values, differentiable, strict=True) if watched]
        return output, tape.gradient(loss, sources + [v.value for v in variables])

    output, gradients = compute(*values)
    count = sum(differentiable)
    of_inputs = iter(gradients[:count])
    of_inputs = [next(of_inputs) if watched else None for watched in differentiable]
    # Tensors of an XLA function do not outlive it, and OrthogonalRegularizer works in float32 alone.
    losses = [] if xla or dtype != "float32" else layer.losses
    after = [v.numpy() for v in layer.weights]
    return {
        "output": output.numpy(),
        "inputGradients": [g if g is None else g.numpy() for g in of_inputs],
        "weightGradients": [g.numpy() for g in gradients[count:]],
        "updated": {i: a for i, (a, b) in enumerate(zip(after, before, strict=True)) if not np.array_equal(a, b)},
        "loss": sum(float(loss) for loss in losses) if losses else None,
    }


def check_agreement(name: str, double: dict, single: dict) -> None:
    """What float32 itself cannot tell is no golden value."""
    pairs = [("output", double["output"], single["output"])]
    for kind in ["inputGradients", "weightGradients"]:
        pairs += [(kind, a, b) for a, b in zip(double[kind], single[kind], strict=True) if a is not None]
    pairs += [("updated", value, single["updated"][i]) for i, value in double["updated"].items()]
    for what, a, b in pairs:
        assert np.isfinite(a).all(), (name, what)
        distance = relative_distance(b, a)
        # Gradients that cancel out, as those of a bias ahead of a softmax, are all rounding.
        assert distance < 2e-5 or np.abs(a - b).max() < 1e-5, (name, what, distance)


def record(
    name: str, layer, inputs: list, training=False, xla=False, exact=True, weights=None, to_inputs=True
) -> None:
    """Adds a row. An input is an array, or the shape of normal values. Not `exact`: computed in float32.
    Not `to_inputs`: without gradients of the inputs."""
    inputs = [normal(f"{name}/{i}", x) if isinstance(x, tuple) else x for i, x in enumerate(inputs)]
    shapes = [x.shape for x in inputs]
    layer.build(shapes if len(shapes) > 1 else shapes[0])
    config = keras.saving.serialize_keras_object(layer)
    config.pop("build_config", None)
    double = keras.saving.deserialize_keras_object(in_float64(config) if exact else config)
    double.build(shapes if len(shapes) > 1 else shapes[0])
    # Keras finds its own way back from the config.
    again = keras.saving.serialize_keras_object(keras.saving.deserialize_keras_object(config))
    again.pop("build_config", None)
    assert again["class_name"] == config["class_name"] and again["config"].keys() == config["config"].keys(), name

    stored = {}
    described = []
    for i, variable in enumerate(layer.weights):
        value = weight_value(f"{name}/{i}/{variable.name}", variable) if weights is None else weights[i]
        stored[f"weight/{i}"] = value
        described.append(
            {
                "name": variable.name,
                "shape": list(variable.shape),
                "trainable": bool(variable.trainable and layer.trainable),
                "tensor": f"{name}/weight/{i}",
            }
        )
    for copy_of in [layer, double]:
        copy_of.set_weights([stored[f"weight/{i}"] for i in range(len(described))])
        if hasattr(copy_of, "finalize_state"):
            copy_of.finalize_state()

    result = call(double, inputs, f"{name}/upstream", training, xla, to_inputs)
    single = call(layer, inputs, f"{name}/upstream", training, xla, to_inputs)
    check_agreement(name, result, single)
    trainable = [i for i, weight in enumerate(described) if weight["trainable"]]
    stored |= {f"input/{i}": x for i, x in enumerate(inputs)}
    stored |= {"output": result["output"], "upstream": normal(f"{name}/upstream", result["output"].shape)}
    stored |= {f"inputGradient/{i}": g for i, g in enumerate(result["inputGradients"]) if g is not None}
    stored |= {f"weightGradient/{i}": g for i, g in zip(trainable, result["weightGradients"], strict=True)}
    stored |= {f"updated/{i}": value for i, value in result["updated"].items()}
    for key, value in stored.items():
        assert f"{name}/{key}" not in tensors, f"{name} is there twice"
        tensors[f"{name}/{key}"] = value.astype(np.float32) if value.dtype == np.float64 else value
    row = {
        "name": name,
        "layer": config,
        "inputs": [
            {"tensor": f"{name}/input/{i}", "shape": list(x.shape), "dtype": x.dtype.name}
            for i, x in enumerate(inputs)
        ],
        "training": training,
        "weights": described,
        "output": f"{name}/output",
        "upstream": f"{name}/upstream",
        "inputGradients": [
            None if g is None else f"{name}/inputGradient/{i}" for i, g in enumerate(result["inputGradients"])
        ],
        "weightGradients": {str(i): f"{name}/weightGradient/{i}" for i in trainable},
        "updated": {str(i): f"{name}/updated/{i}" for i in result["updated"]},
    }
    if single["loss"] is not None:
        row["loss"] = single["loss"]
    rows.append(row)


def add(what: str, make, inputs=(IMAGE,), **options) -> None:
    """Records `make()` as '<its class>/<what>', named as the first layer of its class in a program."""
    keras.backend.clear_session()
    layer = make()
    record(f"{type(layer).__name__}/{what}", layer, list(inputs), **options)


# ---- Dense

add("default", lambda: layers.Dense(4), [(3, 5)])
add("sequence", lambda: layers.Dense(4, activation="relu"), [(2, 6, 5)])
add("image", lambda: layers.Dense(2, activation="tanh"))
add("softmax", lambda: layers.Dense(4, activation="softmax"), [(3, 5)])
add("no-bias", lambda: layers.Dense(4, "gelu", use_bias=False), [(3, 5)])
add("frozen", lambda: layers.Dense(4, trainable=False), [(3, 5)])
add(
    "objects",
    lambda: layers.Dense(
        4,
        activation=activations.sigmoid,
        kernel_initializer=initializers.HeNormal(seed=1),
        bias_initializer=initializers.Constant(0.2),
        kernel_regularizer=regularizers.L1L2(0.01, 0.02),
        bias_regularizer=regularizers.L2(0.03),
        activity_regularizer=regularizers.L2(0.05),
        kernel_constraint=constraints.MaxNorm(1.5, axis=0),
        bias_constraint=constraints.NonNeg(),
    ),
    [(3, 5)],
    training=True,
)
add(
    "activity-regularizer",
    lambda: layers.Dense(4, activity_regularizer=regularizers.L1(0.1), kernel_constraint=constraints.UnitNorm(axis=0)),
    [(2, 6, 5)],
)
add(
    "orthogonal",
    lambda: layers.Dense(
        4,
        kernel_initializer=initializers.Orthogonal(gain=0.5, seed=2),
        bias_initializer=initializers.RandomUniform(-0.1, 0.2, seed=3),
        kernel_regularizer=regularizers.OrthogonalRegularizer(0.02, mode="columns"),
        kernel_constraint=constraints.MinMaxNorm(0.5, 2.0, rate=0.9, axis=0),
    ),
    [(3, 5)],
)

# ---- convolutions

add("default", lambda: layers.Conv2D(4, 3))
add("same", lambda: layers.Conv2D(4, 3, padding="same", activation="relu"))
add("same-strides-2", lambda: layers.Conv2D(4, (3, 3), strides=2, padding="same"))
add("same-strides-2-even", lambda: layers.Conv2D(4, 4, strides=(2, 2), padding="same"), [(2, 8, 9, 3)])
add("valid-strides-2-1", lambda: layers.Conv2D(4, 3, strides=(2, 1)))
add("same-strides-1-3", lambda: layers.Conv2D(4, 3, strides=(1, 3), padding="same"))
add("kernel-3-1", lambda: layers.Conv2D(4, (3, 1), padding="same", activation="swish"))
add("kernel-1-4", lambda: layers.Conv2D(4, (1, 4), padding="same"))
add("one-by-one", lambda: layers.Conv2D(5, 1, use_bias=False))
add("one-by-one-strides-2", lambda: layers.Conv2D(5, 1, strides=2))
add("dilation-2", lambda: layers.Conv2D(4, 3, dilation_rate=2), [(2, 9, 8, 3)], xla=True)
add("dilation-2-1-same", lambda: layers.Conv2D(4, 3, dilation_rate=(2, 1), padding="same"), xla=True)
add("dilation-3-same", lambda: layers.Conv2D(2, (2, 3), dilation_rate=3, padding="same"), [(2, 9, 8, 3)], xla=True)
add("groups-2", lambda: layers.Conv2D(6, 3, groups=2, padding="same"), [(2, 7, 6, 4)], xla=True)
add("groups-3-strides-2", lambda: layers.Conv2D(3, 3, groups=3, strides=2, use_bias=False), xla=True)
add("groups-2-dilation-2", lambda: layers.Conv2D(4, 3, groups=2, dilation_rate=2), [(2, 7, 6, 4)], xla=True)
add("frozen", lambda: layers.Conv2D(4, 3, trainable=False), training=True)
add("channels-last", lambda: layers.Conv2D(2, 3, data_format="channels_last", activation="sigmoid"))
add(
    "objects",
    lambda: layers.Conv2D(
        4,
        3,
        activation=activations.elu,
        kernel_initializer=initializers.VarianceScaling(2.0, "fan_out", "untruncated_normal", seed=4),
        bias_initializer=initializers.RandomNormal(0.1, 0.3, seed=5),
        kernel_regularizer=regularizers.L2(0.01),
        bias_regularizer=regularizers.L1(0.02),
        activity_regularizer=regularizers.L1L2(0.01, 0.03),
        kernel_constraint=constraints.MaxNorm(2, axis=[0, 1, 2]),
        bias_constraint=constraints.UnitNorm(),
    ),
    training=True,
)

add("default", lambda: layers.DepthwiseConv2D(3))
add("same-strides-2", lambda: layers.DepthwiseConv2D((3, 3), strides=2, padding="same", activation="relu"))
add("multiplier-2", lambda: layers.DepthwiseConv2D(3, depth_multiplier=2, padding="same", use_bias=False))
add("kernel-2-3", lambda: layers.DepthwiseConv2D((2, 3), depth_multiplier=3))
add("dilation-2", lambda: layers.DepthwiseConv2D(3, dilation_rate=2), [(2, 9, 8, 3)])
add("dilation-1-2-same", lambda: layers.DepthwiseConv2D(3, dilation_rate=(1, 2), padding="same"))
add("strides-2-dilation-2", lambda: layers.DepthwiseConv2D(3, 2, "same", dilation_rate=2), [(2, 9, 8, 3)])
add("one-channel", lambda: layers.DepthwiseConv2D(3, padding="same", depth_multiplier=4), [(2, 7, 6, 1)])
add(
    "objects",
    lambda: layers.DepthwiseConv2D(
        3,
        data_format="channels_last",
        activation="softplus",
        depthwise_initializer=initializers.LecunNormal(seed=6),
        bias_initializer=initializers.Ones(),
        depthwise_regularizer=regularizers.L1(0.01),
        bias_regularizer=regularizers.L2(0.02),
        activity_regularizer=regularizers.L2(0.04),
        depthwise_constraint=constraints.NonNeg(),
        bias_constraint=constraints.MaxNorm(1),
    ),
    training=True,
)

add("default", lambda: layers.SeparableConv2D(4, 3))
add("same-strides-2", lambda: layers.SeparableConv2D(4, 3, strides=(2, 2), padding="same", activation="relu"))
add("multiplier-2", lambda: layers.SeparableConv2D(5, 3, depth_multiplier=2, padding="same", use_bias=False))
add("kernel-3-2", lambda: layers.SeparableConv2D(4, (3, 2)))
add("dilation-2", lambda: layers.SeparableConv2D(4, 3, dilation_rate=2, padding="same"), [(2, 9, 8, 3)])
add("strides-2-dilation-2", lambda: layers.SeparableConv2D(4, 3, 2, "same", dilation_rate=(2, 2)), [(2, 9, 8, 3)])
add(
    "objects",
    lambda: layers.SeparableConv2D(
        4,
        3,
        data_format="channels_last",
        activation="tanh",
        depthwise_initializer=initializers.GlorotNormal(seed=7),
        pointwise_initializer=initializers.HeUniform(seed=8),
        bias_initializer=initializers.TruncatedNormal(0.0, 0.1, seed=9),
        depthwise_regularizer=regularizers.L1(0.01),
        pointwise_regularizer=regularizers.L2(0.02),
        bias_regularizer=regularizers.L1L2(0.01, 0.01),
        activity_regularizer=regularizers.L1(0.03),
        depthwise_constraint=constraints.MaxNorm(1),
        pointwise_constraint=constraints.UnitNorm(axis=2),
        bias_constraint=constraints.NonNeg(),
    ),
    training=True,
)

SMALL = (2, 4, 5, 3)
add("default", lambda: layers.Conv2DTranspose(4, 3), [SMALL])
add("same", lambda: layers.Conv2DTranspose(4, 3, padding="same", activation="relu"), [SMALL])
add("same-strides-2", lambda: layers.Conv2DTranspose(4, 3, strides=2, padding="same"), [SMALL])
add("valid-strides-2", lambda: layers.Conv2DTranspose(4, (3, 3), strides=(2, 2), use_bias=False), [SMALL])
add("kernel-4-same-strides-2", lambda: layers.Conv2DTranspose(4, 4, strides=2, padding="same"), [SMALL])
add("kernel-2-strides-2", lambda: layers.Conv2DTranspose(2, 2, strides=2), [SMALL])
add("kernel-2-strides-3", lambda: layers.Conv2DTranspose(2, 2, strides=3), [SMALL])
add("kernel-2-same-strides-3", lambda: layers.Conv2DTranspose(2, 2, strides=3, padding="same"), [SMALL])
add("strides-2-1", lambda: layers.Conv2DTranspose(3, (3, 2), strides=(2, 1), padding="same"), [SMALL])
add("strides-1-3", lambda: layers.Conv2DTranspose(3, (2, 5), strides=(1, 3)), [SMALL])
add("output-padding-0-same", lambda: layers.Conv2DTranspose(4, 3, 2, "same", output_padding=0), [SMALL])
add("output-padding-1-same", lambda: layers.Conv2DTranspose(4, 3, 2, "same", output_padding=1), [SMALL])
add("output-padding-1-valid", lambda: layers.Conv2DTranspose(4, 3, 2, "valid", output_padding=(1, 1)), [SMALL])
add("output-padding-0-valid", lambda: layers.Conv2DTranspose(4, 3, 2, "valid", output_padding=(0, 0)), [SMALL])
add("output-padding-1-0-same", lambda: layers.Conv2DTranspose(4, 3, 2, "same", output_padding=(1, 0)), [SMALL])
add("dilation-2", lambda: layers.Conv2DTranspose(2, 3, dilation_rate=2), [SMALL], xla=True)
add("dilation-2-same", lambda: layers.Conv2DTranspose(2, 3, padding="same", dilation_rate=(2, 2)), [SMALL], xla=True)
add(
    "objects",
    lambda: layers.Conv2DTranspose(
        2,
        3,
        data_format="channels_last",
        activation="selu",
        kernel_initializer=initializers.LecunUniform(seed=10),
        bias_initializer=initializers.Constant(-0.1),
        kernel_regularizer=regularizers.L2(0.01),
        bias_regularizer=regularizers.L1(0.02),
        activity_regularizer=regularizers.L2(0.01),
        kernel_constraint=constraints.NonNeg(),
        bias_constraint=constraints.MaxNorm(0.5),
    ),
    [SMALL],
    training=True,
)

# ---- pooling

for pool in [layers.MaxPooling2D, layers.AveragePooling2D]:
    add("default", lambda: pool() if pool is layers.MaxPooling2D else pool(2))
    add("same", lambda: pool((2, 2), padding="same"))
    add("3-strides-2-same", lambda: pool(3, strides=2, padding="same"))
    add("3-strides-2-same-even", lambda: pool(3, strides=2, padding="same"), [(2, 8, 8, 2)])
    add("3-strides-2-valid", lambda: pool(pool_size=(3, 3), strides=(2, 2)))
    add("3-strides-1-same", lambda: pool(3, strides=1, padding="same", data_format="channels_last"))
    add("3-2-strides-1-2", lambda: pool((3, 2), strides=(1, 2)))
    add("2-3-strides-3-2-same", lambda: pool((2, 3), strides=(3, 2), padding="same"))
    add("strides-3", lambda: pool(2, strides=3))
for pool in [layers.GlobalMaxPooling2D, layers.GlobalAveragePooling2D]:
    add("default", lambda: pool())
    add("keepdims", lambda: pool(keepdims=True, data_format="channels_last"))

# ---- shapes

add("default", lambda: layers.Flatten())
add("sequence", lambda: layers.Flatten(data_format="channels_last"), [(2, 4, 3)])
add("vector", lambda: layers.Flatten(), [(3, 5)])
add("number", lambda: layers.Flatten(), [(4,)])
add("default", lambda: layers.Reshape((6, 7, 3)))
add("whole", lambda: layers.Reshape((-1,)))
add("rest-first", lambda: layers.Reshape((-1, 3)))
add("rest-between", lambda: layers.Reshape((2, -1, 7)))
add("from-vector", lambda: layers.Reshape((2, 3, 2)), [(3, 12)])
add("default", lambda: layers.Permute((2, 1)), [(2, 4, 3)])
add("image", lambda: layers.Permute((3, 1, 2)))
add("image-2", lambda: layers.Permute((2, 1, 3)))
add("default", lambda: layers.RepeatVector(3), [(2, 4)])
add("once", lambda: layers.RepeatVector(1), [(2, 4)])

# ---- merges

add("default", lambda: layers.Concatenate(), [IMAGE, (2, 7, 6, 2)])
add("three", lambda: layers.Concatenate(), [IMAGE, (2, 7, 6, 1), (2, 7, 6, 2)])
add("axis-1", lambda: layers.Concatenate(axis=1), [(2, 3, 4), (2, 2, 4)])
add("axis-2", lambda: layers.Concatenate(axis=2), [(2, 3, 4, 2), (2, 3, 1, 2), (2, 3, 2, 2)])
add("axis--2", lambda: layers.Concatenate(axis=-2), [(2, 3, 4), (2, 2, 4)])
add("vectors", lambda: layers.Concatenate(axis=1), [(3, 4), (3, 2)])
for merge in [layers.Add, layers.Multiply, layers.Average, layers.Maximum, layers.Minimum, layers.Subtract]:
    add("default", lambda: merge(), [IMAGE, IMAGE])
    add("vectors", lambda: merge(), [(3, 5), (3, 5)])
    add("broadcast", lambda: merge(), [IMAGE, (2, 1, 1, 3)])
    add("broadcast-both", lambda: merge(), [(2, 7, 1, 3), (2, 1, 6, 1)])
    # The lower rank gets its ones behind the batch.
    add("broadcast-rank", lambda: merge(), [IMAGE, (2, 3)])
    if merge is not layers.Subtract:
        add("three", lambda: merge(), [IMAGE, IMAGE, IMAGE])
        add("three-broadcast", lambda: merge(), [(2, 4, 1, 3), (2, 4, 5, 3), (2, 1, 5, 1)])

# ---- activations

# Not here: `threshold`, which has no default arguments and so no name that a config could hold, and `sparsemax`, which
# comes out wrong on TensorFlow: rows of a larger support than one number do not add up to 1.
NAMES = "celu elu exponential gelu glu hard_shrink hard_sigmoid hard_silu hard_swish hard_tanh leaky_relu linear"
NAMES += " log_sigmoid log_softmax mish relu relu6 selu sigmoid silu soft_shrink softmax softplus softsign sparse_plus"
NAMES += " sparse_sigmoid squareplus swish tanh tanh_shrink"
for activation in NAMES.split():
    x = normal(f"{activation}/x", (4, 10), 3.0)
    add(activation, lambda: layers.Activation(activation), [x])
add("softmax-image", lambda: layers.Activation(activations.softmax))
add("activity-regularizer", lambda: layers.Activation("tanh", activity_regularizer=regularizers.L1L2(0.1, 0.2)))
add("default", lambda: layers.Identity())
WIDE = normal("wide", IMAGE, 2.0)
add("default", lambda: layers.ReLU(), [WIDE])
add("max-value", lambda: layers.ReLU(max_value=1.5), [WIDE])
add("negative-slope", lambda: layers.ReLU(negative_slope=0.1), [WIDE])
add("threshold", lambda: layers.ReLU(threshold=0.5), [WIDE])
add("max-value-threshold", lambda: layers.ReLU(max_value=2, threshold=0.5), [WIDE])
add("everything", lambda: layers.ReLU(max_value=1.5, negative_slope=0.2, threshold=0.4), [WIDE])
add("default", lambda: layers.LeakyReLU(), [WIDE])
add("slope", lambda: layers.LeakyReLU(negative_slope=0.05), [WIDE])
add("default", lambda: layers.ELU(), [WIDE])
add("alpha", lambda: layers.ELU(alpha=0.4), [WIDE])
add("default", lambda: layers.PReLU(), [WIDE])
add("vector", lambda: layers.PReLU(), [(4, 5)])
add("shared-axes-1-2", lambda: layers.PReLU(shared_axes=[1, 2]), [WIDE])
add("shared-axes-3", lambda: layers.PReLU(shared_axes=[3]), [WIDE])
add(
    "objects",
    lambda: layers.PReLU(
        alpha_initializer=initializers.Constant(0.25),
        alpha_regularizer=regularizers.L1(0.1),
        alpha_constraint=constraints.NonNeg(),
        shared_axes=(1, 2),
    ),
    [WIDE],
)
add("default", lambda: layers.Softmax(), [WIDE])
add("vector", lambda: layers.Softmax(), [(3, 5)])
add("axis-1", lambda: layers.Softmax(axis=1), [WIDE])
add("axes-1-2", lambda: layers.Softmax(axis=[1, 2]), [WIDE])
add("axes-whole", lambda: layers.Softmax(axis=(-3, -2, -1)), [WIDE])

# ---- normalization

for mode, training in {"inference": False, "training": True}.items():
    add(f"default-{mode}", lambda: layers.BatchNormalization(), training=training)
    add(f"vector-{mode}", lambda: layers.BatchNormalization(), [(6, 4)], training=training)
    add(f"sequence-{mode}", lambda: layers.BatchNormalization(), [(2, 5, 3)], training=training)
    add(f"axis-1-{mode}", lambda: layers.BatchNormalization(axis=1), training=training)
    add(f"axis-2-{mode}", lambda: layers.BatchNormalization(axis=2, scale=False), training=training)
    add(f"momentum-epsilon-{mode}", lambda: layers.BatchNormalization(momentum=0.7, epsilon=0.05), training=training)
    add(f"no-center-{mode}", lambda: layers.BatchNormalization(center=False), training=training)
    add(f"no-scale-{mode}", lambda: layers.BatchNormalization(scale=False), training=training)
    add(f"bare-{mode}", lambda: layers.BatchNormalization(center=False, scale=False), training=training)
    add(f"frozen-{mode}", lambda: layers.BatchNormalization(trainable=False), training=training)
    add(f"synchronized-{mode}", lambda: layers.BatchNormalization(synchronized=True), training=training)
    add(f"renorm-{mode}", lambda: layers.BatchNormalization(renorm=True), training=training)
    add(
        f"renorm-clipping-{mode}",
        lambda: layers.BatchNormalization(
            renorm=True, renorm_clipping={"rmax": 1.1, "rmin": 0.9, "dmax": 0.2}, renorm_momentum=0.8
        ),
        training=training,
    )
    add(
        f"objects-{mode}",
        lambda: layers.BatchNormalization(
            beta_initializer=initializers.RandomNormal(seed=11),
            gamma_initializer=initializers.Constant(0.5),
            moving_mean_initializer=initializers.Ones(),
            moving_variance_initializer=initializers.Constant(2),
            beta_regularizer=regularizers.L2(0.01),
            gamma_regularizer=regularizers.L1(0.02),
            beta_constraint=constraints.MaxNorm(1),
            gamma_constraint=constraints.NonNeg(),
        ),
        training=training,
    )

add("default", lambda: layers.LayerNormalization())
add("vector", lambda: layers.LayerNormalization(epsilon=0.1), [(4, 5)])
add("axis-1", lambda: layers.LayerNormalization(axis=1))
add("axes-1-2-3", lambda: layers.LayerNormalization(axis=[1, 2, 3]))
add("axes--1--2", lambda: layers.LayerNormalization(axis=(-1, -2)), [(2, 5, 4)])
add("axes-2-3", lambda: layers.LayerNormalization(axis=[2, 3]))
add("no-center", lambda: layers.LayerNormalization(center=False))
add("no-scale", lambda: layers.LayerNormalization(scale=False))
add("bare", lambda: layers.LayerNormalization(center=False, scale=False))
add("frozen", lambda: layers.LayerNormalization(trainable=False), training=True)
# Deprecated, but still in every config.
add("rms-scaling", lambda: layers.LayerNormalization(rms_scaling=True))
add(
    "objects",
    lambda: layers.LayerNormalization(
        beta_initializer=initializers.Ones(),
        gamma_initializer=initializers.RandomUniform(seed=12),
        beta_regularizer=regularizers.L1(0.01),
        gamma_regularizer=regularizers.L2(0.02),
        beta_constraint=constraints.NonNeg(),
        gamma_constraint=constraints.MinMaxNorm(0.1, 3),
    ),
)

SIX = (2, 5, 4, 6)
add("default", lambda: layers.GroupNormalization(), [(2, 4, 3, 32)])
add("groups-2", lambda: layers.GroupNormalization(groups=2), [SIX])
add("groups-3-epsilon", lambda: layers.GroupNormalization(groups=3, epsilon=0.1), [SIX])
add("groups-1", lambda: layers.GroupNormalization(groups=1), [SIX])
add("groups--1", lambda: layers.GroupNormalization(groups=-1), [SIX])
add("axis-1", lambda: layers.GroupNormalization(groups=3, axis=1), [(2, 6, 5, 4)])
add("vector", lambda: layers.GroupNormalization(groups=2), [(3, 8)])
add("no-center", lambda: layers.GroupNormalization(groups=2, center=False), [SIX])
add("bare", lambda: layers.GroupNormalization(groups=2, center=False, scale=False), [SIX])
add(
    "objects",
    lambda: layers.GroupNormalization(
        groups=2,
        beta_initializer=initializers.RandomNormal(seed=13),
        gamma_initializer=initializers.Constant(0.7),
        beta_regularizer=regularizers.L2(0.01),
        gamma_regularizer=regularizers.L1(0.02),
        beta_constraint=constraints.MaxNorm(1),
        gamma_constraint=constraints.NonNeg(),
    ),
    [SIX],
)

add("default", lambda: layers.UnitNormalization())
add("axis-1", lambda: layers.UnitNormalization(axis=1))
add("axes-1-2", lambda: layers.UnitNormalization(axis=[1, 2]))

# ---- noise

for name, make in {
    "Dropout": lambda **options: layers.Dropout(options.pop("rate", 0.5), seed=1, **options),
    "SpatialDropout2D": lambda **options: layers.SpatialDropout2D(options.pop("rate", 0.5), seed=2, **options),
    "GaussianNoise": lambda **options: layers.GaussianNoise(options.pop("rate", 0.5), seed=3),
    "GaussianDropout": lambda **options: layers.GaussianDropout(options.pop("rate", 0.5), seed=4),
}.items():
    add("inference", lambda: make())
    add("none-training", lambda: make(rate=0.0), training=True)
add("noise-shape-inference", lambda: layers.Dropout(0.3, noise_shape=(None, 1, 1, 3), seed=5))
add("channels-last-inference", lambda: layers.SpatialDropout2D(0.3, data_format="channels_last", seed=6))
add("default", lambda: layers.ActivityRegularization())
add("l1-l2", lambda: layers.ActivityRegularization(l1=0.1, l2=0.2))
add("l1", lambda: layers.ActivityRegularization(l1=0.3), [(3, 5)], training=True)

# ---- borders and sizes

add("default", lambda: layers.ZeroPadding2D())
add("two-one", lambda: layers.ZeroPadding2D((2, 1), data_format="channels_last"))
add("four", lambda: layers.ZeroPadding2D(((1, 2), (0, 3))))
add("none", lambda: layers.ZeroPadding2D(0))
add("default", lambda: layers.Cropping2D())
add("one", lambda: layers.Cropping2D(1, data_format="channels_last"))
add("two-one", lambda: layers.Cropping2D((2, 1)))
add("four", lambda: layers.Cropping2D(((1, 2), (0, 3))))
SIZES = {"down": (4, 5), "up": (11, 13), "mixed": (10, 4)}
for interpolation in ["nearest", "bilinear", "bicubic", "lanczos3", "lanczos5"]:
    exact = not interpolation.startswith("lanczos")
    add(interpolation, lambda: layers.UpSampling2D(interpolation=interpolation), [SMALL], exact=exact)
    make = lambda: layers.UpSampling2D((3, 2), "channels_last", interpolation)
    add(f"{interpolation}-3-2", make, [SMALL], exact=exact)
    for size, (height, width) in SIZES.items():
        x = pixels(f"{interpolation}/{size}", (2, 7, 9, 2), np.float32)
        add(f"{interpolation}-{size}", lambda: layers.Resizing(height, width, interpolation), [x], exact=exact)
        add(
            f"{interpolation}-{size}-antialias",
            lambda: layers.Resizing(height, width, interpolation=interpolation, antialias=True),
            [x],
            exact=False,
        )
for size, (height, width) in SIZES.items():
    x = pixels(f"area/{size}", (2, 7, 9, 2), np.float32)
    add(f"area-{size}", lambda: layers.Resizing(height, width, "area"), [x], to_inputs=False)
add("default", lambda: layers.UpSampling2D(), [SMALL])
add("size-1", lambda: layers.UpSampling2D(1, interpolation="bilinear"), [SMALL])
add("default", lambda: layers.Resizing(5, 4), [pixels("resizing")])
add("same-size", lambda: layers.Resizing(7, 6, data_format="channels_last"), [pixels("resizing-same")])
add("half", lambda: layers.Resizing(4, 5, antialias=True), [pixels("resizing-half", (2, 8, 10, 3))])
for option in ["crop_to_aspect_ratio", "pad_to_aspect_ratio"]:
    kind = option.split("_")[0]
    for what, (height, width) in {"wide": (4, 9), "tall": (9, 4), "square": (6, 6), "same-ratio": (14, 12)}.items():
        x = pixels(f"{kind}-{what}", dtype=np.uint8 if kind == "crop" else np.float32)
        add(f"{kind}-{what}", lambda: layers.Resizing(height, width, **{option: True}), [x])
    for interpolation in ["nearest", "bicubic"]:
        x = pixels(f"{kind}/{interpolation}", dtype=np.float32)
        options = {"interpolation": interpolation, "antialias": interpolation == "bicubic"}
        exact = not options["antialias"]
        options |= {option: True, "fill_mode": "constant", "fill_value": 77.5}
        add(f"{kind}-{interpolation}-wide", lambda: layers.Resizing(4, 12, **options), [x], exact=exact)
        add(f"{kind}-{interpolation}-tall", lambda: layers.Resizing(11, 3, **options), [x], exact=exact)

# ---- preprocessing

add("default", lambda: layers.Rescaling(1 / 255), [pixels("rescaling")])
add("offset", lambda: layers.Rescaling(1 / 127.5, offset=-1), [pixels("rescaling-offset", dtype=np.float32)])
add("channels", lambda: layers.Rescaling([0.5, 2.0, 1.5], offset=[1.0, 0.0, -3.0]))
add("scale-channels", lambda: layers.Rescaling([0.5, 2.0, 1.5], offset=0.25))
MEAN, VARIANCE = [103.9, 116.8, 123.7], [3300.0, 3200.0, 3500.0]
add("default", lambda: layers.Normalization(mean=MEAN, variance=VARIANCE), [pixels("normalization", dtype=np.float32)])
add("invert", lambda: layers.Normalization(mean=MEAN, variance=VARIANCE, invert=True))
add("axis-1", lambda: layers.Normalization(axis=1, mean=[1.0, 2.0, 3.0, 4.0], variance=[0.1, 1.0, 4.0, 9.0]), [SMALL])
TWO_AXES = {"axis": (1, 3), "mean": np.arange(6.0).reshape(2, 3), "variance": np.full((2, 3), 2.0)}
add("axes-1-3", lambda: layers.Normalization(**TWO_AXES), [(2, 2, 5, 3)])
add("scalar", lambda: layers.Normalization(axis=None, mean=0.5, variance=4.0))
add("scalar-for-channels", lambda: layers.Normalization(mean=0.5, variance=4.0))
add("no-variance", lambda: layers.Normalization(mean=[0.1, 0.2, 0.3], variance=[4.0, 0.0, 1e-16], invert=True))
add("vector", lambda: layers.Normalization(mean=[0.1, 0.2, 0.3, 0.4], variance=[1.0, 2.0, 3.0, 4.0]), [(5, 4)])
# Adapted: what was learned are weights, and the config holds none of it.
add(
    "adapted",
    lambda: layers.Normalization(),
    weights=[np.array([0.1, -0.2, 0.3], np.float32), np.array([0.5, 1.5, 2.5], np.float32), np.array(0, np.int32)],
)
for what, (height, width) in {
    "smaller": (4, 3),
    "smaller-odd": (5, 3),
    "same": (7, 6),
    "larger": (9, 8),
    "larger-wide": (8, 13),
    "wider": (4, 8),
    "higher": (10, 3),
}.items():
    add(what, lambda: layers.CenterCrop(height, width), [pixels(f"crop-{what}")])
add("floats", lambda: layers.CenterCrop(4, 3, data_format="channels_last"))

# ---- augmentation

crop_in_training = layers.RandomCrop.transform_images


def documented_crop(self, images, transformation, training=True):
    """Keras leaves images in their size at inference, so that no layer above that is built for the target's size can
    take them. It documents the largest window of the target's proportions, resized, which is its own `smart_resize`."""
    if training:
        return crop_in_training(self, images, transformation, training)
    images = tf.cast(images, self.compute_dtype)
    window = keras.preprocessing.image.smart_resize(images, (self.height, self.width))
    return tf.cast(window, self.compute_dtype)


layers.RandomCrop.transform_images = documented_crop

PHOTO = pixels("photo", dtype=np.float32)
AUGMENTATIONS = {
    "flip": lambda: layers.RandomFlip(seed=1),
    "flip-horizontal": lambda: layers.RandomFlip("horizontal", seed=1, data_format="channels_last"),
    "flip-vertical": lambda: layers.RandomFlip(mode="vertical", seed=1),
    "rotation": lambda: layers.RandomRotation(0.2, seed=2),
    "translation": lambda: layers.RandomTranslation(0.2, (-0.1, 0.3), seed=3),
    "zoom": lambda: layers.RandomZoom(0.2, seed=4),
    "zoom-both": lambda: layers.RandomZoom((-0.3, 0.1), 0.2, seed=4, data_format="channels_last"),
    "crop": lambda: layers.RandomCrop(4, 3, seed=5),
    "crop-larger": lambda: layers.RandomCrop(9, 8, seed=5),
    "contrast": lambda: layers.RandomContrast(0.2, seed=6),
    "brightness": lambda: layers.RandomBrightness(0.2, seed=7),
}
for what, make in AUGMENTATIONS.items():
    add(f"{what}-inference", make, [PHOTO])
for what, make in AUGMENTATIONS.items():
    if what in ["flip", "rotation", "translation", "zoom", "crop", "contrast", "brightness"]:
        add(f"{what}-inference-uint8", make, [pixels("photo-uint8")])

# Equal bounds leave no chance.
for fill_mode in ["reflect", "wrap", "constant", "nearest"]:
    for interpolation in ["bilinear", "nearest"]:
        options = {"fill_mode": fill_mode, "interpolation": interpolation, "seed": 8}
        options |= {"fill_value": 31.0} if fill_mode == "constant" else {}
        for what, make in {
            "left": lambda: layers.RandomRotation((0.07, 0.07), **options),
            "right": lambda: layers.RandomRotation((-0.21, -0.21), data_format="channels_last", **options),
            "down-left": lambda: layers.RandomTranslation((0.2, 0.2), (-0.3, -0.3), **options),
            "up-right": lambda: layers.RandomTranslation((-0.63, -0.63), (0.85, 0.85), **options),
            "in": lambda: layers.RandomZoom((-0.3, -0.3), **options),
            "out": lambda: layers.RandomZoom((0.3, 0.3), **options),
            "out-in": lambda: layers.RandomZoom((0.8, 0.8), (-0.4, -0.4), **options),
        }.items():
            add(f"{what}-{fill_mode}-{interpolation}", make, [PHOTO], training=True, to_inputs=False)
EVEN = pixels("even", (2, 6, 8, 2))
add("quarter", lambda: layers.RandomRotation((0.25, 0.25), seed=9), [EVEN[:, :, :6]], training=True)
add("pixels", lambda: layers.RandomTranslation((0.5, 0.5), (0.25, 0.25), "constant", seed=9), [EVEN], training=True)
add("none", lambda: layers.RandomZoom(0.0, 0.0, seed=9), [EVEN], training=True)
for height, width in [(7, 4), (5, 6), (7, 6), (9, 8), (4, 9), (10, 3)]:
    add(f"{height}-{width}-training", lambda: layers.RandomCrop(height, width, seed=10), [PHOTO], training=True)
    add(f"{height}-{width}-inference", lambda: layers.RandomCrop(height, width, seed=10), [PHOTO])
add("part-inference", lambda: layers.RandomCrop(2, 5, seed=10, data_format="channels_last"), [PHOTO])
UNIT = generator("unit").uniform(size=IMAGE).astype(np.float32)
add("more", lambda: layers.RandomContrast((-0.4, 0.4), seed=11), [PHOTO], training=True)
add("value-range", lambda: layers.RandomContrast((-0.9, 0.9), value_range=(0, 1), seed=11), [UNIT], training=True)
add("none", lambda: layers.RandomContrast(0.0, seed=11), [PHOTO], training=True)
add("brighter", lambda: layers.RandomBrightness((0.3, 0.3), seed=12), [PHOTO], training=True)
add("darker", lambda: layers.RandomBrightness((-0.3, -0.3), seed=12), [PHOTO], training=True)
add("value-range", lambda: layers.RandomBrightness([0.2, 0.2], value_range=[0, 1], seed=12), [UNIT], training=True)
add("value-range-signed", lambda: layers.RandomBrightness((-0.6, -0.6), (-1.0, 1.0), seed=12), training=True)

save("layers", tensors, rows)
print(f"{len(rows)} rows, JSON {os.path.getsize(os.path.join(os.path.dirname(__file__), 'layers.json')) / 1e6:.2f} MB")
