"""Checks the models of a folder with ONNX's own checker, and runs them with ONNX Runtime for Python.

usage: check_onnx.py FOLDER

FOLDER/models.json holds [{"name", "file", "portable"}]. Beside NAME.onnx stands NAME.safetensors with the model's inputs
and, as "expected/…", its outputs. Prints {"name": "" or what is wrong} as JSON.
"""

import json
import pathlib
import sys

import numpy
import onnx
import onnxruntime
from safetensors.numpy import load_file


def problem(folder: pathlib.Path, file: str, portable: bool) -> str:
    path = folder / f"{file}.onnx"
    try:
        model = onnx.load(path)
        onnx.checker.check_model(model, full_check=portable)
        if portable and any(node.domain for node in model.graph.node):
            return "a portable model holds operators that are not ONNX's"
        tensors = load_file(folder / f"{file}.safetensors")
        session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
        feeds = {value.name: tensors[value.name] for value in session.get_inputs()}
        names = [value.name for value in session.get_outputs()]
        for name, actual in zip(names, session.run(names, feeds)):
            expected = tensors[f"expected/{name}"]
            if actual.shape != expected.shape or actual.dtype != expected.dtype:
                return f"{name} is {actual.dtype}{actual.shape}, not {expected.dtype}{expected.shape}"
            difference = numpy.linalg.norm(actual.astype("float64") - expected)
            if not difference <= 1e-5 * max(1, numpy.linalg.norm(expected)):
                return f"{name} differs by {difference}"
    except Exception as error:  # whatever it is, the test shows it
        return f"{type(error).__name__}: {error}"
    return ""


folder = pathlib.Path(sys.argv[1])
models = json.loads((folder / "models.json").read_text())
print(json.dumps({m["name"]: problem(folder, m["file"], m["portable"]) for m in models}))
