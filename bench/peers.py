"""One peer of the benchmark, served over JSON lines.

    python bench/peers.py --peer pytorch --threads 2 --batch 32 --weights weights/vgg16-imagenet-notop.safetensors
    python bench/peers.py --job fashion-mnist --peer keras --threads 2 --batch 512

The job `vgg16` is VGG16 to block5_pool, its average and a softmax layer of four classes, all in float32, from uint8
pixels on the host to the loss on the host. Block 5 and the head are trained with Adam. `fashion-mnist` is the network of
examples/fashion-mnist.ts, trained by Adam from float32 pixels and one-hot labels on the host to the loss and accuracy
on the host; it has steps alone. The first line out is
`{"ready": true, "versions": {…}}`. Each line in is a command, each line out its answer:

    {"run": "step", "count": 5}      →  {"ms": [5 numbers]}      a whole training step, the trunk computed anew
    {"run": "forward", "count": 5}   →  {"ms": [5 numbers]}      inference to block5_pool
    {"run": "tail", "count": 5}      →  {"ms": [5 numbers]}      a training step on kept features of block4_pool

Every iteration gets new numbers, drawn before its clock starts. Warming up is the caller's business. A command that
cannot be meant so is answered with `{"error": …}`; the end of the input ends the server.
"""

import argparse
import json
import os
import sys
import time
from typing import Callable, NamedTuple

import numpy as np
from safetensors.numpy import load_file

FILTERS = {1: [64, 64], 2: [128, 128], 3: [256, 256, 256], 4: [512, 512, 512], 5: [512, 512, 512]}
BGR_MEANS = [103.939, 116.779, 123.68]
CLASSES = 4
LEARNING_RATE = 1e-4


