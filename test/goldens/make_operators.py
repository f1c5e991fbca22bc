"""Values and gradients of operators in TensorFlow: `python test/goldens/make_operators.py`.

Each row of operators.json is one case. `loss = sum(output * upstream)`; `gradients` holds the gradient by each input,
null where none passes. Images are NHWC; kernels are HWIO, [kh, kw, in / groups, out]; pads are [top, left, bottom,
right]. `padding` tells how a row's pads came about.
"""

import os

os.environ["CUDA_VISIBLE_DEVICES"] = ""
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "2"

import numpy as np
import tensorflow as tf
from golden_files import generator, save

tf.config.threading.set_intra_op_parallelism_threads(1)
tf.config.experimental.enable_op_determinism()

tensors: dict[str, np.ndarray] = {}
rows: list[dict] = []


def record(op: str, name: str, inputs: dict[str, np.ndarray], compute, attributes=None, constant=(), **extra) -> None:
    """Adds a case: `compute(*inputs)` and its gradient by every input that is not named in `constant` (`True`: all are)."""
    constant = list(inputs) if constant is True else constant
    key = f"{op}/{name}"
    assert f"{key}/output" not in tensors, f"{key} is there twice"
    values = {label: tf.constant(value) for label, value in inputs.items()}
    with tf.GradientTape() as tape:
        tape.watch(list(values.values()))
        output = tf.cast(compute(*values.values()), tf.float32)
        upstream = tf.constant(generator(key + "/upstream").normal(size=output.shape).astype(np.float32))
        loss = tf.reduce_sum(output * upstream)
    wanted = [label for label in inputs if label not in constant]
    gradients = dict(zip(wanted, tape.gradient(loss, [values[label] for label in wanted]), strict=True))
    assert all(gradient is not None for gradient in gradients.values()), key
    stored = {label: value for label, value in inputs.items()}
    stored |= {"output": output.numpy(), "upstream": upstream.numpy()}
    stored |= {f"gradient/{label}": gradient.numpy() for label, gradient in gradients.items()}
    assert all(np.isfinite(value).all() for value in stored.values()), key
    tensors.update({f"{key}/{label}": value for label, value in stored.items()})
    rows.append(
        {
            "op": op,
            "name": name,
            "inputs": [f"{key}/{label}" for label in inputs],
            "attributes": attributes or {},
            "output": f"{key}/output",
            "upstream": f"{key}/upstream",
            "gradients": [f"{key}/gradient/{label}" if label in gradients else None for label in inputs],
            **extra,
        }
    )


def normal(name: str, shape, scale=1.0) -> np.ndarray:
    return (generator(name).normal(size=shape) * scale).astype(np.float32)


def apart(name: str, shape, gap=0.05) -> np.ndarray:
    """Values of which no two are equal or close, so that no rounding changes which of them is the largest."""
    size = int(np.prod(shape))
    return ((generator(name).permutation(size) - size / 2 + 0.25) * gap).reshape(shape).astype(np.float32)


