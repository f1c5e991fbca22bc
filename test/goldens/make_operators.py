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
    """Adds a case: `compute(*inputs)` and its gradient by every input that is not named in `constant`."""
    key = f"{op}/{name}"
    assert f"{key}/output" not in tensors, f"{key} is there twice"
    values = {label: tf.constant(value) for label, value in inputs.items()}
    with tf.GradientTape() as tape:
        tape.watch(list(values.values()))
        output = compute(*values.values())
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
    return ((generator(name).perm(size) - size / 2 + 0.25) * gap).reshape(shape).astype(np.float32)


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

save("operators", tensors, rows)
print(len(rows), "rows")
