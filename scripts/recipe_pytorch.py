"""The `default` recipe in PyTorch and scikit-learn, on the same files, to compare accuracies with.

    python scripts/recipe_pytorch.py --data samples/oct                       trains on train/, tests on test/
    python scripts/recipe_pytorch.py --data samples/oct --folds folds.json    cross-validation over given folds
    python scripts/recipe_pytorch.py --data samples/oct --shuffles 10         over five folds of patients of train/

`folds.json` maps files, as `train/CNV/CNV-1-1.jpeg`, to the number of their fold. `--head-only` (the default) fits the
head on frozen features; `--fine-tune` then trains block 5 and the head together. One JSON object comes out.
"""

import argparse
import hashlib
import json
import math
import os
import sys
import zlib
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from safetensors.numpy import load_file
from sklearn.linear_model import LogisticRegression

BLOCKS = [[64, 64], [128, 128], [256, 256, 256], [512, 512, 512], [512, 512, 512]]
BGR_MEANS = [103.939, 116.779, 123.68]
SIZE = 224


# ---- images


def list_images(folder: Path) -> list[str]:
    """Paths below `folder` of the images of its class folders, in order."""
    paths = [p for p in folder.glob("*/*") if p.is_file() and not p.name.startswith(".")]
    return sorted(str(p.relative_to(folder.parent)) for p in paths)


def class_of(file: str) -> str:
    return Path(file).parent.name


def patient_of(file: str) -> str:
    """CLASS-patient-number.jpeg → patient."""
    return Path(file).stem.split("-")[1]


def resize(grey: np.ndarray) -> torch.Tensor:
    """[height, width] → float32 [SIZE, SIZE], stretched, bilinear with antialiasing."""
    pixels = torch.from_numpy(grey.astype(np.float32))[None, None]
    return F.interpolate(pixels, (SIZE, SIZE), mode="bilinear", antialias=True, align_corners=False)[0, 0]


def view_of(image: Image.Image, file: str, index: int, seed: int) -> torch.Tensor:
    """View 0 is plain, 1 is mirrored, the others are random; grey levels as uint8 [SIZE, SIZE]."""
    if index < 2:
        pixels = resize(np.asarray(image))
        pixels = pixels.flip(1) if index == 1 else pixels
    else:
        random = np.random.default_rng([seed, zlib.crc32(file.encode()), index])
        flip = random.uniform() < 0.5
        turned = image.rotate(random.uniform(-10, 10), Image.Resampling.BILINEAR, fillcolor=0)
        share = random.uniform(0.8, 1)
        width, height = image.size
        left, top = random.uniform(0, 1 - share) * width, random.uniform(0, 1 - share) * height
        box = (round(left), round(top), round(left + share * width), round(top + share * height))
        pixels = resize(np.asarray(turned.crop(box)))
        pixels = pixels.flip(1) if flip else pixels
        mean = pixels.mean()
        pixels = (pixels - mean) * random.uniform(0.8, 1.2) + mean + random.uniform(-15, 15)
    return pixels.round().clamp(0, 255).to(torch.uint8)


# ---- the network


def block(weights: dict[str, np.ndarray], number: int) -> list[torch.nn.Module]:
    layers: list[torch.nn.Module] = []
    for index in range(1, len(BLOCKS[number - 1]) + 1):
        kernel = torch.from_numpy(weights[f"block{number}_conv{index}/kernel"]).permute(3, 2, 0, 1)
        conv = torch.nn.Conv2d(kernel.shape[1], kernel.shape[0], 3, padding=1)
        with torch.no_grad():
            conv.weight.copy_(kernel)
            conv.bias.copy_(torch.from_numpy(weights[f"block{number}_conv{index}/bias"]))
        layers += [conv, torch.nn.ReLU(inplace=True)]
    return [*layers, torch.nn.MaxPool2d(2)]


def sequence(weights, numbers) -> torch.nn.Sequential:
    layers = [layer for number in numbers for layer in block(weights, number)]
    return torch.nn.Sequential(*layers).to(memory_format=torch.channels_last)


