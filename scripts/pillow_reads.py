"""Says as JSON, of each image file of a folder, why Pillow refuses it, or null.

    python scripts/pillow_reads.py FOLDER
"""

import json
import pathlib
import sys
import warnings

from PIL import Image

warnings.simplefilter("ignore")


def refusal(path):
    try:
        with Image.open(path, formats=["JPEG", "PNG", "TIFF", "WEBP", "GIF", "BMP"]) as image:
            image.load()
    except Exception as error:  # whatever a damaged file brings about
        return f"{type(error).__name__}: {error}"
    return None


files = [path for path in pathlib.Path(sys.argv[1]).iterdir() if path.suffix != ".json"]
print(json.dumps({str(path): refusal(path) for path in files}))
