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


def relative_distance(value: np.ndarray, reference: np.ndarray) -> float:
    """|value - reference| / |reference| over the whole tensor; of a reference that is all zero, |value|."""
    value, reference = value.astype(np.float64), reference.astype(np.float64)
    return float(np.linalg.norm(value - reference) / (np.linalg.norm(reference) or 1))


def weight_value(key: str, variable) -> np.ndarray:
    """Random float32 values that suit the part a Keras variable plays: variances are positive, scales about 1."""
    random, shape = generator(key), tuple(variable.shape)
    if "variance" in variable.name or "stddev" in variable.name:
        value = random.uniform(0.5, 2, shape)
    elif variable.name == "gamma":
        value = 1 + 0.3 * random.normal(size=shape)
    elif "kernel" in variable.name:
        # A depthwise kernel adds up height × width products, any other one height × width × channels.
        fan_in = np.prod(shape[:2] if variable.name == "depthwise_kernel" else shape[:-1])
        value = random.normal(size=shape) * fan_in**-0.5
    else:
        value = 0.5 * random.normal(size=shape)
    return value.astype(np.float32)


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