@torch.no_grad()
def block4_maps(weights, files: list[str], views: int, options) -> np.ndarray:
    """block4_pool of the first views of every image, float16 [images, views, 512, 14, 14]; kept in the cache."""
    settings = [str(options.data.resolve()), files, views, options.seed, SIZE, options.weights]
    key = hashlib.sha256(json.dumps(settings).encode()).hexdigest()[:16]
    path = Path(options.cache) / f"block4-{key}.npy"
    if path.exists():
        return np.load(path, mmap_mode="r")
    path.parent.mkdir(parents=True, exist_ok=True)
    trunk = sequence(weights, range(1, 5))
    means = torch.tensor(BGR_MEANS)[:, None, None]
    maps = np.empty((len(files), views, 512, SIZE // 16, SIZE // 16), np.float16)
    for i, file in enumerate(files):
        with Image.open(options.data / file) as opened:
            image = opened.convert("L")
        grey = torch.stack([view_of(image, file, view, options.seed) for view in range(views)])
        # A grey image is three equal channels, so RGB and BGR are the same.
        pixels = grey[:, None].float() - means
        maps[i] = trunk(pixels.contiguous(memory_format=torch.channels_last)).numpy()
        if (i + 1) % 20 == 0:
            print(f"features of {i + 1} of {len(files)} images", file=sys.stderr)
    beside = path.with_name(f"{path.stem}.{os.getpid()}.partial.npy")
    np.save(beside, maps)
    beside.rename(path)
    return maps


def pool(block5: torch.nn.Module, x: torch.Tensor, options) -> torch.Tensor:
    """Averages of vertical strips of block4_pool, and of block5_pool: [n, 512, 14, 14] → [n, 512 · (strips + 1)]."""
    strips = F.adaptive_avg_pool2d(x, (1, options.strips)).flatten(1)
    features = torch.cat([strips, block5(x).mean((2, 3))], 1)
    return torch.log(features + options.log) if options.log else features


@torch.no_grad()
def pooled(block5: torch.nn.Module, maps: np.ndarray, options) -> np.ndarray:
    """`pool` of all maps: [..., 512, 14, 14] → [..., features]."""
    flat = maps.reshape(-1, *maps.shape[-3:])
    parts = np.array_split(flat, math.ceil(len(flat) / 16))
    return torch.cat([pool(block5, as_tensor(part), options) for part in parts]).numpy().reshape(*maps.shape[:-3], -1)


def as_tensor(maps: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(maps.astype(np.float32)).contiguous(memory_format=torch.channels_last)


# ---- learning


class Head:
    """Softmax regression on standardised features: L2 with C / views, balanced classes, fitted to convergence."""

    def __init__(self, features: np.ndarray, labels: np.ndarray, c: float):
        count, views, size = features.shape
        # float64, as the gradient's tolerance is beyond what float32 can reach.
        flat = features.reshape(count * views, size).astype(np.float64)
        self.mean, self.scale = flat.mean(0), np.maximum(flat.std(0), 1e-7)
        x, y = (flat - self.mean) / self.scale, labels.repeat(views)
        self.regression = LogisticRegression(C=c / views, class_weight="balanced", max_iter=5000, tol=1e-6).fit(x, y)

    def __call__(self, features: np.ndarray) -> np.ndarray:
        return self.regression.predict_proba((features - self.mean) / self.scale)


def fine_tune(weights, head: Head, maps, labels, options, seed: int):
    """Trains block 5 and the head from where the head stands; an epoch meets each image once, in a view of its own."""
    torch.manual_seed(seed)
    random = np.random.default_rng(seed)
    block5 = sequence(weights, [5])
    linear = torch.nn.Linear(len(head.mean), len(head.regression.classes_))
    with torch.no_grad():
        linear.weight.copy_(torch.from_numpy(head.regression.coef_))
        linear.bias.copy_(torch.from_numpy(head.regression.intercept_))
    mean, scale = torch.from_numpy(head.mean).float(), torch.from_numpy(head.scale).float()

    def logits(x):
        return linear((pool(block5, x, options) - mean) / scale)

    counts = np.bincount(labels)
    class_weights = torch.tensor(len(labels) / (len(counts) * counts), dtype=torch.float32)
    optimizer = torch.optim.AdamW(
        [{"params": block5.parameters(), "lr": 1e-4}, {"params": linear.parameters(), "lr": 3e-4}],
        weight_decay=1e-4,
        eps=1e-7,
    )
    steps = options.epochs * math.ceil(len(maps) / options.batch)

    def rate(step):
        if step < options.warmup:
            return (step + 1) / options.warmup
        return 0.5 * (1 + math.cos(math.pi * (step - options.warmup) / max(1, steps - options.warmup)))

    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, rate)
    for _ in range(options.epochs):
        views = random.integers(0, maps.shape[1], len(maps))
        for chosen in np.array_split(random.permutation(len(maps)), math.ceil(len(maps) / options.batch)):
            y = torch.from_numpy(labels[chosen])
            outputs = logits(as_tensor(maps[chosen, views[chosen]]))
            losses = F.cross_entropy(outputs, y, reduction="none", label_smoothing=options.label_smoothing)
            loss = (losses * class_weights[y]).mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()

    @torch.no_grad()
    def predict(maps):
        parts = np.array_split(maps, math.ceil(len(maps) / 16))
        return torch.cat([logits(as_tensor(part)) for part in parts]).softmax(1).numpy()

    return predict


def patient_folds(files: list[str], count: int, seed: int) -> np.ndarray:
    """A fold for each file: patients whole, in random order, each to the fold that has the fewest of its class."""
    by_patient: dict[str, list[int]] = {}
    for index, file in enumerate(files):
        by_patient.setdefault(patient_of(file), []).append(index)
    patients = sorted(by_patient)
    random = np.random.default_rng(seed)
    held: dict[str, np.ndarray] = {}
    folds = np.zeros(len(files), int)
    for which in random.permutation(len(patients)):
        members = by_patient[patients[which]]
        of_class = held.setdefault(class_of(files[members[0]]), np.zeros(count))
        fold = int(np.argmin(of_class + random.uniform(0, 0.5, count)))
        of_class[fold] += len(members)
        folds[members] = fold
    return folds


def figures(probabilities: np.ndarray, labels: np.ndarray) -> dict:
    right = probabilities.argmax(1) == labels
    chosen = np.maximum(probabilities[np.arange(len(labels)), labels], 1e-15)
    recalls = [right[labels == c].mean() for c in np.unique(labels)]
    return {
        "images": len(labels),
        "accuracy": round(float(right.mean()), 4),
        "balancedAccuracy": round(float(np.mean(recalls)), 4),
        "loss": round(float(-np.log(chosen).mean()), 4),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description="The default recipe in PyTorch.")
    parser.add_argument("--data", type=Path, default=Path("samples/oct"), help="a folder with train/ and test/")
    parser.add_argument("--weights", default="weights/vgg16-imagenet-notop.safetensors")
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--folds", type=Path, help="JSON: file → number of its fold")
    what.add_argument("--shuffles", type=int, help="so many cross-validations within train/")
    how = parser.add_mutually_exclusive_group()
    how.add_argument("--head-only", action="store_true", help="the default")
    how.add_argument("--fine-tune", action="store_true")
    parser.add_argument("--views", type=int, default=5)
    parser.add_argument("--c", type=float, default=0.1)
    parser.add_argument("--strips", type=int, choices=[1, 2, 7], default=7, help="vertical strips of block4_pool")
    parser.add_argument("--log", type=float, default=0.1, help="take log(feature + this) of the averages; 0: do not")
    parser.add_argument("--epochs", type=int, default=6)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--warmup", type=int, default=10)
    parser.add_argument("--label-smoothing", type=float, default=0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--cache", default="/tmp/recipe-pytorch")
    options = parser.parse_args()

    torch.set_num_threads(options.threads)
    weights = {name: value.astype(np.float32) for name, value in load_file(options.weights).items()}
    folds = json.loads(options.folds.read_text()) if options.folds else {}
    train, test = list_images(options.data / "train"), list_images(options.data / "test")
    if folds:
        train = [file for file in [*train, *test] if file in folds]
    if not train or len(train) < len(folds):
        sys.exit(f"{options.data}: expected images in class folders of train/ and test/, those of --folds among them")
    classes = sorted({class_of(file) for file in train})

    def labels_of(files: list[str]) -> np.ndarray:
        return np.array([classes.index(class_of(file)) for file in files])

    block5 = sequence(weights, [5])
    labels = labels_of(train)
    maps = block4_maps(weights, train, options.views, options)
    features = pooled(block5, maps, options)

    def learn(chosen: np.ndarray, seed: int):
        """A function from maps of plain views to probabilities."""
        head = Head(features[chosen], labels[chosen], options.c)
        if options.fine_tune:
            return fine_tune(weights, head, maps[chosen], labels[chosen], options, seed)
        return lambda plain: head(pooled(block5, plain, options))

    def cross_validate(fold_of: np.ndarray, seed: int) -> dict:
        probabilities = np.zeros((len(train), len(classes)))
        for fold in np.unique(fold_of):
            held = fold_of == fold
            probabilities[held] = learn(np.flatnonzero(~held), seed)(maps[held, 0])
        return figures(probabilities, labels)

    recipe = "fine-tuned" if options.fine_tune else "head only"
    result: dict = {"recipe": recipe, "views": options.views, "c": options.c}
    result |= {"strips": options.strips, "log": options.log}
    if folds:
        result |= cross_validate(np.array([folds[file] for file in train]), options.seed)
    elif options.shuffles:
        runs = [cross_validate(patient_folds(train, 5, s), s) for s in range(options.shuffles)]
        for key in ["accuracy", "balancedAccuracy", "loss"]:
            values = [run[key] for run in runs]
            result |= {key: round(float(np.mean(values)), 4), f"{key}Deviation": round(float(np.std(values)), 4)}
    else:
        probabilities = learn(np.arange(len(train)), options.seed)(block4_maps(weights, test, 1, options)[:, 0])
        result |= figures(probabilities, labels_of(test))
    print(json.dumps(result))


if __name__ == "__main__":
    main()
