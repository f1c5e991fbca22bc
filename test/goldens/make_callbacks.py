"""What Keras' callbacks decide on recorded histories: `python test/goldens/make_callbacks.py`.

callbacks.json has `histories`, the logs of each epoch by name, and `runs`, each with the callbacks' classes and
configs, its history (and the logs of batches, by epoch, where it has some), and what Keras did with them: the rate
after each epoch and as it was logged, the epoch after which it stopped, what was saved where, the epoch whose weights
came back, the text of the CSV file. `directions` has the way that each metric is to go, and `formats` the paths that
Python makes of a checkpoint's `filepath`. Numbers that JSON lacks are texts.
"""

import os

os.environ["CUDA_VISIBLE_DEVICES"] = ""
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "2"

import inspect
import json
import math
import tempfile
import warnings
from pathlib import Path

import keras
from golden_files import HERE, generator
from keras import callbacks
from keras.src.trainers.compile_utils import MetricsList

warnings.simplefilter("ignore")
NAN, INF = math.nan, math.inf
RATE = 0.125


class Fake:
    """As much of a model as callbacks use; its weights are the number of the epoch."""

    def __init__(self):
        self.stop_training = False
        self.optimizer = keras.optimizers.SGD(RATE)
        self.metrics = [MetricsList([keras.metrics.BinaryAccuracy("accuracy")])]
        self.weights, self.restored, self.saved = 0, None, []

    def get_weights(self):
        return [self.weights]

    def set_weights(self, values):
        (self.restored,) = values

    def save(self, path, overwrite):
        assert overwrite
        self.saved.append(path)

    save_weights = save


schedules = {
    "halving": lambda epoch, rate: rate / 2 if epoch % 2 else rate,
    "by epoch": lambda epoch, rate: 1.0 / (epoch + 1),
}


