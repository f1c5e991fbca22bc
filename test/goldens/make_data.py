"""Order and values of tf.data's deterministic steps: `python test/goldens/make_data.py`.

Each row of data.json is a pipeline as data, its steps in order, with the elements that tf.data gives and the cardinality
that it tells (-1 without end, -2 unknown). Functions go by name; test/data-goldens.test.ts has the same under the same
names. Beside it: a CSV file and what CsvDataset reads in it, TFRecord files (plain, GZIP, ZLIB) and what
TFRecordDataset and parse_single_example read in them.
"""

import json
import os
from pathlib import Path

os.environ["CUDA_VISIBLE_DEVICES"] = ""
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import numpy as np
import tensorflow as tf

HERE = Path(__file__).parent
FILES = HERE / "data"
Dataset = tf.data.Dataset


def failing(n):
    """Fails on every third number."""
    return tf.debugging.check_numerics(tf.cast(n, tf.float32) / tf.cast(n % 3, tf.float32), "third")


FUNCTIONS = {
    "square": lambda n: n * n,
    "odd": lambda n: n % 2 == 1,
    "below7": lambda n: n < 7,
    # Inner datasets of different lengths, empty ones among them.
    "ragged": lambda n: Dataset.range(n * 10, n * 10 + (n * 7 + 2) % 5),
    "five": lambda n: Dataset.range(n * 10, n * 10 + 5),
    "failing": lambda n: tf.cast(failing(n), tf.int64),
    "pair": lambda n: (n, n + 1),
    "vector": lambda n: tf.stack([n, n * 2, n * 3]),
    "record": lambda n: {"a": tf.stack([n, -n]), "b": n},
}

experimental = tf.data.experimental
STEPS = {
    "range": lambda _, *bounds: Dataset.range(*bounds),
    "fromTensorSlices": lambda _, values: Dataset.from_tensor_slices(tf.constant(values, tf.int64)),
    "fromTensors": lambda _, values: Dataset.from_tensors(tf.constant(values, tf.int64)),
    "map": lambda d, fn, calls=None: d.map(FUNCTIONS[fn], num_parallel_calls=calls),
    "filter": lambda d, fn: d.filter(FUNCTIONS[fn]),
    "flatMap": lambda d, fn: d.flat_map(FUNCTIONS[fn]),
    "interleave": lambda d, fn, cycle, block, calls=None: d.interleave(
        FUNCTIONS[fn], cycle_length=cycle, block_length=block, num_parallel_calls=calls, deterministic=True
    ),
    "parallelInterleave": lambda d, fn, cycle, block: d.apply(
        experimental.parallel_interleave(FUNCTIONS[fn], cycle_length=cycle, block_length=block, sloppy=False)
    ),
    "batch": lambda d, size, drop=False: d.batch(size, drop_remainder=drop),
    "unbatch": lambda d: d.unbatch(),
    "rebatch": lambda d, size, drop=False: d.rebatch(size, drop_remainder=drop),
    "mapAndBatch": lambda d, fn, size, drop=False: d.apply(
        experimental.map_and_batch(FUNCTIONS[fn], size, drop_remainder=drop, num_parallel_calls=2)
    ),
    "repeat": lambda d, *count: d.repeat(*count),
    "take": lambda d, count: d.take(count),
    "skip": lambda d, count: d.skip(count),
    "takeWhile": lambda d, fn: d.take_while(FUNCTIONS[fn]),
    "shard": lambda d, shards, index: d.shard(shards, index),
    "enumerate": lambda d, start=0: d.enumerate(start),
    "prefetch": lambda d, size: d.prefetch(size),
    "cache": lambda d: d.cache(),
    "ignoreErrors": lambda d: d.ignore_errors(),
    "concatenate": lambda d, *bounds: d.concatenate(Dataset.range(*bounds)),
    "zip": lambda d, *bounds: Dataset.zip((d, Dataset.range(*bounds))),
    "withOptions": lambda d: d.with_options(options()),
    "apply": lambda d, size: d.apply(lambda inner: inner.batch(size)),
}


