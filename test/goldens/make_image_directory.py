"""What keras.utils.image_dataset_from_directory makes of a folder: `python test/goldens/make_image_directory.py`.

image_directory.json has the folder's layout, in which test/image-directory.test.ts lays out the same files of
samples/oct, and a row for each call: its arguments by fovea's names, class names, files, and labels. The images of each
row's first batch are in image_directory.safetensors.
"""

import json
import os
import shutil
import tempfile
from pathlib import Path

os.environ["CUDA_VISIBLE_DEVICES"] = ""
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import keras
import numpy as np
from safetensors.numpy import save_file

HERE = Path(__file__).parent
SAMPLES = HERE.parent.parent / "samples" / "oct" / "test"

CNV, DME, NORMAL = (
    [f"{name}/{file}" for file in sorted(os.listdir(SAMPLES / name))] for name in ("CNV", "DME", "NORMAL")
)
# Capitals and small letters, spaces, folders within classes, names that begin with a dot, other files.
FILES = {
    "CNV/b.jpeg": CNV[0],
    "CNV/B.JPG": CNV[1],
    "CNV/a/z.jpeg": CNV[20],
    "CNV/a b/y.jpeg": CNV[21],
    "CNV/notes.txt": CNV[0],
    "DME/d 2.jpeg": DME[0],
    "DME/d 10.jpeg": DME[1],
    "DME/.hidden.jpeg": DME[2],
    "DME/scan.jpeg.bak": DME[0],
    "NORMAL/n.jpeg": NORMAL[0],
    ".cache/c.jpeg": CNV[0],
    "outside.jpeg": NORMAL[1],
    "elsewhere/linked.jpeg": NORMAL[2],
}
LINKS = {"NORMAL/link": "elsewhere"}

SIZE = [9, 12]
CALLS = [
    {},
    {"labelMode": "categorical", "colorMode": "grayscale"},
    {"labelMode": "binary", "classNames": ["NORMAL", "DME"], "batchSize": 2},
    {"classNames": ["NORMAL", "CNV"], "colorMode": "rgb"},
    {"labels": None},
    {"labelMode": None, "imageSize": 7},
    {"labels": [3, 1, 3, 10, 1, 3, 1, 3, 10, 1, 1], "labelMode": "int"},
    {"followLinks": True},
    {"validationSplit": 0.3, "subset": "training"},
    {"validationSplit": 0.3, "subset": "validation"},
    {"validationSplit": 0.3, "subset": "both", "labelMode": "categorical"},
    {"cropToAspectRatio": True},
    {"padToAspectRatio": True},
    *({"interpolation": name} for name in (
        "nearest", "bicubic", "area", "lanczos3", "lanczos5", "gaussian", "mitchellcubic"
    )),
    {"batchSize": None},
]


def snake(name: str) -> str:
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name)


def lay_out(folder: Path) -> None:
    for name, source in FILES.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(SAMPLES / source, path)
    for name, target in LINKS.items():
        (folder / name).symlink_to(folder / target, target_is_directory=True)


def described(folder: Path, dataset, labelled: bool, batched: bool, tensors: dict, key: str) -> dict:
    elements = list(dataset)
    images = [(element[0] if labelled else element).numpy() for element in elements]
    # Keras leaves 'nearest' in whole numbers.
    tensors[key] = np.ascontiguousarray(images[0], dtype="float32")
    labels = [element[1].numpy() for element in elements] if labelled else None
    return {
        "images": key,
        "batches": [len(image) for image in images] if batched else len(images),
        "labels": None if labels is None else {
            "dtype": str(labels[0].dtype),
            "shape": list(labels[0].shape),
            "values": np.concatenate([np.atleast_1d(label).ravel() for label in labels]).tolist(),
        },
        "classNames": dataset.class_names,
        "filePaths": [os.path.relpath(path, folder) for path in dataset.file_paths],
    }


def main() -> None:
    tensors, rows = {}, []
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        lay_out(folder)
        for i, call in enumerate(CALLS):
            options = {"batchSize": 3, "imageSize": SIZE, **call}
            arguments = {snake(name): value for name, value in options.items()}
            got = keras.utils.image_dataset_from_directory(
                str(folder), shuffle=False, verbose=False, **arguments
            )
            parts = got if isinstance(got, list) else [got]
            labelled = options.get("labels", "inferred") is not None and options.get("labelMode", "int") is not None
            rows.append({
                "options": options,
                "parts": [
                    described(folder, part, labelled, options["batchSize"] is not None, tensors, f"{i}.{p}")
                    for p, part in enumerate(parts)
                ],
            })
    layout = {"files": FILES, "links": LINKS}
    (HERE / "image_directory.json").write_text(json.dumps({"layout": layout, "rows": rows}, indent=1) + "\n")
    save_file(tensors, HERE / "image_directory.safetensors")


main()
