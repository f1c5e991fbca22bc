"""Makes image_ops.safetensors and image_ops.json: what TensorFlow makes of small images, operation by operation.

Run from the repository's root: .python/bin/python test/goldens/make_image_ops.py
Made with tensorflow-cpu 2.21, keras 3.15.1, SciPy 1.17, NumPy 2.4.
"""

import math
import os

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
import keras
import numpy as np
import scipy.ndimage
import tensorflow as tf
from golden_files import generator, save

tensors: dict[str, np.ndarray] = {}
rows: list[dict] = []


def picture(name, height, width, channels):
    """Smooth colours with some noise."""
    random = generator(name)
    small = random.integers(0, 256, (4, 5, channels), dtype=np.uint8)
    smooth = tf.image.resize(small, (height, width), method="bicubic").numpy()
    levels = np.clip(np.rint(smooth + random.normal(0, 8, smooth.shape)), 0, 255).astype(np.uint8)
    tensors[name] = levels
    return levels


def add(source, ops, expected, tolerance):
    """`tolerance` is in the numbers of the result."""
    key = f"{len(rows)}"
    expected = np.asarray(expected)
    if expected.dtype == np.uint16:
        expected = expected.astype(np.int32)
    tensors[key] = expected
    rows.append({"source": source, "ops": ops, "expected": key, "tolerance": tolerance})


TO_FLOATS = {"op": "toFloats"}
FRACTIONS = {"op": "convertImageDtype", "dtype": "float32"}
LEVEL = 1e-3

images = {
    "grey": picture("grey", 23, 31, 1),
    "rgb": picture("rgb", 17, 14, 3),
    "dot": picture("dot", 1, 1, 3),
}
rgb, grey = images["rgb"], images["grey"]

# Sizes that reduce, enlarge, keep and do both at once.
METHODS = ["nearest", "bilinear", "bicubic", "area", "lanczos3", "lanczos5", "gaussian", "mitchellcubic"]
SIZES = {"grey": [(9, 14), (40, 11), (23, 31), (46, 62), (1, 1)], "rgb": [(8, 7), (5, 29)], "dot": [(3, 2)]}
for name, sizes in SIZES.items():
    for height, width in sizes:
        for method in METHODS:
            for antialias in [False, True] if method not in ("nearest", "area") else [False]:
                expected = tf.image.resize(images[name], (height, width), method=method, antialias=antialias)
                op = {"op": "resize", "height": height, "width": width, "method": method, "antialias": antialias}
                add(name, [op, TO_FLOATS], tf.cast(expected, tf.float32), LEVEL)
                if name == "rgb":
                    add(name, [TO_FLOATS, op], tf.cast(expected, tf.float32), LEVEL)
        expected = tf.compat.v1.image.resize_bilinear(images[name][None], (height, width))[0]
        add(name, [{"op": "resize", "height": height, "width": width, "method": "bilinear-tf1"}, TO_FLOATS], expected, LEVEL)

for size in [(20, 20), (9, 30), (40, 12)]:
    for name in ["grey", "rgb"]:
        target = {"height": size[0], "width": size[1]}
        for antialias in [False, True]:
            expected = tf.image.resize_with_pad(images[name], *size, antialias=antialias)
            add(name, [{"op": "resize", **target, "antialias": antialias, "fit": "pad"}, TO_FLOATS], expected, LEVEL)
        expected = keras.preprocessing.image.smart_resize(images[name].astype(np.float32), size)
        add(name, [{"op": "resize", **target, "fit": "crop"}, TO_FLOATS], expected, LEVEL)
        expected = tf.image.resize_with_crop_or_pad(images[name], *size)
        add(name, [{"op": "cropOrPad", **target}], expected, 0)

for name, image in images.items():
    for fraction in [0.3, 0.5, 0.875, 1.0]:
        add(name, [{"op": "centralCrop", "fraction": fraction}], tf.image.central_crop(tf.constant(image), fraction), 0)
    add(name, [{"op": "flipLeftRight"}], tf.image.flip_left_right(image), 0)
    add(name, [{"op": "flipUpDown"}], tf.image.flip_up_down(image), 0)
    add(name, [{"op": "transpose"}], tf.image.transpose(image), 0)
    for k in [-1, 0, 1, 2, 3, 6]:
        add(name, [{"op": "rot90", "k": k}], tf.image.rot90(image, k), 0)
box = {"top": 3, "left": 2, "height": 7, "width": 9}
add("rgb", [{"op": "cropToBoundingBox", **box}], tf.image.crop_to_bounding_box(rgb, 3, 2, 7, 9), 0)
box = {"top": 3, "left": 2, "height": 30, "width": 19}
add("rgb", [{"op": "padToBoundingBox", **box}], tf.image.pad_to_bounding_box(rgb, 3, 2, 30, 19), 0)

# Numbers of other kinds.
deep = tf.image.convert_image_dtype(rgb, tf.uint16)
fractions = tf.image.convert_image_dtype(rgb, tf.float32)
add("rgb", [FRACTIONS], fractions, 1e-7)
add("rgb", [{"op": "convertImageDtype", "dtype": "uint16"}], deep, 0)
add("rgb", [{"op": "convertImageDtype", "dtype": "uint16"}, {"op": "convertImageDtype", "dtype": "uint8"}], rgb, 0)
add("rgb", [{"op": "convertImageDtype", "dtype": "uint16"}, FRACTIONS], tf.image.convert_image_dtype(deep, tf.float32), 1e-7)
brighter = [FRACTIONS, {"op": "levels", "contrast": 1.7, "brightness": -20}]
for dtype in ["uint8", "uint16"]:
    changed = tf.image.adjust_contrast(fractions, 1.7) - 20 / 255
    expected = tf.image.convert_image_dtype(changed, tf.as_dtype(dtype), saturate=True)
    add("rgb", [*brighter, {"op": "convertImageDtype", "dtype": dtype}], expected, 1)

