"""A mail as a tree of parts, read from bytes of any kind within bounds.

The standard library's parser compares each line with the boundary of each level and calls itself for each, so a mail
can be made that keeps it busy for minutes. This one looks for the boundaries of a level in one pass, down to a fixed
depth.
"""

import binascii
import quopri
import re
from collections.abc import Iterator
from email.errors import MessageError
from email.header import decode_header
from email.message import Message
from email.parser import BytesHeaderParser
from functools import cached_property

from feedback.reports.charsets import text_of

SIZE = 1024 * 1024  # bytes of a mail that are read: a report stands before what it returns
HEAD = 64 * 1024  # bytes of the header of one part
MOST_HEADERS = 400
DEPTH = 10
MOST_PARTS = 100  # of one level
TEXT = 128 * 1024  # bytes of one part's text
LONGEST_VALUE = 4096

_BLANK_LINE = re.compile(rb"\r?\n[ \t]*\r?\n|\A\r?\n|\r\n\r(?!\n)")
_MBOX = re.compile(rb"\A(?:>?From [^\r\n]*\r?\n)+")
_HEADER = re.compile(rb"[!-9;-~]{1,100}[ \t]{0,10}:")
_LOST_BOUNDARY = re.compile(rb"^--([^\s\"\\]{5,100})[ \t]*\r?\nContent-[A-Za-z-]{1,40}:", re.M | re.I)
_RETURNED = re.compile(rb"^(?:Received|Return-Path|Message-ID|From|Subject|To):", re.M | re.I)
_CONTROLS = dict.fromkeys([*range(32), 127], " ")
_FOLDED = re.compile(r"\s*[\r\n]+\s*")