def options() -> tf.data.Options:
    chosen = tf.data.Options()
    chosen.deterministic = True
    return chosen


RAGGED = [["range", 11], ["interleave", "ragged"]]
PIPELINES = [
    [["range", 5]],
    [["range", 2, 20, 3]],
    [["range", 10, 0, -3]],
    [["range", 3, 3]],
    [["fromTensorSlices", [[1, 2], [3, 4], [5, 6]]]],
    [["fromTensors", [[1, 2], [3, 4]]]],
    [["range", 6], ["map", "square"]],
    [["range", 20], ["map", "square", 4]],
    [["range", 9], ["filter", "odd"]],
    [["range", 8], ["flatMap", "ragged"]],
    *[
        [["range", 11], ["interleave", fn, cycle, block, *calls]]
        for fn in ("ragged", "five")
        for cycle, block in ((1, 1), (2, 1), (2, 3), (3, 2), (4, 7), (16, 1), (20, 2))
        for calls in ([], [min(2, cycle)])
    ],
    # Of blocks that an end cuts short, parallel_interleave gives one order or another, as its threads run.
    *[
        [["range", 11], ["parallelInterleave", fn, cycle, block]]
        for fn, block in (("ragged", 1), ("five", 1), ("five", 5))
        for cycle in (1, 2, 3, 16)
    ],
    [["range", 7], ["batch", 3]],
    [["range", 7], ["batch", 3, True]],
    [["range", 7], ["map", "vector"], ["batch", 3]],
    [["range", 5], ["map", "record"], ["batch", 2]],
    [["range", 5], ["map", "pair"], ["batch", 2]],
    [["range", 7], ["batch", 3], ["unbatch"]],
    [["range", 5], ["map", "record"], ["batch", 2], ["unbatch"]],
    [["range", 4], ["map", "vector"], ["unbatch"]],
    [["range", 11], ["batch", 4], ["rebatch", 3]],
    [["range", 11], ["batch", 2], ["rebatch", 4, True]],
    [["range", 11], ["mapAndBatch", "square", 4]],
    [["range", 11], ["mapAndBatch", "square", 4, True]],
    [["range", 3], ["repeat", 2]],
    [["range", 3], ["repeat", 0]],
    [["range", 3], ["repeat"], ["take", 8]],
    [["range", 5], ["take", 3]],
    [["range", 5], ["take", 9]],
    [["range", 5], ["skip", 2]],
    [["range", 5], ["skip", 9]],
    [["range", 12], ["takeWhile", "below7"]],
    [["range", 10], ["shard", 3, 0]],
    [["range", 10], ["shard", 3, 2]],
    [["range", 2], ["shard", 5, 4]],
    [["range", 4], ["enumerate"]],
    [["range", 3], ["map", "vector"], ["enumerate", 5]],
    [["range", 4], ["prefetch", 2]],
    [["range", 4], ["cache"], ["repeat", 2]],
    [["range", 10], ["map", "failing"], ["ignoreErrors"]],
    [["range", 10], ["map", "failing", 3], ["ignoreErrors"]],
    [["range", 10], ["map", "failing"], ["batch", 2], ["ignoreErrors"]],
    [["range", 10], ["map", "failing"], ["take", 4], ["ignoreErrors"]],
    [["range", 3], ["concatenate", 10, 12]],
    [["range", 5], ["zip", 10, 13]],
    [["range", 5], ["withOptions"]],
    [["range", 5], ["apply", 2]],
    [["range", 10], ["batch", 3], ["repeat", 2], ["skip", 1], ["take", 5]],
]


def plain(value):
    """Nested lists and dicts of numbers."""
    if isinstance(value, dict):
        return {name: plain(part) for name, part in value.items()}
    if isinstance(value, tuple):
        return [plain(part) for part in value]
    return np.asarray(value).tolist()


def build(steps) -> Dataset:
    dataset = None
    for name, *arguments in steps:
        dataset = STEPS[name](dataset, *arguments)
    return dataset


