"""Makes test/goldens/images: small images, and what TensorFlow makes of them.

Run from the repository's root: .python/bin/python test/goldens/make_images.py
Made with tensorflow-cpu 2.21, Pillow 13, NumPy 2.4.
"""

import base64
import json
import os
import pathlib
import shutil
import struct

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

# Refused, by its type.
pillow(small).save(root / "image.gif")
pillow(small).save(root / "image.bmp")
Image.fromarray(rng.random((9, 11), dtype=np.float32)).save(root / "float.tiff")

add("image.gif", tf.io.decode_gif((root / "image.gif").read_bytes()).numpy()[0])
frames = [pillow(small).quantize(16), pillow(small[::-1]).quantize(16)]
frames[0].save(root / "animated.gif", save_all=True, append_images=frames[1:], duration=100)
add("animated.gif", tf.io.decode_gif((root / "animated.gif").read_bytes()).numpy()[0])

# BMP: what Pillow writes, and by hand what it does not.
add("image.bmp", small)
pillow(small_grey).save(root / "grey.bmp")
add("grey.bmp", small_grey)
palette = pillow(small).quantize(8)
palette.save(root / "palette.bmp")
add("palette.bmp", np.asarray(palette.convert("RGB")))
bits = np.where(small_grey > 127, 255, 0).astype(np.uint8)
pillow(bits).convert("1").save(root / "bits.bmp")
add("bits.bmp", bits)


def bmp(name, pixels, bits, compression=0, masks=b"", size=40, downwards=False):
    """`pixels` are the bytes of each row, from the top."""
    height, width = len(pixels), small.shape[1]
    rows = [row + b"\0" * (-len(row) % 4) for row in pixels]
    content = b"".join(rows if downwards else rows[::-1])
    offset = 14 + size + (len(masks) if size == 40 else 0)
    header = struct.pack(
        "<2sIHHIIiiHHIIiiII", b"BM", offset + len(content), 0, 0, offset, size, width, -height if downwards else height,
        1, bits, compression, len(content), 2835, 2835, 0, 0,
    )
    (root / name).write_bytes((header + masks).ljust(offset, b"\0") + content)


bmp("downwards.bmp", [row[:, ::-1].tobytes() for row in small], 24, downwards=True)
add("downwards.bmp", small)
fives = (small >> 3).astype(np.uint16)
bmp("555.bmp", [(row[:, 0] << 10 | row[:, 1] << 5 | row[:, 2]).astype("<u2").tobytes() for row in fives], 16)
add("555.bmp", (fives.astype(np.uint32) * 255 // 31).astype(np.uint8))
sixes = (small[..., 1] >> 2).astype(np.uint16)
bmp(
    "565.bmp", [(row[:, 0] << 11 | six << 5 | row[:, 2]).astype("<u2").tobytes() for row, six in zip(fives, sixes)],
    16, 3, struct.pack("<III", 0xF800, 0x7E0, 0x1F),
)
add("565.bmp", np.stack([fives[..., 0] * 255 // 31, sixes * 255 // 63, fives[..., 2] * 255 // 31], -1).astype(np.uint8))
bgra = alpha[..., [2, 1, 0, 3]]
bmp("rgba.bmp", [row.tobytes() for row in bgra], 32, 3, struct.pack("<IIII", 0xFF0000, 0xFF00, 0xFF, 0xFF000000), 108)
add("rgba.bmp", small)
bmp("rgbx.bmp", [row.tobytes() for row in bgra], 32)
add("rgbx.bmp", small)

for compression in ["tiff_deflate", "packbits", "group4"]:
    name = f"{compression.removeprefix('tiff_')}.tiff"
    stored = pillow(bits).convert("1") if compression == "group4" else pillow(small)
    stored.save(root / name, compression=compression)
    add(name, bits if compression == "group4" else small)

# Decoding with options.
chosen = []


def choose(name, options, pixels, tolerance=0):
    chosen.append({
        "file": name, "options": options, "shape": list(pixels.shape), "pixels": text(pixels), "tolerance": tolerance,
    })


for name in ["grey.jpg", "444.jpg", "422.jpg", "420.jpg", "progressive.jpg"]:
    content = (root / name).read_bytes()
    for channels in [1, 3]:
        accurate = tf.io.decode_jpeg(content, channels=channels, dct_method="INTEGER_ACCURATE").numpy()
        choose(name, {"dctMethod": "integerAccurate", "channels": channels}, accurate)
        choose(name, {"channels": channels}, tf.io.decode_jpeg(content, channels=channels).numpy())
        for ratio in [2, 4, 8]:
            smaller = tf.io.decode_jpeg(content, channels=channels, ratio=ratio, dct_method="INTEGER_ACCURATE").numpy()
            whole = smaller[: 37 // ratio, : 45 // ratio]
            choose(name, {"decodeScale": ratio, "channels": channels}, whole)
    opaque = np.full((37, 45, 1), 255, np.uint8)
    choose(name, {"channels": 4}, np.concatenate([tf.io.decode_jpeg(content, channels=3).numpy(), opaque], -1))
stored = tf.io.decode_jpeg((root / "orientation-6.jpg").read_bytes()).numpy()
choose("orientation-6.jpg", {"orientation": "asStored"}, stored)

for name in ["rgb.png", "grey.png", "alpha.png", "grey-alpha.png", "palette.png", "grey16.png", "rgb16.png"]:
    content = (root / name).read_bytes()
    for channels in [3, 4]:
        for dtype in ["uint8", "uint16"]:
            pixels = tf.io.decode_png(content, channels=channels, dtype=dtype).numpy()
            if name == "palette.png":
                pixels[..., 3:] = np.iinfo(pixels.dtype).max  # TensorFlow 2.21 calls this palette opaque by 15
            choose(name, {"channels": channels, "dtype": dtype}, pixels)
choose("grey16.tiff", {"dtype": "uint16"}, deep[..., None])
choose("rgba.bmp", {"channels": 4}, alpha)
choose("rgb.webp", {"channels": 4}, np.concatenate([small, np.full((9, 11, 1), 255, np.uint8)], -1))

(root / "resized.json").write_text(json.dumps(resized))
(root / "decoded.json").write_text(json.dumps(decoded))
(root / "chosen.json").write_text(json.dumps(chosen))
