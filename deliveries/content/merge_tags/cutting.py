"""A source of content, cut into text and tags."""

import re
from bisect import bisect
from collections.abc import Callable

from django.utils.translation import gettext_noop as n_

from deliveries.content.merge_tags.conditions import check_conditions
from deliveries.content.merge_tags.problem import Problem
from deliveries.content.merge_tags.segments import Segment
from deliveries.content.merge_tags.tag import read_tag

MOST_TAGS = 5_000
MOST_SEGMENTS = 2 * MOST_TAGS  # each tag with the text before it
MOST_PROBLEMS = 100  # of one part
_TOO_MANY_TAGS = n_("There are more than %(most)s merge tags, or too many of them have errors.")

_OPENING = re.compile(r"\{\{|\{%|\{#")
_STYLE = re.compile(r"<(/?)style\b", re.I)


def parse(source: str, *, report: Callable[[Problem], None], is_html: bool = False) -> list[Segment]:
    """Return the segments of `source`, without a gap.

    Every problem is reported with its line; a broken tag becomes a comment. In HTML the references in a tag are read.
    """
    lines = _LineCounter(source)
    styles = _style_sheets(source)
    broken = _Limit(report)
    segments: list[Segment] = []
    at = 0
    search_from = 0
    while match := _OPENING.search(source, search_from):
        start = match.start()
        # In a style sheet `{#` opens a rule for an id, as in `@media print{#menu{…}}`, never a comment.
        if match.group() == "{#" and bisect(styles, start) % 2:
            search_from = start + 2
            continue
        if at < start:
            segments.append(Segment("text", at, start, lines.at(at)))
        if len(segments) > MOST_SEGMENTS or broken.is_reached:
            report(Problem("content_bound", _TOO_MANY_TAGS, line=lines.at(start), most=MOST_TAGS))
            at = start
            break
        segment = read_tag(source, start, lines.at(start), report=broken.report, is_html=is_html)
        segments.append(segment)
        at = search_from = segment.end
    if at < len(source):
        segments.append(Segment("text", at, len(source), lines.at(at)))
    check_conditions(segments, report=broken.report)
    return segments


class _Limit:
    """Passes problems on, MOST_PROBLEMS at most: each tag that is never closed costs a look through the whole rest."""

    def __init__(self, report: Callable[[Problem], None]) -> None:
        self._report, self._left = report, MOST_PROBLEMS

    def report(self, problem: Problem) -> None:
        if self._left:
            self._left -= 1
            self._report(problem)

    @property
    def is_reached(self) -> bool:
        return not self._left


def _style_sheets(source: str) -> list[int]:
    """Return where style sheets begin and end, by turns, in order.

    So a position is in a style sheet where an odd number of these places come before it.
    """
    places: list[int] = []
    for match in _STYLE.finditer(source):
        if bool(match.group(1)) == bool(len(places) % 2):
            places.append(match.start())
    return places if len(places) % 2 == 0 else places[:-1]


class _LineCounter:
    """Counts lines from 1; asked in the order of positions, so that each character is looked at once."""

    def __init__(self, source: str) -> None:
        self._source, self._position, self._line = source, 0, 1

    def at(self, position: int) -> int:
        self._line += self._source.count("\n", self._position, position)
        self._position = position
        return self._line
