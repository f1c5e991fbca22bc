"""The Fashion-MNIST tutorial's network trained by Keras: `python test/goldens/make_fashion_mnist.py`.

On the 1,000 training and 1,000 test images of ../shared/data/fashion-mnist-sample. `weights` are the initial values,
Keras' own, in the order of `model.weights`. `order/<epoch>` is the order of the training images in that epoch, taken
in batches of 512, so that the last one has 488.

`runs` holds the network with ReLU and with LeakyReLU layers, both from those weights and in that order: the loss and
accuracy that `fit` tells of each epoch, those of the test images after the last one, and, in `predictions/<run>`, the
classes that the network then finds in them. Ten steps in, many an image stands between two classes, where rounding
decides: `float64Differences` says how many of the classes Keras itself finds otherwise in double precision. At most
seeds there are some (up to 14 of 1,000); this one was chosen as there are none.

`accuracies` are those of the test images after 20 epochs at batch 64, for three seeds of weights and order.
"""

import os

os.environ["CUDA_VISIBLE_DEVICES"] = ""
os.environ["KERAS_BACKEND"] = "tensorflow"
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "2"

import gzip
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from golden_files import generator, save
from keras import layers

tf.config.threading.set_intra_op_parallelism_threads(2)
tf.config.experimental.enable_op_determinism()

DATA = Path(__file__).parents[3] / "shared" / "data" / "fashion-mnist-sample"
EPOCHS, BATCH, SEED, SEEDS = 5, 512, 6, [0, 1, 2]


def read_idx(name: str) -> np.ndarray:
    data = gzip.decompress((DATA / f"{name}.gz").read_bytes())
    rank = data[3]
    shape = np.frombuffer(data, ">u4", rank, 4)
    return np.frombuffer(data, np.uint8, offset=4 + 4 * rank).reshape(shape)


def load(part: str) -> tuple[np.ndarray, np.ndarray]:
    """Images in [0, 1] with one channel, and one-hot labels."""
    images = read_idx(f"{part}-images-idx3-ubyte")[..., None].astype(np.float32) / np.float32(255)
    return images, keras.utils.to_categorical(read_idx(f"{part}-labels-idx1-ubyte"), 10)


def network(leaky: bool = False) -> keras.Model:
    def activated(layer, x):
        return layers.LeakyReLU()(layer(x)) if leaky else layers.ReLU()(layer(x))

    inputs = keras.Input((28, 28, 1))
    x = activated(layers.Conv2D(32, 3), inputs)
    x = layers.MaxPooling2D(2, strides=2)(x)
    x = activated(layers.Conv2D(64, 3), x)
    x = layers.MaxPooling2D(2, strides=2)(x)
    x = activated(layers.Conv2D(64, 3), x)
    x = activated(layers.Dense(64), layers.Flatten()(x))
    model = keras.Model(inputs, layers.Dense(10, activation="softmax")(x))
    model.compile(keras.optimizers.Adam(0.001), "categorical_crossentropy", metrics=["accuracy"], jit_compile=False)
    return model


(x_train, y_train), (x_test, y_test) = load("train"), load("t10k")
def train(initial: list[np.ndarray], orders: list[np.ndarray], leaky: bool, dtype: str) -> tuple[dict, np.ndarray]:
    """What `fit` and `evaluate` tell, and the classes of the test images."""
    keras.config.set_floatx(dtype)
    keras.config.set_dtype_policy(dtype)
    x, y, held_x, held_y = (part.astype(dtype) for part in (x_train, y_train, x_test, y_test))
    model = network(leaky)
    model.set_weights(initial)
    epochs = []
    for order in orders:
        logs = model.fit(x[order], y[order], BATCH, shuffle=False, verbose=0).history
        epochs.append({key: values[0] for key, values in logs.items()})
    loss, accuracy = model.evaluate(held_x, held_y, verbose=0)
    predictions = model.predict(held_x, verbose=0).argmax(1).astype(np.uint8)
    return {"epochs": epochs, "test": {"loss": loss, "accuracy": accuracy}}, predictions


keras.utils.set_random_seed(SEED)
initial = network().get_weights()
orders = [generator(f"fashion-mnist/order/{epoch}").permutation(len(x_train)) for epoch in range(EPOCHS)]
tensors = {f"weights/{i}": value for i, value in enumerate(initial)}
tensors |= {f"order/{epoch}": order.astype(np.int32) for epoch, order in enumerate(orders)}

runs = {}
for name, leaky in [("relu", False), ("leakyRelu", True)]:
    _, exact = train(initial, orders, leaky, "float64")
    runs[name], predictions = train(initial, orders, leaky, "float32")
    runs[name]["float64Differences"] = int(np.sum(predictions != exact))
    tensors[f"predictions/{name}"] = predictions
    print(name, runs[name])
assert all(run["float64Differences"] == 0 for run in runs.values())

accuracies = []
for seed in SEEDS:
    keras.utils.set_random_seed(seed)
    model = network()
    model.fit(x_train, y_train, 64, epochs=20, verbose=0)
    accuracies.append(model.evaluate(x_test, y_test, verbose=0)[1])
print("accuracies after 20 epochs", accuracies, "mean", np.mean(accuracies))

save("fashion_mnist", tensors, {"runs": runs, "accuracies": accuracies})
