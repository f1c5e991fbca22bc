"""Makes test/goldens/images: small images, and what TensorFlow makes of them.

Run from the repository's root: .python/bin/python test/goldens/make_images.py
Made with tensorflow-cpu 2.21, Pillow 13, NumPy 2.4.
"""

import base64
import json
import os
import pathlib
import shutil

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
import numpy as np
import tensorflow as tf
from PIL import Image

root = pathlib.Path(__file__).parent / "images"
shutil.rmtree(root, ignore_errors=True)
root.mkdir()
rng = np.random.default_rng(7)


def text(array):
    return base64.b64encode(np.ascontiguousarray(array).tobytes()).decode()


def picture(height, width, channels):
    """Smooth colours with some noise, so that JPEG has something to keep and something to lose."""
    small = rng.integers(0, 256, (5, 6, channels), dtype=np.uint8)
    smooth = tf.image.resize(small, (height, width), method="bicubic").numpy()
    noisy = smooth + rng.normal(0, 6, smooth.shape)
    return np.clip(np.rint(noisy), 0, 255).astype(np.uint8)


def pillow(array):
    return Image.fromarray(array[..., 0] if array.shape[-1] == 1 else array)


# Resizing: float results of both methods, reductions and enlargements, odd sizes.
resized = []
for height, width, channels, sizes in [
    (31, 40, 1, [(14, 15), (7, 40), (45, 53), (1, 1)]),
    (23, 17, 3, [(9, 8), (30, 11)]),
    (1, 1, 1, [(3, 2)]),
    (124, 128, 1, [(28, 28)]),
]:
    source = picture(height, width, channels)
    for size in sizes:
        resized.append({
            "shape": [height, width, channels],
            "source": text(source),
            "size": size,
            "bilinear": text(tf.image.resize(source, size, antialias=True).numpy().astype(np.float32)),
            "bilinear-tf1": text(
                tf.compat.v1.image.resize_bilinear(
                    source[None], size, align_corners=False, half_pixel_centers=False
                )[0].numpy().astype(np.float32)
            ),
        })

# Decoding: files, and their pixels by TensorFlow (JPEG and PNG), or by what they were made from.
decoded = []


def add(name, pixels, grey=None, tolerance=0):
    decoded.append({
        "file": name,
        "shape": list(pixels.shape),
        "pixels": text(pixels),
        "tolerance": tolerance,
        **({} if grey is None else {"grey": text(grey)}),
    })


def add_jpeg(name):
    content = (root / name).read_bytes()
    add(name, tf.io.decode_jpeg(content).numpy(), tf.io.decode_jpeg(content, channels=1).numpy())


color = picture(37, 45, 3)
grey = picture(37, 45, 1)
pillow(grey).save(root / "grey.jpg", quality=85)
add_jpeg("grey.jpg")
for sampling, name in enumerate(["444", "422", "420"]):
    pillow(color).save(root / f"{name}.jpg", quality=85, subsampling=sampling)
    add_jpeg(f"{name}.jpg")
pillow(color).save(root / "progressive.jpg", quality=85, progressive=True)
add_jpeg("progressive.jpg")
pillow(grey[:1, :1]).save(root / "one-pixel.jpg")
add_jpeg("one-pixel.jpg")

for orientation in range(1, 9):
    exif = Image.Exif()
    exif[0x0112] = orientation
    name = f"orientation-{orientation}.jpg"
    pillow(picture(16, 24, 3)).save(root / name, quality=95, subsampling=0, exif=exif)
    stored = Image.fromarray(tf.io.decode_jpeg((root / name).read_bytes()).numpy())
    turn = {
        2: Image.Transpose.FLIP_LEFT_RIGHT, 3: Image.Transpose.ROTATE_180, 4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE, 6: Image.Transpose.ROTATE_270, 7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_90,
    }.get(orientation)
    add(name, np.asarray(stored.transpose(turn) if turn is not None else stored))

small = picture(9, 11, 3)
small_grey = picture(9, 11, 1)
alpha = np.concatenate([small, picture(9, 11, 1)], axis=-1)


def add_png(name):
    add(name, tf.io.decode_png((root / name).read_bytes()).numpy()[..., :3])


pillow(small).save(root / "rgb.png")
pillow(small_grey).save(root / "grey.png")
for name in ["rgb.png", "grey.png"]:
    add_png(name)
Image.fromarray(alpha, "RGBA").save(root / "alpha.png")
add("alpha.png", small)
Image.fromarray(np.concatenate([small_grey, small_grey[::-1]], axis=-1), "LA").save(root / "grey-alpha.png")
add("grey-alpha.png", small_grey)
pillow(small).quantize(8).save(root / "palette.png")
add("palette.png", tf.io.decode_png((root / "palette.png").read_bytes(), channels=3).numpy())
pillow(np.where(small_grey > 127, 255, 0).astype(np.uint8)).convert("1").save(root / "bits.png")
add("bits.png", tf.io.decode_png((root / "bits.png").read_bytes(), channels=1).numpy())
for shape, name in [((9, 11, 1), "grey16.png"), ((9, 11, 3), "rgb16.png")]:
    deep = rng.integers(0, 65536, shape, dtype=np.uint16)
    (root / name).write_bytes(tf.io.encode_png(deep).numpy())
    add_png(name)

pillow(small).save(root / "rgb.tiff", compression="tiff_lzw")
add("rgb.tiff", small)
deep = rng.integers(0, 65536, (9, 11), dtype=np.uint16)
Image.fromarray(deep).save(root / "grey16.tiff")
add("grey16.tiff", (deep >> 8).astype(np.uint8)[..., None])
pillow(small).save(root / "rgb.webp", lossless=True)
add("rgb.webp", small)
# Without a colour profile CMYK has no exact meaning: the grey axis is what every reader agrees on, roughly.
cmyk = np.zeros((9, 11, 4), np.uint8)
cmyk[..., 3] = np.linspace(0, 255, 11).astype(np.uint8)
Image.fromarray(cmyk, "CMYK").save(root / "cmyk.jpg", quality=95)
add("cmyk.jpg", np.repeat(255 - cmyk[..., 3:], 3, axis=-1), tolerance=48)

# Refused: by their first bytes or their type, not by their names.
pillow(small).save(root / "image.gif")
pillow(small).save(root / "image.bmp")
Image.fromarray(rng.random((9, 11), dtype=np.float32)).save(root / "float.tiff")

(root / "resized.json").write_text(json.dumps(resized))
(root / "decoded.json").write_text(json.dumps(decoded))
