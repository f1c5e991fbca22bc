"""Values and gradients of Keras' activations in double precision: `python test/goldens/make_activations.py`.

Each row of activations.json is one case. The gradient is that of `sum(output * upstream)`. Inputs are float32, computed
with as float64, so that the reference is exact also where single precision would cancel.
"""

import os

os.environ["CUDA_VISIBLE_DEVICES"] = ""
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "2"

import keras
import numpy as np
import tensorflow as tf
from golden_files import generator, save

tensors: dict[str, np.ndarray] = {}
rows: list[dict] = []


def camel(name: str) -> str:
    head, *rest = name.split("_")
    return head + "".join(word.capitalize() for word in rest)


def sparsemax(x: tf.Tensor, axis: int = -1) -> tf.Tensor:
    """max(x - tau, 0) with the tau that makes the sum 1, found by bisection (arXiv 1602.02068, equation 2).

    Keras 3.15's function adds up cumulative sums where the sum over the support is meant: its outputs do not sum to 1.
    """
    values = x.numpy()
    low, high = values.min(axis, keepdims=True) - 1, values.max(axis, keepdims=True)
    for _ in range(200):
        middle = (low + high) / 2
        above = np.maximum(values - middle, 0).sum(axis, keepdims=True) > 1
        low, high = np.where(above, middle, low), np.where(above, high, middle)
    support = tf.constant(values > high, tf.float64)
    count = tf.reduce_sum(support, axis, keepdims=True)
    tau = (tf.reduce_sum(support * x, axis, keepdims=True) - 1) / count
    output = tf.maximum(x - tau, 0)
    np.testing.assert_allclose(tf.reduce_sum(output, axis), 1, rtol=1e-9)
    return output


def record(activation: str, values: np.ndarray, **options) -> None:
    name = camel(activation)
    key = "-".join([name, *(f"{option}={value}" for option, value in options.items())])
    assert f"{key}/output" not in tensors, f"{key} is there twice"
    x = tf.constant(values, tf.float64)
    function = sparsemax if activation == "sparsemax" else getattr(keras.activations, activation)
    with tf.GradientTape() as tape:
        tape.watch(x)
        output = function(x, **options)
        upstream = tf.constant(generator(key).normal(size=output.shape).astype(np.float32))
        loss = tf.reduce_sum(output * tf.cast(upstream, tf.float64))
    gradient = tape.gradient(loss, x)
    assert output.dtype == tf.float64 and np.isfinite(output).all() and np.isfinite(gradient).all(), key
    parts = {"input": values, "output": output, "upstream": upstream, "gradient": gradient}
    tensors.update({f"{key}/{part}": np.asarray(value, np.float32) for part, value in parts.items()})
    rows.append({"key": key, "activation": name, "options": {camel(k): v for k, v in options.items()}})


edges = [0.5, 1, 1.5, 2, 3, 6]
extremes = [100, 1e4, 1e-2, 1e-4, 1e-7, 1e-40]
positive = np.asarray([*np.linspace(0.07, 9.31, 80), *edges, *extremes], np.float32)
line = np.concatenate([-positive, positive, [0]]).astype(np.float32)
# At 0, and where TensorFlow takes a number for it, its gradients are selu's slope from the right, and the sum of celu's.
apart = line[np.abs(line) > 1e-30]
small = line[np.abs(line) < 80]

for activation in [
    *["linear", "relu6", "softplus", "softsign", "sparse_plus", "silu", "squareplus", "tanh", "tanh_shrink", "sigmoid"],
    *["hard_sigmoid", "hard_silu", "hard_tanh", "log_sigmoid", "sparse_sigmoid", "mish", "relu", "leaky_relu"],
    *["elu", "gelu", "hard_shrink", "soft_shrink"],
]:
    record(activation, line)
for activation in ["selu", "celu"]:
    record(activation, apart)
record("exponential", small)
record("relu", line, negative_slope=0.25)
record("relu", line, max_value=6)
record("relu", line, max_value=2.5)
record("relu", line, threshold=1.5)
record("relu", line, threshold=-1.5, max_value=2)
record("relu", line, negative_slope=0.1, max_value=3, threshold=1)
record("leaky_relu", line, negative_slope=0.01)
record("elu", line, alpha=0.5)
record("celu", apart, alpha=2)
record("gelu", line, approximate=True)
record("hard_shrink", line, threshold=1.5)
record("soft_shrink", line, threshold=1.5)
record("squareplus", line, b=0.5)
record("threshold", line, threshold=1.5, default_value=-2)

matrix = (generator("matrix").normal(size=(6, 8)) * 3).astype(np.float32)
matrix[4] = [1e4, -1e4, 100, -100, 0, 1e-40, 9999.5, 1]
matrix[5] = 1e4
record("glu", matrix)
for activation in ["softmax", "log_softmax", "sparsemax"]:
    record(activation, matrix)
    record(activation, matrix[:4], axis=0)
record("glu", matrix[:4], axis=0)

save("activations", tensors, rows)
