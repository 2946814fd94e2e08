"""What is in the octets of pictures, looked at in a process of its own, without what cameras write beside them."""

import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

CHILD = Path(__file__).with_name("picture_child.py")
MOST_SECONDS_OF_WAITING = 40
TOO_LARGE, BROKEN = "too_large", "broken"
# How words beside a picture begin, in any of the formats: EXIF (the place, the camera), XMP, IPTC, texts of a PNG.
_SAID = (
    b"Exif\0\0",
    b"eXIf",
    b"EXIF",
    b"http://ns.adobe.com/xap/",
    b"XMP ",
    b"Photoshop 3.0",
    b"tEXt",
    b"iTXt",
    b"zTXt",
)


@dataclass(frozen=True)
class Looked:
    """One picture after a look at it: `refused` says why it is not taken, else it has type, size and octets."""

    octets: bytes = b""
    media_type: str = ""
    width: int = 0
    height: int = 0
    refused: str = ""


def may_say_more(octets: bytes) -> bool:
    """Whether something may stand in it beside the picture: to be asked before a process of its own is begun."""
    return any(mark in octets for mark in _SAID)


def looked_at(pictures: Sequence[bytes]) -> list[Looked]:
    """The same pictures, each decoded, turned as it is seen, and without words beside it.

    It is bounded in time, memory and pixels, of all together: where they take more, all are refused.
    """
    with tempfile.TemporaryDirectory(prefix="pictures-") as folder:
        paths = [Path(folder, str(number)) for number in range(len(pictures))]
        for path, octets in zip(paths, pictures, strict=True):
            path.write_bytes(octets)
        command = [sys.executable, "-I", str(CHILD), *map(str, paths)]
        try:
            ended = subprocess.run(command, capture_output=True, timeout=MOST_SECONDS_OF_WAITING, check=False)
        except subprocess.TimeoutExpired:
            return [Looked(refused=TOO_LARGE)] * len(pictures)
        if ended.returncode:  # it took more than it may
            return [Looked(refused=TOO_LARGE)] * len(pictures)
        answers = json.loads(ended.stdout.splitlines()[-1])
        return [_of(answer, path) for answer, path in zip(answers, paths, strict=True)]


def _of(answer: dict[str, object], path: Path) -> Looked:
    if refused := answer.pop("refused", ""):
        return Looked(refused=TOO_LARGE if refused == TOO_LARGE else BROKEN)
    is_clean = answer.pop("is_clean")
    octets = path.read_bytes() if is_clean else path.with_name(f"{path.name}.clean").read_bytes()
    return Looked(octets=octets, **answer)  # type: ignore[arg-type]  # the child's answer has these fields