class Part:
    """One part of a mail: its header, and either parts or a payload."""

    def __init__(self, raw: bytes, *, depth: int = 0, default_type: str = "text/plain") -> None:
        raw = _MBOX.sub(b"", raw, count=1)
        self.depth = depth
        self.header, self.body = _halves(raw)
        self.headers = _headers(self.header)
        self._default_type = default_type

    @cached_property
    def type(self) -> str:
        """The content type in lower case, without parameters."""
        if "content-type" not in self.headers:
            return self._default_type
        return self.headers.get_content_type()

    def value(self, name: str) -> str:
        """Return the first header of that name as readable text in one line; nothing if there is none."""
        return next(iter(self.values(name)), "")

    def values(self, name: str) -> list[str]:
        """Return each header of that name as readable text."""
        return [readable(value) for value in self._by_name.get(name.lower(), [])[:20]]

    def items(self) -> list[tuple[str, str]]:
        """Each header's name in lower case with its value, as it stands there; bytes are kept as surrogates."""
        return [(name.lower(), str(value)) for name, value in self.headers.raw_items()]

    @cached_property
    def _by_name(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for name, value in self.items():
            found.setdefault(name, []).append(value)
        return found

    def parameter(self, name: str) -> str:
        """Return a parameter of the content type, in lower case; nothing if there is none."""
        try:
            found = self.headers.get_param(name, "")
        except (ValueError, LookupError, TypeError):
            return ""
        return (found[-1] if isinstance(found, tuple) else str(found or "")).strip().lower()

    @cached_property
    def payload(self) -> bytes:
        """The body without its transfer encoding."""
        encoding = self.value("content-transfer-encoding").lower()
        if encoding == "quoted-printable":
            return quopri.decodestring(self.body)
        if encoding == "base64":
            return _base64(self.body)
        return self.body

    @cached_property
    def text(self) -> str:
        """The body as text with `\\n` at the line ends."""
        text = text_of(self.payload[:TEXT], self.parameter("charset"))
        return text.replace("\r\n", "\n").replace("\r", "\n").replace("\0", "")

    @cached_property
    def parts(self) -> list["Part"]:
        """The parts of a multipart; none of anything else, nor below a depth."""
        if not self.type.startswith("multipart/") or self.depth >= DEPTH:
            return []
        boundary = self._boundary()
        default = "message/rfc822" if self.type == "multipart/digest" else "text/plain"
        pieces = _pieces(self.body, boundary) if boundary else []
        return [Part(piece, depth=self.depth + 1, default_type=default) for piece in pieces]

    @cached_property
    def message(self) -> "Part | None":
        """The mail inside a message/rfc822, if there is one."""
        if self.type not in MESSAGES or self.depth >= DEPTH:
            return None
        return Part(self.payload.lstrip(b"\r\n"), depth=self.depth + 1)

    def walk(self) -> Iterator["Part"]:
        """Yield this part and those in it, in their order, but none inside a mail that is attached."""
        yield self
        for part in self.parts:
            yield from part.walk()

    def _boundary(self) -> bytes:
        try:
            found = self.headers.get_boundary("")
        except (ValueError, LookupError, TypeError):
            found = ""
        return (found or "").encode("latin-1", "ignore")[:200]


MESSAGES = ("message/rfc822", "message/global")


def parse(raw: bytes) -> Part:
    """Return the mail that these bytes are, whatever they are.

    Where the header has lost its content type and the body has parts all the same, they are found.
    """
    raw = raw[:SIZE].lstrip(b"\xef\xbb\xbf \t\r\n")
    end = raw.find(b"\r\r", 0, HEAD)
    if end > 0 and b"\n" not in raw[:end]:  # line ends of an old Macintosh
        raw = raw.replace(b"\r", b"\n")
    part = Part(raw)
    found = None if part.parts else _LOST_BOUNDARY.search(part.body, 0, HEAD)
    if found is None or _RETURNED.search(part.body, 0, found.start()):
        return part  # the boundary of a message that is returned in a text
    return Part(
        b'Content-Type: multipart/mixed; boundary="' + found[1] + b'"\n' + part.header + b"\n\n" + part.body
    )


def readable(value: str) -> str:
    """Return a header's value as text in one line, its encoded words decoded."""
    text = _in_one_line(_decoded(value[:LONGEST_VALUE]))
    if "=?" not in text:
        return text
    try:
        pieces = decode_header(text)
    except (ValueError, LookupError, MessageError):
        return text
    joined = "".join(text_of(piece, name) if isinstance(piece, bytes) else piece for piece, name in pieces)
    return _in_one_line(joined)


def _in_one_line(text: str) -> str:
    return _FOLDED.sub(" ", text).translate(_CONTROLS).strip()


def _decoded(text: str) -> str:
    """A header may have bytes that no charset is declared for."""
    return text if text.isascii() else text_of(text.encode("utf-8", "surrogateescape"), None)


def _halves(raw: bytes) -> tuple[bytes, bytes]:
    found = _BLANK_LINE.search(raw, 0, HEAD)
    if found is None:
        # Either a header and nothing else, or a body whose header is missing.
        return (raw[:HEAD], b"") if _HEADER.match(raw) else (b"", raw)
    head = raw[: found.start()]
    if head and not _HEADER.match(head):
        return b"", raw
    return head, raw[found.end() :]


def _headers(header: bytes) -> Message:
    lines = header.replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")[: MOST_HEADERS * 5]
    kept = [line[:LONGEST_VALUE] for line in lines if line[:1] in (b" ", b"\t") or _HEADER.match(line)]
    while kept and kept[0][:1] in (b" ", b"\t"):
        del kept[0]
    return BytesHeaderParser().parsebytes(b"\n".join(kept) + b"\n\n")


def _pieces(body: bytes, boundary: bytes) -> list[bytes]:
    line = re.compile(rb"^--" + re.escape(boundary.rstrip()) + rb"(--)?[ \t]*\r?$", re.M)
    pieces: list[bytes] = []
    begins = None
    for found in line.finditer(body):
        if begins is not None:
            pieces.append(body[begins : found.start()].removesuffix(b"\n").removesuffix(b"\r"))
        begins = min(found.end() + 1, len(body))
        if found[1] or len(pieces) >= MOST_PARTS:
            return pieces
    if begins is not None:  # the last boundary is missing, as it is where somebody cut the mail
        pieces.append(body[begins:])
    return pieces


def _base64(body: bytes) -> bytes:
    letters = re.sub(rb"[^A-Za-z0-9+/]", b"", body)
    try:
        return binascii.a2b_base64(letters[: len(letters) // 4 * 4] + _rest(letters))
    except binascii.Error:
        return b""


def _rest(letters: bytes) -> bytes:
    rest = letters[len(letters) // 4 * 4 :]
    return rest + b"=" * (4 - len(rest)) if len(rest) > 1 else b""