def feature(**kind) -> tf.train.Feature:
    return tf.train.Feature(**{name: LISTS[name](value=value) for name, value in kind.items()})


LISTS = {"int64_list": tf.train.Int64List, "float_list": tf.train.FloatList, "bytes_list": tf.train.BytesList}


def examples() -> list[bytes]:
    records = []
    for n in range(5):
        features = {
            "label": feature(int64_list=[n - 2]),
            "name": feature(bytes_list=[f"file-{n}-é".encode()]),
            "pixels": feature(bytes_list=[bytes([n, 255 - n, 0, 7])]),
            "box": feature(float_list=[n / 4, 0.5, -n, 1e-3]),
            "tags": feature(int64_list=list(range(n))),
            "big": feature(int64_list=[2**62 + n, -(2**63)]),
        }
        if n % 2 == 0:
            features["weight"] = feature(float_list=[n / 3])
        records.append(tf.train.Example(features=tf.train.Features(feature=features)).SerializeToString(deterministic=True))
    return records


def write_records() -> list[dict]:
    records = examples()
    for name, compression in (("plain", ""), ("gzip", "GZIP"), ("zlib", "ZLIB")):
        path = FILES / f"examples-{name}.tfrecord"
        with tf.io.TFRecordWriter(str(path), options=compression) as writer:
            for record in records:
                writer.write(record)
        assert [r.numpy() for r in tf.data.TFRecordDataset(str(path), compression)] == records
    specs = {
        "label": tf.io.FixedLenFeature([], tf.int64),
        "name": tf.io.FixedLenFeature([], tf.string),
        "pixels": tf.io.FixedLenFeature([], tf.string),
        "box": tf.io.FixedLenFeature([2, 2], tf.float32),
        "weight": tf.io.FixedLenFeature([], tf.float32, -1.0),
        "tags": tf.io.VarLenFeature(tf.int64),
        "big": tf.io.FixedLenFeature([2], tf.int64),
    }
    parsed = []
    for record in records:
        values = tf.io.parse_single_example(record, specs)
        parsed.append(
            {
                "label": int(values["label"]),
                "name": values["name"].numpy().decode(),
                "pixels": list(values["pixels"].numpy()),
                "box": values["box"].numpy().tolist(),
                "weight": float(values["weight"]),
                "tags": tf.sparse.to_dense(values["tags"]).numpy().tolist(),
                "big": [str(n) for n in values["big"].numpy()],
            }
        )
    return parsed


CSV = (
    'path,label,score,note\r\n'
    'a/1.jpeg,0,0.5,plain\r\n'
    '"a/2, three.jpeg",1,-1.25e2,"said ""so"""\r\n'
    'b/4.jpeg,,3,"two\nlines"\r\n'
    'é/5.jpeg,3,,\r\n'
)


def write_csv() -> list[list]:
    path = FILES / "manifest.csv"
    path.write_bytes(CSV.encode())
    defaults = [tf.string, tf.constant([-1], tf.int64), tf.constant([0.25], tf.float32), tf.constant([""], tf.string)]
    rows = experimental.CsvDataset(str(path), defaults, header=True)
    return [[a.numpy().decode(), int(b), float(c), d.numpy().decode()] for a, b, c, d in rows]


FILES.mkdir(exist_ok=True)
rows = []
for steps in PIPELINES:
    dataset = build(steps)
    cardinality = int(dataset.cardinality())
    rows.append({"steps": steps, "cardinality": cardinality, "elements": [plain(e) for e in dataset.as_numpy_iterator()]})
total = int(Dataset.range(6).reduce(np.int64(3), lambda sum, n: sum * 2 + n))
lines = ",\n".join(json.dumps(row) for row in rows)
records, manifest = json.dumps(write_records()), json.dumps(write_csv())
text = f'{{\n"rows": [\n{lines}\n],\n"reduce": {total},\n"examples": {records},\n"manifest": {manifest}\n}}\n'
(HERE / "data.json").write_text(text)
print(f"data: {len(rows)} pipelines")
