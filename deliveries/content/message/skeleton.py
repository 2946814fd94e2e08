"""A template without its static lines: what is the same in each message is made ready for the wire once.

A run of whole static lines is replaced by a mark. So filling, encoding and what must be looked at for each
recipient (line ends, dots, long lines) touch only what differs, and the runs are put in at the end. A mark is
built of control characters that stand in no template and in no value: both are cleaned of them.
"""

import re

from campaign.lib.dots import END, dotted
from deliveries.content.lines import LONGEST, TAG
from deliveries.content.message.mime import has_line_above

OPEN, CLOSE = "\x1e", "\x1f"
_OPEN, _CLOSE = OPEN.encode(), CLOSE.encode()
_MASK = "\ufdd0"
_LINE = re.compile(r".*?\r\n|.+\Z", re.S)
_SHORTEST_RUN = 64  # characters; a mark costs about as much as a shorter run
_TRIMS = re.compile(r"\{[{%][-+]|[-+][%}]\}")  # such a tag takes white space from the lines around it


class Unfit(Exception):
    """This must be made the plain way."""


class Skeleton:
    """Takes the static lines out of templates, and puts them into what was filled."""

    def __init__(self) -> None:
        self._runs: list[bytes] = []

    def of(self, template: str) -> str:
        """Return the template, whose lines end in CRLF, with marks in place of runs of static lines.

        Raise Unfit where static lines can't be told apart, or one is too long for mail.
        """
        masked = TAG.sub(lambda tag: _MASK * len(tag.group()), template)
        if any(odd in masked for odd in (OPEN, CLOSE, "{{", "{%", "{#")) or _TRIMS.search(template):
            raise Unfit
        pieces: list[str] = []
        at, static_from = 0, 0
        for line in _LINE.findall(masked):
            end = at + len(line)
            if _MASK in line or not line.endswith("\r\n"):
                pieces += [self._mark(template[static_from:at]), template[at:end]]
                static_from = end
            at = end
        pieces.append(self._mark(template[static_from:]))
        return "".join(pieces)

    def _mark(self, run: str) -> str:
        if len(run) < _SHORTEST_RUN:
            return run
        octets = run.encode("utf-8", "replace")
        if has_line_above(LONGEST, octets):
            raise Unfit
        self._runs.append(dotted(octets).removesuffix(END))
        return f"{OPEN}{len(self._runs) - 1}{CLOSE}"

    def fill(self, filled: str) -> bytes:
        """Return what was filled, with its runs put in and dots doubled; its end is as it was, a line's end or not.

        Raise Unfit where a value brought a line that mail doesn't allow.
        """
        pieces: list[bytes] = []
        lines = filled.encode("utf-8", "replace").split(b"\n")
        last = len(lines) - 1
        for number, line in enumerate(lines):
            # A run is whole lines: a mark stands at the beginning of a line, and so does what follows it.
            while line[:1] == _OPEN:
                run, _, line = line[1:].partition(_CLOSE)
                pieces.append(self._runs[int(run)])
            is_whole = number < last
            if len(line) > LONGEST or line.find(b"\r") != (len(line) - 1 if is_whole else -1):
                raise Unfit
            if is_whole and not line:  # a bare line feed
                raise Unfit
            if line[:1] == b".":
                pieces.append(b".")
            pieces += (line, b"\n")
        pieces.pop()
        return b"".join(pieces)
