"""Reads models with Keras and says what they are.

usage: read_models.py FILE

FILE holds {name: the model's JSON as text}. Prints {name: {"model": Keras' own JSON of it, "weights": their shapes,
"outputs": their shapes}} or {name: "what is wrong"} as JSON.
"""

import json
import os
import pathlib
import sys

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import keras


def read(text: str) -> object:
    try:
        model = keras.models.model_from_json(text)
        return {
            "model": json.loads(model.to_json()),
            "weights": [list(weight.shape) for weight in model.weights],
            "outputs": [list(output.shape) for output in model.outputs],
        }
    except Exception as error:  # whatever it is, the test shows it
        return f"{type(error).__name__}: {error}"


models = json.loads(pathlib.Path(sys.argv[1]).read_text())
print(json.dumps({name: read(text) for name, text in models.items()}))
