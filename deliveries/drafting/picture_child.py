"""Run as a program of its own: says what pictures are that somebody sent, after decoding the whole of each.

What reads them is native code over people's input: it may take too long, too much, or fall over, and dies alone then.
What a camera or a program wrote into one beside the picture (where it was taken, by whom, with what) is taken out: the
picture is written anew beside the file, as `FILE.clean`, turned as it is meant to be seen. One without such words stays
as it is. Nothing of Sinete is imported here. The last line of the output is a JSON list, an object for each file.
"""

import json
import resource
import sys
import warnings
from typing import Any

MOST_SECONDS = 20  # of processor time
MOST_MEMORY = 1 << 30  # octets
MOST_WRITTEN = 64 * 1024 * 1024  # octets of one file
MOST_PIXELS = 40_000_000
MOST_FRAMES = 200
# MPO is what a JPEG is found to be that has a second picture behind it, as phones make them; mail shows the first.
FORMATS = {
    "PNG": "image/png",
    "JPEG": "image/jpeg",
    "MPO": "image/jpeg",
    "GIF": "image/gif",
    "WEBP": "image/webp",
}
ORIENTATION = 0x0112
SAID = ("exif", "xmp", "XML:com.adobe.xmp", "Raw profile type exif", "photoshop", "comment")
QUALITY = 90  # of what has to be encoded anew


def main(path: str) -> dict[str, Any]:
    """Return its type and size in pixels and whether it was written anew, or the reason why it is not taken."""
    from PIL import Image

    Image.MAX_IMAGE_PIXELS = MOST_PIXELS
    warnings.simplefilter("error", Image.DecompressionBombWarning)
    try:
        with Image.open(path, formats=[name for name in FORMATS if name != "MPO"]) as image:
            kind = str(image.format)
            frames = getattr(image, "n_frames", 1) if kind != "MPO" else 1
            width, height = image.size
            if frames > MOST_FRAMES or width * height * frames > 10 * MOST_PIXELS:
                return {"refused": "too_large"}
            for number in range(frames):
                image.seek(number)
                image.load()
            image.seek(0)
            is_clean = kind == "GIF" or not (kind == "MPO" or _says_more(image))
            if not is_clean:
                width, height = _written_anew(image, path, kind, frames)
            return {"media_type": FORMATS[kind], "width": width, "height": height, "is_clean": is_clean}
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        return {"refused": "too_large"}


def _says_more(image: Any) -> bool:
    return (
        bool(image.getexif())
        or any(image.info.get(name) for name in SAID)
        or bool(getattr(image, "text", None))
    )


def _written_anew(image: Any, path: str, kind: str, frames: int) -> tuple[int, int]:
    """Write the picture alone, with its colours and frames, and return its size as it is seen."""
    from PIL import ImageOps

    how: dict[str, Any] = {"icc_profile": image.info.get("icc_profile")}
    is_turned = image.getexif().get(ORIENTATION, 1) not in (0, 1)
    if kind in ("JPEG", "MPO"):
        how |= {"format": "JPEG", "comment": b"", "optimize": True}
        how |= {"quality": QUALITY} if is_turned or kind == "MPO" else {"quality": "keep"}
    elif kind == "PNG":
        how |= {"format": "PNG", "exif": b"", "pnginfo": None}
    else:
        how |= {"format": "WEBP", "exif": b"", "xmp": b"", "quality": QUALITY, "lossless": False}
    if frames > 1:
        image.save(f"{path}.clean", save_all=True, **how)
        return image.width, image.height
    seen = ImageOps.exif_transpose(image) if is_turned else image
    if kind == "PNG":
        seen.info.pop("exif", None)
    seen.save(f"{path}.clean", **how)
    return seen.width, seen.height


def looked_at(path: str) -> dict[str, Any]:
    """As `main`; whatever goes wrong, the file is to blame."""
    try:
        return main(path)
    except Exception as error:
        return {"refused": "broken", "error": str(error)[:200]}


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_CPU, (MOST_SECONDS, MOST_SECONDS + 1))
    resource.setrlimit(resource.RLIMIT_AS, (MOST_MEMORY, MOST_MEMORY))
    resource.setrlimit(resource.RLIMIT_FSIZE, (MOST_WRITTEN, MOST_WRITTEN))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    print(json.dumps([looked_at(path) for path in sys.argv[1:]]))