def same_pads(size, window, strides, dilations=(1, 1)) -> list[int]:
    """TensorFlow's 'same': the odd pixel goes to the bottom and the right."""
    before, after = [], []
    for length, k, stride, dilation in zip(size, window, strides, dilations, strict=True):
        total = max((-(-length // stride) - 1) * stride + (k - 1) * dilation + 1 - length, 0)
        before.append(total // 2)
        after.append(total - total // 2)
    return before + after


def pads_of(padding, size, window, strides, dilations=(1, 1)) -> tuple[str, list[int]]:
    if padding == "same":
        return "same", same_pads(size, window, strides, dilations)
    return ("valid", [0, 0, 0, 0]) if padding == "valid" else ("explicit", list(padding))


def conv2d(size, channels, kernel, padding="valid", strides=(1, 1), dilations=(1, 1), groups=1, batch=2, bias=False):
    c_in, c_out = channels
    name = f"{'x'.join(map(str, size))}x{c_in}-{'x'.join(map(str, kernel))}x{c_out}"
    kind, pads = pads_of(padding, size, kernel, strides, dilations)
    name += f"-{kind}" + (f"-{'.'.join(map(str, pads))}" if kind == "explicit" else "")
    name += f"-s{strides[0]}{strides[1]}" if strides != (1, 1) else ""
    name += f"-d{dilations[0]}{dilations[1]}" if dilations != (1, 1) else ""
    name += f"-g{groups}" if groups > 1 else ""
    inputs = {
        "x": normal(name + "x", (batch, *size, c_in)),
        "w": normal(name + "w", (*kernel, c_in // groups, c_out), (kernel[0] * kernel[1] * c_in / groups) ** -0.5),
    }
    if bias:
        inputs["b"] = normal(name + "b", (c_out,))

    # TensorFlow's CPU kernels have no gradient of dilated or grouped convolutions: a dilated kernel is written out
    # with zeros between its entries, and groups are convolved one by one.
    def spread(w):
        for axis, dilation in enumerate(dilations):
            if dilation > 1:
                entries = tf.unstack(w, axis=axis)
                holes = [tf.zeros_like(entries[0])] * (dilation - 1)
                spaced = [part for entry in entries for part in (entry, *holes)]
                w = tf.stack(spaced[: len(spaced) - len(holes)], axis=axis)
        return w

    def compute(x, w, *b):
        top, left, bottom, right = pads
        x = tf.pad(x, [[0, 0], [top, bottom], [left, right], [0, 0]])
        parts = zip(tf.split(x, groups, axis=3), tf.split(spread(w), groups, axis=3), strict=True)
        y = tf.concat([tf.nn.conv2d(xg, wg, [1, *strides, 1], "VALID") for xg, wg in parts], axis=3)
        return y + b[0] if b else y

    # Where TensorFlow's own operator can say it, it must say the same.
    if kind != "explicit" and groups == 1:
        own = tf.nn.conv2d(inputs["x"], inputs["w"], strides, kind.upper(), dilations=dilations)
        ours = compute(tf.constant(inputs["x"]), tf.constant(inputs["w"]))
        np.testing.assert_allclose(own, ours, rtol=1e-5, atol=1e-5)
    attributes = {"strides": list(strides), "pads": pads, "dilations": list(dilations), "groups": groups}
    record("conv2d", name, inputs, compute, attributes, padding=kind)


# What a Winograd lowering may take: 3×3, stride 1.
conv2d((7, 7), (3, 4), (3, 3), "same")
conv2d((8, 8), (8, 8), (3, 3), "same", bias=True)
conv2d((14, 14), (16, 16), (3, 3), "same", bias=True)
conv2d((10, 12), (4, 16), (3, 3), "same", batch=3)
conv2d((14, 14), (8, 6), (3, 3), "valid")
conv2d((10, 12), (5, 3), (3, 3), "valid", bias=True)
conv2d((7, 5), (16, 8), (3, 3), "same", batch=1)
conv2d((11, 13), (1, 2), (3, 3), (0, 2, 1, 0))
conv2d((15, 6), (2, 7), (3, 3), (2, 2, 2, 2))
# Other kernels, strides and pads.
conv2d((6, 6), (3, 5), (1, 1), bias=True)
conv2d((7, 5), (8, 4), (1, 1), strides=(2, 2))
conv2d((9, 9), (3, 8), (3, 3), "same", strides=(2, 2), bias=True)
conv2d((8, 8), (3, 8), (3, 3), "same", strides=(2, 2))
conv2d((8, 11), (4, 4), (3, 3), "valid", strides=(2, 1))
conv2d((10, 7), (4, 6), (3, 3), (1, 1, 1, 1), strides=(2, 2))
conv2d((9, 12), (3, 4), (3, 3), (0, 0, 1, 1), strides=(2, 2))
conv2d((11, 8), (2, 3), (5, 5), "same", bias=True)
conv2d((15, 15), (1, 6), (5, 5), "valid")
conv2d((12, 9), (3, 3), (5, 5), "same", strides=(2, 2))
conv2d((7, 10), (4, 5), (3, 1), "same")
conv2d((9, 6), (3, 2), (3, 1), "valid", strides=(2, 1))
conv2d((6, 9), (3, 2), (1, 3), "same")
# Dilations.
conv2d((9, 9), (3, 4), (3, 3), "same", dilations=(2, 2))
conv2d((11, 8), (2, 3), (3, 3), "valid", dilations=(2, 2), bias=True)
conv2d((13, 10), (2, 4), (5, 5), (4, 4, 4, 4), dilations=(2, 2))
conv2d((10, 9), (3, 3), (3, 3), (1, 2, 1, 2), dilations=(1, 2), strides=(2, 1))
# Groups and depthwise convolutions.
conv2d((8, 7), (4, 6), (3, 3), "same", groups=2)
conv2d((9, 9), (6, 4), (3, 3), "valid", strides=(2, 2), groups=2, bias=True)
conv2d((6, 5), (8, 8), (1, 1), groups=4)
conv2d((10, 12), (8, 8), (3, 3), "same", groups=8)
conv2d((9, 7), (4, 4), (3, 3), "same", strides=(2, 2), groups=4, bias=True)
conv2d((7, 8), (3, 6), (3, 3), "same", groups=3)
conv2d((11, 11), (4, 4), (5, 5), "same", dilations=(2, 2), groups=4)


def pool(op, size, window, strides, padding, values="apart", channels=3, batch=2):
    name = f"{'x'.join(map(str, size))}-{window[0]}x{window[1]}-s{strides[0]}{strides[1]}-{padding}"
    name += f"-{values}" if values != "apart" else ""
    shape = (batch, *size, channels)
    x = {
        "apart": lambda: apart(name, shape),
        "constant": lambda: np.full(shape, 1.5, np.float32),
        "negative": lambda: np.full(shape, -2, np.float32),
        "whole": lambda: generator(name).integers(-2, 3, shape).astype(np.float32),
        "afterRelu": lambda: np.maximum(generator(name).integers(-4, 3, shape), 0).astype(np.float32),
    }[values]()
    _, pads = pads_of(padding, size, window, strides)
    function = tf.nn.max_pool2d if op == "maxPool2d" else tf.nn.avg_pool2d
    attributes = {"poolSize": list(window), "strides": list(strides), "pads": pads}
    record(
        op, name, {"x": x}, lambda x: function(x, window, strides, padding.upper()), attributes, padding=padding
    )
    if op == "maxPool2d":
        check_first_maximum(x, window, strides, pads)


def check_first_maximum(x, window, strides, pads):
    """The gradient of the newest row goes to the first maximum, in rows, of each window."""
    row = rows[-1]
    upstream, gradient = tensors[row["upstream"]], tensors[row["gradients"][0]]
    padded = np.pad(
        x, [(0, 0), (pads[0], pads[2]), (pads[1], pads[3]), (0, 0)], constant_values=np.finfo(np.float32).min
    )
    expected = np.zeros_like(padded)
    for n, i, j, c in np.ndindex(upstream.shape):
        top, left = i * strides[0], j * strides[1]
        part = padded[n, top : top + window[0], left : left + window[1], c]
        di, dj = np.unravel_index(np.argmax(part), part.shape)
        expected[n, top + di, left + dj, c] += upstream[n, i, j, c]
    inside = expected[:, pads[0] : pads[0] + x.shape[1], pads[1] : pads[1] + x.shape[2]]
    np.testing.assert_allclose(gradient, inside, rtol=1e-5, atol=1e-6, err_msg=row["name"])


pool("maxPool2d", (8, 8), (2, 2), (2, 2), "valid")
pool("maxPool2d", (7, 9), (2, 2), (2, 2), "valid")
pool("maxPool2d", (7, 9), (2, 2), (2, 2), "same")
pool("maxPool2d", (9, 8), (3, 3), (2, 2), "same")
pool("maxPool2d", (9, 8), (3, 3), (2, 2), "valid")
pool("maxPool2d", (6, 7), (3, 3), (1, 1), "same")
pool("maxPool2d", (8, 6), (2, 2), (2, 2), "valid", "constant")
pool("maxPool2d", (8, 6), (2, 2), (2, 2), "valid", "whole")
pool("maxPool2d", (14, 14), (2, 2), (2, 2), "valid", "afterRelu")
pool("maxPool2d", (7, 8), (3, 3), (2, 2), "same", "whole")
pool("maxPool2d", (7, 8), (3, 3), (2, 2), "same", "negative")
pool("maxPool2d", (9, 9), (3, 3), (1, 2), "valid", "whole")
pool("averagePool2d", (8, 8), (2, 2), (2, 2), "valid")
pool("averagePool2d", (7, 9), (2, 2), (2, 2), "same")
pool("averagePool2d", (9, 8), (3, 3), (2, 2), "same")
pool("averagePool2d", (9, 8), (3, 3), (2, 2), "valid")
pool("averagePool2d", (6, 7), (3, 3), (1, 1), "same")

# Softmax and losses.
record("softmax", "rows", {"x": normal("softmax", (5, 4), 2)}, tf.nn.softmax, {"axis": -1})
record(
    "softmax", "middle-axis", {"x": normal("softmax-middle", (3, 4, 5))}, lambda x: tf.nn.softmax(x, 1), {"axis": 1}
)
far = np.array([[1e4, -1e4, 0, 1], [-1e4, -1e4, -1e4, -1e4], [1e4, 1e4, -1e4, 3], [0, 0, 0, -1e4]], np.float32)
record("softmax", "far", {"x": far}, tf.nn.softmax, {"axis": -1})
for name, logits in {"near": normal("logits", (6, 4), 3), "far": far}.items():
    labels = np.eye(4, dtype=np.float32)[generator(name).integers(0, 4, len(logits))]
    record(
        "softmaxCrossEntropy",
        name,
        {"logits": logits, "labels": labels},
        lambda logits, labels: tf.nn.softmax_cross_entropy_with_logits(labels, logits),
        {"axis": -1},
        constant=["labels"],
    )

# Elementwise.
values = np.concatenate([normal("elementwise", (2, 4, 3), 3).ravel(), [-90, -20, -1e-4, 0, 1e-4, 20, 90]])
values = values.astype(np.float32)
for op, function in {"relu": tf.nn.relu, "softplus": tf.math.softplus, "tanh": tf.tanh, "sigmoid": tf.sigmoid}.items():
    record(op, "values", {"x": values}, function)
record("exp", "values", {"x": np.clip(values, -20, 20)}, tf.exp)
positive = (np.abs(values) + np.float32(0.01)).astype(np.float32)
record("log", "values", {"x": positive}, tf.math.log)
record("sqrt", "values", {"x": positive}, tf.sqrt)

# Broadcasting.
binary = {"add": tf.add, "sub": tf.subtract, "mul": tf.multiply, "div": tf.divide}
shapes = {"equal": ((3, 4), (3, 4)), "vector": ((2, 3, 4), (4,)), "both": ((3, 1, 4), (2, 1)), "scalar": ((), (3, 2))}
for op, function in binary.items():
    for name, (left, right) in shapes.items():
        a, b = normal(f"{op}{name}a", left), normal(f"{op}{name}b", right)
        b = (np.sign(b) * (np.abs(b) + np.float32(0.5))).astype(np.float32)
        record(op, name, {"a": np.asarray(a, np.float32), "b": b}, function)

# Products.
products = {"plain": ((4, 5), (5, 3)), "batched": ((2, 4, 5), (2, 5, 3)), "broadcast": ((3, 1, 4, 2), (2, 2, 5))}
for name, (left, right) in products.items():
    record("matMul", name, {"a": normal(name + "a", left), "b": normal(name + "b", right)}, tf.matmul)

# Reductions.
reductions = {"reduceSum": tf.reduce_sum, "reduceMean": tf.reduce_mean, "reduceMax": tf.reduce_max}
for op, function in reductions.items():
    for name, axes, keep in [("last", [-1], False), ("spatial", [1, 2], False), ("kept", [0, 2], True)]:
        x = apart(op + name, (2, 3, 4, 5))
        attributes = {"axes": axes, "keepDims": keep}
        record(op, name, {"x": x}, lambda x, f=function, a=axes, k=keep: f(x, axis=a, keepdims=k), attributes)
    all_axes = {"axes": [0, 1], "keepDims": False}
    record(op, "all", {"x": apart(op + "all", (3, 4))}, lambda x, f=function: f(x, axis=[0, 1]), all_axes)

# Shapes.
parts = {"a": normal("concat-a", (2, 3, 4)), "b": normal("concat-b", (2, 1, 4)), "c": normal("concat-c", (2, 2, 4))}
record("concat", "middle", parts, lambda *xs: tf.concat(xs, 1), {"axis": 1})
last = {"a": normal("concat-last-a", (3, 2)), "b": normal("concat-last-b", (3, 4))}
record("concat", "last", last, lambda *xs: tf.concat(xs, -1), {"axis": -1})
record(
    "slice",
    "middle",
    {"x": normal("slice", (4, 5, 6))},
    lambda x: x[1:3, :, 2:6],
    {"axes": [0, 2], "starts": [1, 2], "ends": [3, 6]},
)
steps = {"axes": [0], "starts": [1], "ends": [7], "steps": [2]}
record("slice", "steps", {"x": normal("slice-steps", (7, 5))}, lambda x: x[1:7:2], steps)
for name, perm in {"matrix": [1, 0], "image": [0, 3, 1, 2], "mixed": [2, 0, 1]}.items():
    x = normal(f"transpose-{name}", (2, 3, 4, 5)[: len(perm)])
    record("transpose", name, {"x": x}, lambda x, p=perm: tf.transpose(x, p), {"perm": perm})

# Transposed convolutions: the size is one of those whose convolution gives the size of x.


def conv2d_transpose(size, channels, window, padding, strides=(1, 1), dilations=(1, 1), more=(0, 0), batch=2):
    name = f"{'x'.join(map(str, size))}x{channels[0]}-{window[0]}x{window[1]}x{channels[1]}-{padding}-s{strides[0]}{strides[1]}"
    name += f"-d{dilations[0]}{dilations[1]}" if dilations != (1, 1) else ""
    name += f"-more{more[0]}{more[1]}" if more != (0, 0) else ""
    if padding == "same":
        out = [length * stride - m for length, stride, m in zip(size, strides, more, strict=True)]
    else:
        reach = [(k - 1) * dilation + 1 for k, dilation in zip(window, dilations, strict=True)]
        out = [(n - 1) * s + r + m for n, s, r, m in zip(size, strides, reach, more, strict=True)]
    _, pads = pads_of(padding, out, window, strides, dilations)
    inputs = {
        "x": normal(name + "x", (batch, *size, channels[0])),
        "w": normal(name + "w", (*window, channels[1], channels[0]), 0.3),
    }
    shape = (batch, *out, channels[1])
    attributes = {"strides": list(strides), "pads": pads, "dilations": list(dilations), "size": out}
    record(
        "conv2dTranspose",
        name,
        inputs,
        lambda x, w: tf.nn.conv2d_transpose(x, w, shape, strides, padding.upper(), dilations=dilations),
        attributes,
        padding=padding,
    )


conv2d_transpose((7, 7), (4, 3), (3, 3), "same", (2, 2))
conv2d_transpose((6, 5), (4, 3), (3, 3), "valid", (2, 2))
conv2d_transpose((6, 5), (3, 2), (3, 2), "valid", (3, 2), more=(2, 1))
conv2d_transpose((6, 5), (3, 2), (4, 3), "same", (2, 3), more=(1, 2))
conv2d_transpose((6, 5), (8, 4), (2, 2), "valid", (2, 2))
conv2d_transpose((7, 8), (16, 16), (3, 3), "same")
conv2d_transpose((6, 5), (4, 6), (1, 1), "valid")
conv2d_transpose((6, 5), (3, 2), (3, 3), "same", dilations=(2, 2))

# More elementwise functions. Of those that are constant but for steps TensorFlow has no gradient.
for op, function in {"erf": tf.math.erf, "sin": tf.sin, "cos": tf.cos, "square": tf.square}.items():
    record(op, "values", {"x": np.clip(values, -20, 20)}, function)
record("expm1", "values", {"x": np.append(np.clip(values, -80, 20), [1e-7, -1e-7]).astype(np.float32)}, tf.math.expm1)
near_zero = np.asarray([-0.99, -0.6, -0.4, -1e-3, -1e-7, 0, 1e-7, 1e-3, 0.4, 0.6, 1, 10, 1e4], np.float32)
record("log1p", "values", {"x": near_zero}, tf.math.log1p)
for op, function in {"reciprocal": tf.math.reciprocal, "rsqrt": tf.math.rsqrt}.items():
    record(op, "values", {"x": positive}, function)
record("abs", "values", {"x": values}, tf.abs)
halves = np.asarray([-2.5, -1.5, -0.7, -0.5, 0, 0.2, 0.5, 1.5, 2.5, 1e6], np.float32)
for op, function in {"floor": tf.floor, "ceil": tf.math.ceil, "round": tf.round, "sign": tf.sign}.items():
    record(op, "values", {"x": halves}, function, constant=True)
record("isNaN", "values", {"x": values}, tf.math.is_nan, constant=True)
record("clip", "values", {"x": halves}, lambda x: tf.clip_by_value(x, -1.5, 0.5), {"min": -1.5, "max": 0.5})
for op, function in {"maximum": tf.maximum, "minimum": tf.minimum}.items():
    both = apart(op, (3, 8))
    record(op, "rows", {"a": both[:2].reshape(2, 8), "b": both[2]}, function)
base = (np.abs(normal("pow", (3, 4))) + np.float32(0.2)).astype(np.float32)
record("pow", "values", {"a": base, "b": normal("pow-b", (3, 4))}, tf.pow)
record("pow", "broadcast", {"a": base, "b": normal("pow-c", (4,))}, tf.pow)
signed = {"a": normal("pow-signed", (3, 4)), "b": np.asarray(3, np.float32)}
record("pow", "of-signed", signed, tf.pow)

# Conditions.
a, b = (generator(name).integers(-1, 2, (4, 6)).astype(np.float32) for name in "ab")
comparisons = {"equal": tf.equal, "notEqual": tf.not_equal, "greater": tf.greater, "less": tf.less}
comparisons |= {"greaterEqual": tf.greater_equal, "lessEqual": tf.less_equal}
for op, function in comparisons.items():
    record(op, "ties", {"a": a, "b": b}, function, constant=True)
for op, function in {"logicalAnd": tf.logical_and, "logicalOr": tf.logical_or}.items():
    record(op, "rows", {"a": a > 0, "b": b[0] > 0}, function, constant=True)
record("logicalNot", "values", {"a": a > 0}, tf.logical_not, constant=True)
taken = {"condition": a > 0, "a": normal("where-a", (6,)), "b": normal("where-b", (4, 1))}
record("where", "broadcast", taken, tf.where, constant=["condition"])

# More reductions.
for op, function in {"reduceMin": tf.reduce_min, "reduceProd": tf.reduce_prod, "logSumExp": tf.reduce_logsumexp}.items():
    for name, axes, keep in [("last", [-1], False), ("kept", [0, 2], True)]:
        attributes = {"axes": axes, "keepDims": keep}
        x = apart(op + name, (2, 3, 4))
        record(op, name, {"x": x}, lambda x, f=function, a=axes, k=keep: f(x, axis=a, keepdims=k), attributes)
last = {"axes": [-1], "keepDims": False}
record("reduceMin", "ties", {"x": a}, lambda x: tf.reduce_min(x, -1), last)
zeros = np.asarray([[2, 3, 4], [2, 0, 4], [0, 3, 0], [0, 0, 0]], np.float32)
record("reduceProd", "zeros", {"x": zeros}, lambda x: tf.reduce_prod(x, -1), last)
record("logSumExp", "far", {"x": far}, lambda x: tf.reduce_logsumexp(x, -1), last)
variance = {"axes": [0, 1], "keepDims": False}
record("variance", "all-but-last", {"x": normal("variance", (4, 5, 3), 2)}, lambda x: tf.math.reduce_variance(x, [0, 1]), variance)
for exclusive in [False, True]:
    for reverse in [False, True]:
        attributes = {"axis": 1, "exclusive": exclusive, "reverse": reverse}
        name = f"{'exclusive' if exclusive else 'inclusive'}-{'reverse' if reverse else 'forward'}"
        record("cumSum", name, {"x": normal(name, (2, 5, 3))}, lambda x, k=attributes: tf.cumsum(x, **k), attributes)
for op, function in {"argMax": tf.argmax, "argMin": tf.argmin}.items():
    for axis in [-1, 0]:
        attributes = {"axis": axis}
        record(op, f"ties-{axis}", {"x": a}, lambda x, f=function, i=axis: f(x, i), attributes, constant=True)

# Order and places.
record("topKValues", "three", {"x": apart("top-k", (3, 7))}, lambda x: tf.math.top_k(x, 3).values, {"k": 3})
record("topKIndices", "ties", {"x": a}, lambda x: tf.math.top_k(x, 4).indices, {"k": 4}, constant=True)
for descending in [False, True]:
    direction = "DESCENDING" if descending else "ASCENDING"
    attributes = {"axis": 1, "descending": descending}
    x = {"x": apart("sort", (2, 6, 3))}
    record("sort", direction.lower(), x, lambda x, d=direction: tf.sort(x, 1, d), attributes)
    attributes = {"axis": -1, "descending": descending}
    order = lambda x, d=direction: tf.argsort(x, -1, d, stable=True)  # noqa: E731
    record("argSort", direction.lower(), {"x": a}, order, attributes, constant=True)
labels = {"indices": np.asarray([[0, 3, -1], [2, 4, 1]], np.int64)}
record("oneHot", "last", labels, lambda i: tf.one_hot(i, 4), {"depth": 4}, constant=True)
record("oneHot", "first", labels, lambda i: tf.one_hot(i, 4, axis=0), {"depth": 4, "axis": 0}, constant=True)
table = {"x": normal("gather", (3, 5, 2)), "indices": np.asarray([[0, 4, 4], [1, 0, 4]], np.int32)}
record("gather", "twice", table, lambda x, i: tf.gather(x, i, axis=1), {"axis": 1}, constant=["indices"])
along = {"x": normal("along", (3, 5)), "indices": generator("along").integers(0, 5, (3, 7))}
record("takeAlong", "last", along, lambda x, i: tf.gather(x, i, batch_dims=1), {"axis": -1}, constant=["indices"])
pixels = {"x": normal("pixels", (2, 9, 3)), "indices": generator("pixels").integers(0, 9, (2, 12)).astype(np.int32)}
record("gatherRows", "pixels", pixels, lambda x, i: tf.gather(x, i, batch_dims=1), constant=["indices"])

# More shapes.
image = {"x": normal("image", (2, 4, 3, 2))}
record("flip", "image", image, lambda x: tf.reverse(x, [1, 2]), {"axes": [1, -2]})
record("tile", "image", image, lambda x: tf.tile(x, [1, 2, 3, 1]), {"repeats": [1, 2, 3, 1]})
record("repeatElements", "image", image, lambda x: tf.repeat(x, 3, 1), {"times": 3, "axis": 1})
around = {"before": [0, 1, 2, 0], "after": [0, 2, 1, 0]}
padding = [[0, 0], [1, 2], [2, 1], [0, 0]]
record("pad", "value", image, lambda x: tf.pad(x, padding, constant_values=1.5), {**around, "value": 1.5})
for mode in ["reflect", "symmetric"]:
    record("padEdges", mode, image, lambda x, m=mode: tf.pad(x, padding, m), {**around, "mode": mode})
rows_at, columns_at = np.clip(np.arange(-1, 6), 0, 3), np.clip(np.arange(-2, 4), 0, 2)
edges = lambda x: tf.gather(tf.gather(x, rows_at, axis=1), columns_at, axis=2)  # noqa: E731
record("padEdges", "edge", image, edges, {**around, "mode": "edge"})

save("operators", tensors, rows)
print(len(rows), "rows")
