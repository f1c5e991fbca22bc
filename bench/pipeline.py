"""tf.data's part of bench/pipeline.mjs, served over JSON lines.

    python bench/pipeline.py --threads 2 --batch 64 --size 224

The first line in is `{"files": […]}`, the first line out `{"ready": true, "versions": {…}}`. Then each line in is one of

    {"pass": true}     →  {"seconds": …, "cpu": …}   all files read, decoded, resized and batched once; CPU seconds too
    {"pixels": n}      →  {"pixels": base64}         the first n images as bytes
"""

import argparse
import base64
import json
import os
import resource
import sys
import time

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
import tensorflow as tf


def main():
    parser = argparse.ArgumentParser()
    for name, default in [("threads", 2), ("batch", 64), ("size", 224)]:
        parser.add_argument(f"--{name}", type=int, default=default)
    options = parser.parse_args()
    tf.config.threading.set_intra_op_parallelism_threads(options.threads)
    tf.config.threading.set_inter_op_parallelism_threads(options.threads)
    size = (options.size, options.size)

    def read(path):
        pixels = tf.io.decode_jpeg(tf.io.read_file(path), channels=1)
        levels = tf.image.resize(pixels, size, antialias=True)
        return tf.cast(tf.clip_by_value(levels + 0.5, 0, 255), tf.uint8)

    files = json.loads(sys.stdin.readline())["files"]
    dataset = (
        tf.data.Dataset.from_tensor_slices(files)
        .map(read, num_parallel_calls=options.threads)
        .batch(options.batch)
        .prefetch(2)
    )
    print(json.dumps({"ready": True, "versions": {"tensorflow": tf.__version__}}), flush=True)
    for line in sys.stdin:
        command = json.loads(line)
        if "pixels" in command:
            first = next(iter(dataset.unbatch().batch(command["pixels"]))).numpy()
            answer = {"pixels": base64.b64encode(first.tobytes()).decode()}
        else:
            before = resource.getrusage(resource.RUSAGE_SELF)
            start = time.perf_counter()
            for _ in dataset:
                pass
            seconds = time.perf_counter() - start
            after = resource.getrusage(resource.RUSAGE_SELF)
            cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
            answer = {"seconds": seconds, "cpu": cpu}
        print(json.dumps(answer), flush=True)


main()