# Colours and tones, of fractions of white; a thousandth of a grey level.
FINE = LEVEL / 255
for delta in [-0.3, 0.1]:
    levels = {"op": "levels", "brightness": 255 * delta}
    add("rgb", [FRACTIONS, levels], tf.image.adjust_brightness(fractions, delta), FINE)
for factor in [0, 0.4, 1, 2.5]:
    add("rgb", [FRACTIONS, {"op": "levels", "contrast": factor}], tf.image.adjust_contrast(fractions, factor), FINE)
    add("rgb", [FRACTIONS, {"op": "adjustSaturation", "factor": factor}], tf.image.adjust_saturation(fractions, factor), FINE)
for delta in [-0.9, -0.2, 0, 0.07, 0.5, 1]:
    add("rgb", [FRACTIONS, {"op": "adjustHue", "delta": delta}], tf.image.adjust_hue(fractions, delta), FINE)
for gamma, gain in [(0.5, 1), (2.2, 0.8), (1, 1.5)]:
    op = {"op": "adjustGamma", "gamma": gamma, "gain": gain}
    add("rgb", [FRACTIONS, op], tf.image.adjust_gamma(fractions, gamma, gain), FINE)
add("rgb", [FRACTIONS, {"op": "rgbToGrayscale"}], tf.image.rgb_to_grayscale(fractions), FINE)
add("grey", [{"op": "grayscaleToRgb"}], tf.image.grayscale_to_rgb(tf.constant(grey)), 0)
for name, image in images.items():
    add(name, [{"op": "perImageStandardization"}], tf.image.per_image_standardization(image), 1e-5)

for sigma in [0.5, 1.7]:
    def blurred(image):
        return scipy.ndimage.gaussian_filter(
            image, (sigma, sigma, 0), mode="constant", radius=(math.ceil(3 * sigma), math.ceil(3 * sigma), 0)
        )

    expected = blurred(rgb.astype(np.float64)) / blurred(np.ones(rgb.shape))
    add("rgb", [{"op": "blur", "sigma": sigma}, TO_FLOATS], expected.astype(np.float32), LEVEL)

# Turned, shifted and zoomed.
MODES = {"constant": "CONSTANT", "nearest": "NEAREST", "reflect": "REFLECT", "wrap": "WRAP"}
for name, degrees, shift, zoom in [
    ("grey", 17, [0, 0], [1, 1]),
    ("rgb", -40, [0.1, -0.3], [1, 1]),
    ("grey", 0, [0.27, 1.3], [1, 1]),
    ("rgb", 0, [0, 0], [0.6, 0.4]),
    ("rgb", 5, [-0.02, 0.01], [1.3, 1.7]),
]:
    image = images[name].astype(np.float32)
    height, width, _ = image.shape
    cos, sin = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    a, b, c, d = cos / zoom[1], -sin / zoom[1], sin / zoom[0], cos / zoom[0]
    x, y = (width - 1) / 2, (height - 1) / 2
    dx, dy = x + shift[1] * width, y + shift[0] * height
    transform = [a, b, x - a * dx - b * dy, c, d, y - c * dx - d * dy, 0, 0]
    for mode, theirs in MODES.items():
        for interpolation in ["bilinear", "nearest"]:
            fill = 0.4 if mode == "constant" else 0
            expected = tf.raw_ops.ImageProjectiveTransformV3(
                images=image[None], transforms=[transform], output_shape=[height, width],
                fill_value=fill * 255, interpolation=interpolation.upper(), fill_mode=theirs,
            )[0]
            op = {
                "op": "affine", "degrees": degrees, "shift": shift, "zoom": zoom,
                "interpolation": interpolation, "fillMode": mode, "fillValue": fill,
            }
            # Places of single precision, times the steepest slope.
            add(name, [TO_FLOATS, op], expected, 0.01)

# Far fewer pixels than there were: places of single precision, many weights. Noise, as it hides nothing.
STRONG = {"whole": [(512, 496), (32, 32)], "tall": [(1000, 36), (17, 3)], "broad": [(34, 700), (5, 23)]}
for name, (size, (height, width)) in STRONG.items():
    image = generator(name).integers(0, 256, (*size, 1), dtype=np.uint8)
    tensors[name] = image
    for method in METHODS:
        for antialias in [False, True] if method not in ("nearest", "area") else [False]:
            expected = tf.image.resize(image, (height, width), method=method, antialias=antialias)
            op = {"op": "resize", "height": height, "width": width, "method": method, "antialias": antialias}
            add(name, [op, TO_FLOATS], tf.cast(expected, tf.float32), LEVEL)
    expected = tf.compat.v1.image.resize_bilinear(image[None], (height, width))[0]
    add(name, [{"op": "resize", "height": height, "width": width, "method": "bilinear-tf1"}, TO_FLOATS], expected, LEVEL)

save("image_ops", tensors, rows)
