"""Lines that mail allows: at most 998 octets, broken where a break changes nothing."""

import re
from bisect import bisect_right
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from deliveries.content.reading import markup

LONGEST = 998  # octets of a line on the wire, without its end
_GOAL = 600  # of a template's line: leaves room for the values that fill it
TAG = re.compile(
    r"""\{\{(?:[^"'}]|"(?:\\.|[^"\\])*+"|'(?:\\.|[^'\\])*+'|\}(?!\})|["'])*+\}\}"""
    r"""|\{%(?:[^"'%]|"(?:\\.|[^"\\])*+"|'(?:\\.|[^'\\])*+'|%(?!\})|["'])*+%\}""",
    re.S,
)
_KEEPS_SPACE = frozenset({"pre", "textarea"})
_SPACE, _CLOSING = re.compile(" "), re.compile(r"\}")


def fold_html(template: str) -> str:
    """Return `template` with long lines broken inside tags, between words and after rules of a style sheet."""
    return _fold(template, _html_breaks)


def fold_text(template: str) -> str:
    """Return `template` with long lines broken between words."""
    return _fold(template, _text_breaks)


@dataclass(frozen=True)
class _LongLines:
    """The lines that are to be broken, by where each begins and ends; all others are passed over."""

    starts: list[int]
    ends: list[int]

    @classmethod
    def of(cls, template: str) -> "_LongLines":
        starts, ends, at = [], [], 0
        for line in template.split("\n"):
            if _octets(line) > _GOAL:
                starts.append(at)
                ends.append(at + len(line))
            at += len(line) + 1
        return cls(starts, ends)

    def within(self, start: int, end: int) -> Iterator[tuple[int, int]]:
        """Yield the parts of long lines between two positions."""
        for number in range(bisect_right(self.ends, start), len(self.starts)):
            if self.starts[number] >= end:
                return
            yield max(start, self.starts[number]), min(end, self.ends[number])


def _octets(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode("utf-8", "replace"))


def _text_breaks(masked: str, long: _LongLines) -> dict[int, str]:
    return {m.start(): "" for part in long.within(0, len(masked)) for m in _SPACE.finditer(masked, *part)}


def _html_breaks(masked: str, long: _LongLines) -> dict[int, str]:
    """Where a long line may be broken, and what must stay behind it: the character there is replaced or kept."""
    breaks: dict[int, str] = {}
    keeping = 0
    for token in markup.tokens(masked):
        if token.kind in ("start", "end") and token.name in _KEEPS_SPACE:
            keeping += 1 if token.kind == "start" else -1
        parts = list(long.within(token.start, token.end))
        if not parts:
            continue
        if token.kind == "start":
            for attribute in token.attributes:
                if masked[attribute.start - 1] == " ":
                    breaks[attribute.start - 1] = ""
        if token.kind in ("start", "end") and masked[token.end - 2] not in "/\n":
            breaks[token.end - 1] = ">"
        elif token.kind == "text" and keeping <= 0:
            breaks |= {m.start(): "" for part in parts for m in _SPACE.finditer(masked, *part)}
        elif token.kind == "raw" and token.name == "style":
            breaks |= {m.start(): "}" for part in parts for m in _CLOSING.finditer(masked, *part)}
    return breaks


def _fold(template: str, find_breaks: Callable[[str, _LongLines], dict[int, str]]) -> str:
    long = _LongLines.of(template)
    if not long.starts:
        return template
    masked = TAG.sub(lambda m: "\ufdd0" * len(m.group()), template)
    breaks = find_breaks(masked, long)
    pieces: list[str] = []
    line_start = written = 0
    last = -1
    for at in [*sorted(breaks), len(template)]:
        newline = template.rfind("\n", line_start, at)
        if newline >= 0:
            line_start, last = newline + 1, last if last > newline else -1
        if last >= line_start and _octets(template[line_start:at]) > _GOAL:
            after = breaks[last]
            if after == "}":
                pieces += [template[written : last + 1], "\n"]
                written = last + 1
            else:
                pieces += [template[written:last], "\n"]
                written = last if after == ">" else last + 1
            line_start, last = written, -1
        last = at
    pieces.append(template[written:])
    return "".join(pieces)
