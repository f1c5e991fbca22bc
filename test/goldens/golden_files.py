"""How the golden scripts keep what they computed: tensors in safetensors, structure in a JSON beside them."""

import json
import zlib
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file

HERE = Path(__file__).parent


def generator(name: str) -> np.random.Generator:
    """Random numbers that depend on their purpose alone, so that adding a case changes no other."""
    return np.random.default_rng(zlib.crc32(name.encode()))


def save(name: str, tensors: dict[str, np.ndarray], structure: object) -> None:
    """Writes `<name>.safetensors` and `<name>.json`; a list gets one line an entry, a dict one line a key."""
    whole = {key: np.require(value, requirements="C") for key, value in tensors.items()}
    save_file(whole, HERE / f"{name}.safetensors")
    (HERE / f"{name}.safetensors").chmod(0o644)
    if isinstance(structure, list):
        lines = [json.dumps(row) for row in structure]
        text = "[\n" + ",\n".join(lines) + "\n]\n"
    else:
        lines = [f"{json.dumps(key)}: {json.dumps(value)}" for key, value in structure.items()]
        text = "{\n" + ",\n".join(lines) + "\n}\n"
    (HERE / f"{name}.json").write_text(text)
    size = sum(value.nbytes for value in whole.values())
    print(f"{name}: {len(whole)} tensors, {size / 1e6:.2f} MB")
