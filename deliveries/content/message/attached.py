"""Attached files as they stand in a message: encoded once, the same octets for every recipient."""

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple
from urllib.parse import quote

from deliveries.content.message import mime

_LINE = 76  # characters of a header's line, and of base64
# A message in base64 is none that RFC 2046 knows; readers open it by the end of its name.
_OPAQUE = frozenset({"message", "multipart"})
# What no reader misreads between quotes; anything else is written as RFC 2231 has it.
_PLAIN = re.compile(r"[A-Za-z0-9_.()+-]+(?: [A-Za-z0-9_.()+-]+)*", re.ASCII)
_CHARSET = "utf-8''"


class File(NamedTuple):
    """A file to attach."""

    name: str
    media_type: str
    octets: bytes


def part(file: File) -> bytes:
    """Return the file as a part of a message: its header and its octets in base64, with CRLF.

    The name may be in any script (RFC 2231).
    """
    kind, _slash, subtype = file.media_type.partition("/")
    if kind in _OPAQUE or not subtype:
        kind, subtype = "application", "octet-stream"
    head = "\r\n".join(
        [
            f"Content-Type: {kind}/{subtype}",
            "Content-Transfer-Encoding: base64",
            ";\r\n ".join(["Content-Disposition: attachment", *_file_name(file.name)]),
        ]
    )
    return head.encode("ascii") + b"\r\n\r\n" + mime.base64_body(file.octets)


def _file_name(name: str) -> list[str]:
    """The parameters that say a name, each of them a line."""
    if _PLAIN.fullmatch(name) and len(name) < _LINE - len('filename=""'):
        return [f'filename="{name}"']
    encoded = [_CHARSET, *(quote(character, safe="") for character in name)]
    if sum(map(len, encoded)) < _LINE - len("filename*="):
        return [f"filename*={''.join(encoded)}"]
    return [f"filename*{number}*={piece}" for number, piece in enumerate(_pieces(encoded))]


def _pieces(encoded: Sequence[str]) -> Iterator[str]:
    """Cut so that none is too long for a line, and no character is cut: some readers decode each by itself."""
    piece = ""
    for character in encoded:
        if len(piece) + len(character) > _LINE - len(" filename*99*=;"):
            yield piece
            piece = ""
        piece += character
    yield piece


def encoded_size(size: int) -> int:
    """Return how many octets so many take in a message, its header not counted."""
    characters = -(-size // 3) * 4
    return characters + 2 * -(-characters // _LINE)


def frame(parts: Sequence[bytes], boundary: str) -> tuple[bytes, bytes]:
    """Return what stands before and behind a body to which these parts are attached; both empty without parts."""
    if not parts:
        return b"", b""
    line = b"\r\n--" + boundary.encode("ascii")
    before = f'Content-Type: multipart/mixed; boundary="{boundary}"\r\n\r\n--{boundary}\r\n'.encode("ascii")
    return before, b"".join(
        [*(line + b"\r\n" + each.removesuffix(b"\r\n") for each in parts), line, b"--\r\n"]
    )