class KerasPeer:
    """Keras on TensorFlow, as its users run it: frozen layers, `compile`, and one compiled function a step."""

    def __init__(self, options, weights, jit):
        os.environ["KERAS_BACKEND"] = "tensorflow"
        os.environ["TF_CPP_MIN_LOG_LEVEL"] = "2"
        import keras
        import tensorflow as tf

        tf.config.threading.set_intra_op_parallelism_threads(options.threads)
        tf.config.threading.set_inter_op_parallelism_threads(1)
        self.versions = {"keras": keras.__version__, "tensorflow": tf.__version__}

        size = options.input_size
        pixels = keras.Input((size, size, 3), dtype="uint8")
        inputs = keras.applications.vgg16.preprocess_input(keras.ops.cast(pixels, "float32"))
        base = keras.applications.VGG16(include_top=False, weights=None, input_tensor=inputs)
        for layer in base.layers:
            if layer.weights:
                layer.set_weights([weights[f"{layer.name}/kernel"], weights[f"{layer.name}/bias"]])
            layer.trainable = layer.name.startswith("block5")
        head = keras.layers.Dense(CLASSES)

        def compiled(inputs, block5_pool):
            outputs = head(keras.layers.GlobalAveragePooling2D()(block5_pool))
            model = keras.Model(inputs, outputs)
            loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
            model.compile(keras.optimizers.Adam(LEARNING_RATE), loss, jit_compile=jit)
            return model

        self.whole = compiled(pixels, base.output)
        features = keras.Input((size // 16, size // 16, 512))
        x = features
        for layer in base.layers[-4:]:
            x = layer(x)
        self.on_features = compiled(features, x)
        self.backbone = keras.Model(pixels, base.output)
        self.backbone.compile(jit_compile=jit)

    def step(self, pixels, labels):
        self.whole.train_on_batch(pixels, labels)

    def forward(self, pixels):
        self.backbone.predict_on_batch(pixels)

    def tail(self, features, labels):
        self.on_features.train_on_batch(features, labels)


class PyTorchPeer:
    """PyTorch: channels last, the trunk without gradients; compiled by Inductor (which needs a C++ compiler) or not."""

    def __init__(self, options, weights, compile):
        import torch
        import torch._inductor.config

        torch.set_num_threads(options.threads)
        torch.set_num_interop_threads(1)
        torch.manual_seed(0)
        self.torch = torch
        self.versions = {"torch": torch.__version__}

        def block(number):
            layers, channels = [], 3 if number == 1 else FILTERS[number - 1][-1]
            for index, filters in enumerate(FILTERS[number], start=1):
                conv = torch.nn.Conv2d(channels, filters, 3, padding=1)
                name = f"block{number}_conv{index}"
                kernel = torch.from_numpy(weights[f"{name}/kernel"]).permute(3, 2, 0, 1)
                with torch.no_grad():
                    conv.weight.copy_(kernel)
                    conv.bias.copy_(torch.from_numpy(weights[f"{name}/bias"]))
                layers += [conv, torch.nn.ReLU(inplace=True)]
                channels = filters
            return layers + [torch.nn.MaxPool2d(2)]

        trunk = [layer for number in range(1, 5) for layer in block(number)]
        self.trunk = torch.nn.Sequential(*trunk).to(memory_format=torch.channels_last).requires_grad_(False)
        self.block5 = torch.nn.Sequential(*block(5)).to(memory_format=torch.channels_last)
        self.head = torch.nn.Linear(512, CLASSES)
        self.means = torch.tensor(BGR_MEANS)
        trained = [*self.block5.parameters(), *self.head.parameters()]
        self.optimizer = torch.optim.Adam(trained, LEARNING_RATE)
        if compile:
            torch._inductor.config.freezing = True  # the trunk's weights are constants, laid out once
            self.trunk = torch.compile(self.trunk)
            self.block5 = torch.compile(self.block5)

    def _features(self, pixels):
        """The trunk's output; pixels come as [batch, height, width, 3], which is channels last already."""
        x = self.torch.from_numpy(pixels).flip(3).float() - self.means
        return self.trunk(x.permute(0, 3, 1, 2))

    def _train(self, features, labels):
        logits = self.head(self.block5(features).mean((2, 3)))
        loss = self.torch.nn.functional.cross_entropy(logits, self.torch.from_numpy(labels))
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        return loss.item()

    def step(self, pixels, labels):
        with self.torch.no_grad():
            features = self._features(pixels)
        self._train(features, labels)

    def forward(self, pixels):
        with self.torch.inference_mode():
            self.block5(self._features(pixels))

    def tail(self, features, labels):
        self._train(self.torch.from_numpy(features).permute(0, 3, 1, 2), labels)


class FashionMnistKeras:
    """Keras on TensorFlow, one compiled function a step."""

    def __init__(self, options, jit):
        os.environ["KERAS_BACKEND"] = "tensorflow"
        os.environ["TF_CPP_MIN_LOG_LEVEL"] = "2"
        import keras
        import tensorflow as tf
        from keras.layers import Conv2D, Dense, Flatten, Input, MaxPooling2D

        tf.config.threading.set_intra_op_parallelism_threads(options.threads)
        tf.config.threading.set_inter_op_parallelism_threads(1)
        self.versions = {"keras": keras.__version__, "tensorflow": tf.__version__}
        self.model = keras.Sequential(
            [
                Input((28, 28, 1)),
                Conv2D(32, 3, activation="relu"),
                MaxPooling2D(2, strides=2),
                Conv2D(64, 3, activation="relu"),
                MaxPooling2D(2, strides=2),
                Conv2D(64, 3, activation="relu"),
                Flatten(),
                Dense(64, activation="relu"),
                Dense(10, activation="softmax"),
            ]
        )
        self.model.compile(keras.optimizers.Adam(1e-3), "categorical_crossentropy", metrics=["accuracy"], jit_compile=jit)

    def step(self, pixels, labels):
        self.model.train_on_batch(pixels, labels)


class FashionMnistPyTorch:
    """PyTorch, channels last; compiled by Inductor or not."""

    def __init__(self, options, compile):
        import torch
        from torch.nn import Conv2d, Flatten, Linear, MaxPool2d, ReLU

        torch.set_num_threads(options.threads)
        torch.set_num_interop_threads(1)
        torch.manual_seed(0)
        self.torch = torch
        self.versions = {"torch": torch.__version__}
        layers = [
            *(Conv2d(1, 32, 3), ReLU(inplace=True), MaxPool2d(2)),
            *(Conv2d(32, 64, 3), ReLU(inplace=True), MaxPool2d(2)),
            *(Conv2d(64, 64, 3), ReLU(inplace=True), Flatten()),
            *(Linear(576, 64), ReLU(inplace=True), Linear(64, 10)),
        ]
        self.model = torch.nn.Sequential(*layers).to(memory_format=torch.channels_last)
        self.optimizer = torch.optim.Adam(self.model.parameters(), 1e-3)
        if compile:
            self.model = torch.compile(self.model)

    def step(self, pixels, labels):
        classes = self.torch.from_numpy(labels).argmax(1)
        logits = self.model(self.torch.from_numpy(pixels).permute(0, 3, 1, 2))
        loss = self.torch.nn.functional.cross_entropy(logits, classes)
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        return loss.item(), (logits.argmax(1) == classes).float().mean().item()


def vgg16_arguments(options, random, run):
    size, batch = options.input_size, options.batch
    labels = random.integers(0, CLASSES, batch)
    if run == "tail":
        # About as sparse as what a ReLU leaves.
        shape = (batch, size // 16, size // 16, 512)
        return [np.maximum(random.standard_normal(shape, np.float32), 0), labels]
    pixels = random.integers(0, 256, (batch, size, size, 3), np.uint8)
    return [pixels, labels] if run == "step" else [pixels]


def fashion_mnist_arguments(options, random, run):
    pixels = random.random((options.batch, 28, 28, 1), np.float32)
    return [pixels, np.eye(10, dtype=np.float32)[random.integers(0, 10, options.batch)]]


def weights_of(options):
    return {name: value.astype(np.float32) for name, value in load_file(options.weights).items()}


class Job(NamedTuple):
    runs: tuple[str, ...]
    arguments: Callable
    peers: dict[str, Callable]


JOBS = {
    "vgg16": Job(
        ("step", "forward", "tail"),
        vgg16_arguments,
        {
            "keras": lambda options: KerasPeer(options, weights_of(options), jit=False),
            "keras-jit": lambda options: KerasPeer(options, weights_of(options), jit=True),
            "pytorch": lambda options: PyTorchPeer(options, weights_of(options), compile=False),
            "pytorch-compile": lambda options: PyTorchPeer(options, weights_of(options), compile=True),
        },
    ),
    "fashion-mnist": Job(
        ("step",),
        fashion_mnist_arguments,
        {
            "keras": lambda options: FashionMnistKeras(options, jit=False),
            "keras-jit": lambda options: FashionMnistKeras(options, jit=True),
            "pytorch": lambda options: FashionMnistPyTorch(options, compile=False),
            "pytorch-compile": lambda options: FashionMnistPyTorch(options, compile=True),
        },
    ),
}


def measure(peer, options, random, run, count):
    """Milliseconds of each of `count` iterations."""
    times = []
    for _ in range(count):
        arguments = JOBS[options.job].arguments(options, random, run)
        start = time.perf_counter()
        getattr(peer, run)(*arguments)
        times.append((time.perf_counter() - start) * 1000)
    return times


def answer(peer, options, random, line):
    try:
        command = json.loads(line)
        run, count = command["run"], command["count"]
    except (ValueError, TypeError, KeyError):
        return {"error": f'expected {{"run": "step" | "forward" | "tail", "count": n}}, got {line.strip()}'}
    runs = JOBS[options.job].runs
    if run not in runs:
        return {"error": f'"run" must be one of {json.dumps(runs)}, got {json.dumps(run)}'}
    if not isinstance(count, int) or isinstance(count, bool) or count < 1:
        return {"error": f'"count" must be a whole number from 1 on, got {json.dumps(count)}'}
    return {"ms": measure(peer, options, random, run, count)}


def main():
    parser = argparse.ArgumentParser(description="Serves one peer of the benchmark over JSON lines.")
    parser.add_argument("--job", choices=sorted(JOBS), default="vgg16")
    parser.add_argument("--peer", choices=sorted(JOBS["vgg16"].peers), required=True)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--weights", help="of vgg16: safetensors without its top, with Keras' names")
    parser.add_argument("--input-size", type=int, default=224, help="height and width in pixels, a multiple of 32")
    options = parser.parse_args()
    if options.job == "vgg16" and not options.weights:
        parser.error("--job vgg16 needs --weights")

    # The answers alone go to standard output, whatever a library prints there.
    out, sys.stdout = sys.stdout, sys.stderr
    os.environ["CUDA_VISIBLE_DEVICES"] = ""
    os.environ["OMP_NUM_THREADS"] = str(options.threads)
    peer = JOBS[options.job].peers[options.peer](options)
    random = np.random.default_rng(0)

    def say(message):
        print(json.dumps(message), file=out, flush=True)

    versions = {"python": sys.version.split()[0], "numpy": np.__version__, **peer.versions}
    say({"ready": True, "versions": versions})
    for line in sys.stdin:
        say(answer(peer, options, random, line))


if __name__ == "__main__":
    main()
