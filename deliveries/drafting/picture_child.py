"""Run as a program of its own: says what a picture is that somebody sent, after decoding the whole of it.

What reads it is native code over people's input: it may take too long, too much, or fall over, and dies alone then.
Nothing of Sinete is imported here. The last line of its output is a JSON object.
"""

import json
import resource
import sys
import warnings
from typing import Any

MOST_SECONDS = 20  # of processor time
MOST_MEMORY = 1 << 30  # octets
MOST_PIXELS = 40_000_000
MOST_FRAMES = 200
FORMATS = {"PNG": "image/png", "JPEG": "image/jpeg", "GIF": "image/gif", "WEBP": "image/webp"}


def main(path: str) -> dict[str, Any]:
    """Return its type and size in pixels, or the reason why it is not taken."""
    from PIL import Image

    Image.MAX_IMAGE_PIXELS = MOST_PIXELS
    warnings.simplefilter("error", Image.DecompressionBombWarning)
    try:
        with Image.open(path, formats=tuple(FORMATS)) as image:
            frames = getattr(image, "n_frames", 1)
            width, height = image.size
            if frames > MOST_FRAMES or width * height * frames > 10 * MOST_PIXELS:
                return {"refused": "too_large"}
            for number in range(frames):
                image.seek(number)
                image.load()
            return {"media_type": FORMATS[str(image.format)], "width": width, "height": height}
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        return {"refused": "too_large"}


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_CPU, (MOST_SECONDS, MOST_SECONDS + 1))
    resource.setrlimit(resource.RLIMIT_AS, (MOST_MEMORY, MOST_MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    try:
        answer = main(sys.argv[1])
    except Exception as error:  # whatever it is, the file is to blame
        answer = {"refused": "broken", "error": str(error)[:200]}
    print(json.dumps(answer))