def plain(value):
    """As JSON has it."""
    if isinstance(value, dict):
        return {key: plain(each) for key, each in value.items()}
    if isinstance(value, list):
        return [plain(each) for each in value]
    if isinstance(value, float) and not math.isfinite(value):
        return {"nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}[str(value)]
    return value


runs = []


def run(name, made, history_name, batches=None, before=None):
    """Tells callbacks, [(class, config)], what `fit` would, with the logs of a history and, by epoch, of batches."""
    epochs = histories[history_name]
    model = Fake()
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "log.csv"
        if before is not None:
            file.write_bytes(before.encode())
        listeners = []
        for class_name, config in made:
            given = dict(config)
            if class_name == "CSVLogger":
                given["filename"] = str(file)
            if class_name == "LearningRateScheduler":
                given["schedule"] = schedules[given["schedule"]]
            listeners.append(getattr(callbacks, class_name)(**given))
        history = callbacks.History()
        every = callbacks.CallbackList([*listeners, history], model=model, epochs=len(epochs), steps=3)
        stopped, rates = None, []
        every.on_train_begin()
        for epoch, logs in enumerate(epochs):
            every.on_epoch_begin(epoch)
            for batch, own in enumerate(batches[epoch] if batches else []):
                every.on_train_batch_begin(batch)
                every.on_train_batch_end(batch, dict(own))
                if model.stop_training:
                    break
            model.weights = epoch
            every.on_epoch_end(epoch, dict(logs))
            rates.append(float(model.optimizer.learning_rate))
            if model.stop_training:
                stopped = epoch
                break
        every.on_train_end(dict(logs))
        expected = {
            "stopped": stopped,
            "rates": rates,
            "saved": model.saved,
            "restored": model.restored,
            "logged": history.history.get("learning_rate"),
        }
        if file.exists():
            expected["csv"] = file.read_bytes().decode()
    row = {"name": name, "callbacks": [list(each) for each in made], "history": history_name, "expected": expected}
    if batches:
        row["batches"] = batches
    if before is not None:
        row["before"] = before
    runs.append(plain(row))


def logs(key, values):
    return [{"loss": 1.0 / (i + 1), key: value} for i, value in enumerate(values)]


series = [0.9, 0.7, 0.71, 0.69, 0.72, 0.73, 0.68, 0.74, 0.75, 0.76, 0.77, 0.5]
rising = [0.5, 0.6, 0.59, 0.61, 0.6, 0.58, 0.57, 0.65, 0.64, 0.63, 0.62, 0.61]
ties = [0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1]
broken = [0.9, 0.8, NAN, 0.85, INF, 0.7, NAN, NAN, NAN, NAN]
trend = 1 / (1 + 0.1 * generator("callbacks").random(24).cumsum())
noisy = [float(value) for value in trend + 0.02 * generator("noise").normal(size=24)]
histories = {
    "falling": logs("val_loss", series),
    "ties": logs("val_loss", ties),
    "broken": logs("val_loss", broken),
    "noisy": logs("val_loss", noisy),
    "missing": [{"loss": v} for v in series],
    "now and then": [{"loss": v, **({"val_loss": v} if i % 3 else {})} for i, v in enumerate(series)],
    "rising": logs("val_accuracy", rising),
    "short": logs("val_loss", series)[:4],
    "mixed": [{"loss": v, **({"val_loss": v} if i % 2 else {})} for i, v in enumerate(series[:4])],
    "no number": [{"loss": 0.75}, {"loss": NAN}, {"loss": NAN}],
    "infinite": [{"loss": INF}, {"loss": 1.0}],
    "odd": [
        {"loss": 1.0, "accuracy": 0.1 + 0.2, "b,c": 1e-5},
        {"loss": 1e16, "accuracy": NAN, "b,c": -INF},
        {"loss": 123456789.125, "accuracy": -0.0, "b,c": 1.5e-7, "later": 1.0},
        {"loss": 1e22, "accuracy": 0.0001},
    ],
}
of_val_loss = ("falling", "ties", "broken", "noisy", "missing", "now and then")

for index, config in enumerate(
    [
        {},
        {"patience": 1},
        {"patience": 2, "restore_best_weights": True},
        {"patience": 3, "min_delta": 0.1, "restore_best_weights": True},
        {"patience": 2, "min_delta": -0.1},
        {"patience": 3, "baseline": 0.6, "restore_best_weights": True},
        {"patience": 2, "baseline": 0.95},
        {"start_from_epoch": 4, "patience": 1, "restore_best_weights": True},
        {"patience": 30, "restore_best_weights": True},
        {"mode": "max", "patience": 2, "restore_best_weights": True},
        {"monitor": "loss", "patience": 2},
    ]
):
    for name in of_val_loss:
        run(f"EarlyStopping {index}, {name}", [("EarlyStopping", config)], name)
for config in [
    {"monitor": "val_accuracy"},
    {"monitor": "val_accuracy", "patience": 3, "restore_best_weights": True},
    {"monitor": "val_accuracy", "patience": 3, "min_delta": 0.02},
    {"monitor": "val_accuracy", "patience": 1, "mode": "min"},
]:
    run(f"EarlyStopping {config}", [("EarlyStopping", config)], "rising")

for index, config in enumerate(
    [
        {},
        {"patience": 1},
        {"patience": 0},
        {"patience": 2, "factor": 0.5},
        {"patience": 1, "factor": 0.3, "cooldown": 2},
        {"patience": 1, "factor": 0.2, "min_lr": 0.01},
        {"patience": 1, "factor": 0.0, "min_lr": 0.1},
        {"patience": 2, "min_delta": 0.1},
        {"patience": 1, "min_delta": 0, "cooldown": 1, "mode": "max"},
        {"patience": 1, "monitor": "learning_rate", "mode": "min"},
    ]
):
    for name in of_val_loss:
        run(f"ReduceLROnPlateau {index}, {name}", [("ReduceLROnPlateau", config)], name)
run("ReduceLROnPlateau, accuracy", [("ReduceLROnPlateau", {"monitor": "val_accuracy", "patience": 2})], "rising")

for schedule in schedules:
    run(f"LearningRateScheduler, {schedule}", [("LearningRateScheduler", {"schedule": schedule})], "falling")

for index, config in enumerate(
    [
        {"filepath": "run/{epoch:02d}-{val_loss:.2f}.keras"},
        {"filepath": "best.keras", "save_best_only": True},
        {"filepath": "{epoch}.weights.h5", "save_best_only": True, "save_weights_only": True},
        {"filepath": "{epoch:03d}.keras", "save_best_only": True, "initial_value_threshold": 0.7},
        {"filepath": "{epoch:>4}_{loss:.3e}.keras", "save_best_only": True, "mode": "max"},
    ]
):
    for name in of_val_loss:
        if "val_loss" in config["filepath"] and name in ("missing", "now and then"):
            continue
        run(f"ModelCheckpoint {index}, {name}", [("ModelCheckpoint", config)], name)
config = {"filepath": "{val_accuracy:.1%}.keras", "monitor": "val_accuracy", "save_best_only": True}
run("ModelCheckpoint, accuracy", [("ModelCheckpoint", config)], "rising")
batches = [[{"loss": 1 / (1 + i + 5 * epoch)} for i in range(5)] for epoch in range(4)]
for freq in (1, 3, 5, 7):
    config = {"filepath": "{epoch}-{batch:02d}-{loss:.2f}.keras", "save_freq": freq}
    run(f"ModelCheckpoint after {freq} batches", [("ModelCheckpoint", config)], "short", batches)
# In its first epoch, Keras does not know yet what is better.
config = {"filepath": "{epoch}-{batch}.keras", "save_freq": 4, "save_best_only": True, "monitor": "loss"}
run("ModelCheckpoint after 4 batches, best", [("ModelCheckpoint", config)], "short", batches)

diverging = [[{"loss": 1.0}, {"loss": 0.5}], [{"loss": 2.0}, {"loss": NAN}, {"loss": NAN}], [{"loss": NAN}]]
run("TerminateOnNaN", [("TerminateOnNaN", {})], "no number", diverging)
infinite = [[{"loss": 1.0}, {"loss": INF}], [{"loss": 1.0}]]
run("TerminateOnNaN, infinite", [("TerminateOnNaN", {})], "infinite", infinite)

for config in ({}, {"separator": ";"}, {"separator": "\t"}, {"separator": " "}, {"append": True}):
    run(f"CSVLogger {config}", [("CSVLogger", config)], "odd")
    run(f"CSVLogger {config}, validation", [("CSVLogger", config)], "mixed")
for before in ("", "epoch,loss,val_loss\r\n0,1.0,2.0\r\n"):
    for append in (False, True):
        run(f"CSVLogger, {append} on {len(before)}", [("CSVLogger", {"append": append})], "short", before=before)

together = [
    ("LearningRateScheduler", {"schedule": "halving"}),
    ("ReduceLROnPlateau", {"patience": 1, "factor": 0.5}),
    ("EarlyStopping", {"patience": 3, "restore_best_weights": True}),
    ("ModelCheckpoint", {"filepath": "{epoch}-{learning_rate:.4f}.keras", "save_best_only": True}),
    ("CSVLogger", {}),
]
for name in ("falling", "broken", "noisy"):
    run(f"together, {name}", together, name)

directions = {}
stand_ins = {"num_classes": 3, "target_class_ids": [0]}
abstract = ("Metric", "MeanMetricWrapper")
for class_name, metric in sorted(vars(keras.metrics).items()):
    if not inspect.isclass(metric) or not issubclass(metric, keras.metrics.Metric) or class_name in abstract:
        continue
    parameters = list(inspect.signature(metric.__init__).parameters.values())[1:]
    needed = [p.name for p in parameters if p.default is p.empty and p.kind == p.POSITIONAL_OR_KEYWORD]
    made = metric(**{name: stand_ins.get(name, 0.5) for name in needed})
    directions[made.name] = {"up": "max", "down": "min"}.get(getattr(made, "_direction", None))

specs = ["", "d", "02d", "5d", "<5", ">5", "^6d", "=6d", "+d", " d", "*^7d", "é>6d", ".1f", "07.2f", ".0e", ".1%", "F"]
numbers = [0.125, 0.375, 0.5, 2.5, 1.005, -0.125, 1e-7, 0.00012345, 9.995, 1e22, 2.0**70 + 2.0**20, 12345.678]
numbers += [0.0, -0.0, NAN, INF, -INF]
float_specs = ["", ".0f", ".1f", ".2f", "f", "F", "08.2f", "+.3f", " .2f", "-.2f", ".0e", ".2e", "e", ".3E", ".1%", "%"]
float_specs += [">9.1f", "<9.1f", "^9.2f", "_=9.2f"]
formats = [{"filepath": f"{{epoch:{spec}}}", "numbers": {"epoch": n}} for spec in specs for n in (1, 7, 12, 1234)]
formats += [{"filepath": f"{{loss:{spec}}}", "numbers": {"loss": n}} for spec in float_specs for n in numbers]
formats += [{"filepath": "a{{b}}-{epoch}{val_loss:.2f}}}", "numbers": {"epoch": 3, "val_loss": 0.5}}]
for row in formats:
    row["text"] = row["filepath"].format(**row["numbers"])

sections = {"histories": [plain(histories)], "directions": [directions], "formats": plain(formats), "runs": runs}
parts = []
for key, rows in sections.items():
    lines = ",\n".join(json.dumps(row, allow_nan=False) for row in rows)
    parts.append(f"{json.dumps(key)}: [\n{lines}\n]")
(HERE / "callbacks.json").write_text("{\n" + ",\n".join(parts) + "\n}\n")
print(f"callbacks: {len(runs)} runs, {len(formats)} formats, {(HERE / 'callbacks.json').stat().st_size / 1e3:.0f} kB")
