"""What TensorBoard's EventAccumulator reads of event files, as JSON: check_event_files.py FOLDER [FOLDER ...]."""

import base64
import json
import sys

from tensorboard.backend.event_processing import event_accumulator
from tensorboard.util import tensor_util


def plain(plugin, tensor):
    value = tensor_util.make_ndarray(tensor)
    if plugin == "scalars":
        return repr(value.item())
    if plugin == "histograms":
        return value.tolist()
    if plugin == "images":
        width, height, *pngs = value.tolist()
        return [int(width), int(height), *(base64.b64encode(png).decode() for png in pngs)]
    return value.item().decode()


def read(folder):
    accumulator = event_accumulator.EventAccumulator(folder, size_guidance={"tensors": 0})
    accumulator.Reload()
    found = {}
    for tag in accumulator.Tags()["tensors"]:
        plugin = accumulator.SummaryMetadata(tag).plugin_data.plugin_name
        found[f"{plugin} {tag}"] = [
            [event.step, event.wall_time, plain(plugin, event.tensor_proto)] for event in accumulator.Tensors(tag)
        ]
    return found


print(json.dumps([read(folder) for folder in sys.argv[1:]]))
