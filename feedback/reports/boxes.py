"""Files with one mail, or with several (mbox): the mails one after another, none of them whole if it is long."""

import re
from collections.abc import Iterator
from typing import BinaryIO

from feedback.reports.mime import SIZE

_LONGEST_LINE = 64 * 1024  # bytes that are read at once
# From, who, and a time with a year: a sentence that begins with this word has none.
_BEGINS = re.compile(rb"From \S{0,320} {1,4}[^\r\n]{0,60}\d\d?:\d\d[^\r\n]{0,40}\d{4}[^\r\n]{0,40}\r?\n")
_HEADER = re.compile(rb"(?:>?From |[!-9;-~]{1,100}[ \t]{0,10}:)")
_ESCAPED = re.compile(rb">+From ")


def mails(file: BinaryIO) -> Iterator[bytes]:
    """Yield each mail of a file, at most the first megabyte of it.

    A file that begins with the line that parts the mails of an mbox has as many as it has such lines, each after an
    empty line and before a header. Any other file is one mail.
    """
    first = file.readline(_LONGEST_LINE)
    if not _BEGINS.match(first):
        yield (first + file.read(max(SIZE - len(first), 0)))[:SIZE]
        return
    mail, before = bytearray(), b""
    for line, following in _pairs(file):
        if before == b"\n" and _BEGINS.match(line) and _HEADER.match(following):
            yield bytes(mail[:SIZE])
            mail.clear()
        elif len(mail) < SIZE:
            mail += line[1:] if _ESCAPED.match(line) else line
        before = line.replace(b"\r", b"")
    yield bytes(mail[:SIZE])


def _pairs(file: BinaryIO) -> Iterator[tuple[bytes, bytes]]:
    """Each line with the one after it."""
    line = file.readline(_LONGEST_LINE)
    while line:
        following = file.readline(_LONGEST_LINE)
        yield line, following
        line = following
