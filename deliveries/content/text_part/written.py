"""The text part as its author wrote it: its merge tags are run, its addresses tracked."""

import re

from deliveries.content import links
from deliveries.content.links import LinkBook
from deliveries.content.merge_tags.problem import Problem
from deliveries.content.merge_tags.scope import Scope
from deliveries.content.merge_tags.segments import mask

_TEXT_URL = re.compile(r"https?://[^\s<>\"'\u00ab\u00bb]+", re.I)


def compile_text(scope: Scope, *, book: LinkBook, tracking: bool) -> str:
    """Return the part as a template; each address is a link of `book`, or stays as written without `tracking`.

    What is wrong with an address is reported to the scope.
    """
    masked = mask(scope.source, scope.segments)
    pieces: list[str] = []
    at = 0
    for match in _TEXT_URL.finditer(masked):
        end = match.start() + len(_without_punctuation(match.group()))
        if slot := _link(scope, match.start(), end, book=book, tracking=tracking):
            pieces += [scope.template(at, match.start()), slot]
            at = end
    pieces.append(scope.template(at))
    text = scope.preamble + "".join(pieces)
    return text if text.endswith("\n") else text + "\n"


def _link(scope: Scope, start: int, end: int, *, book: LinkBook, tracking: bool) -> str:
    address = links.reported_address(scope, start, end, is_html=False)
    if not address or address.kind != "tracked":
        return ""
    if not tracking:
        return book.straight_in_text(address)
    try:
        return links.slot(book.for_text(address))
    except Problem as problem:
        scope.report(problem)
        return ""


def _without_punctuation(url: str) -> str:
    """The address without what ends the sentence that it stands in."""
    url = url.rstrip(".,;:!?*_")
    for opening, closing in ("()", "[]"):
        end, extra = len(url), url.count(closing) - url.count(opening)
        while extra > 0 and end and url[end - 1] == closing:
            end, extra = end - 1, extra - 1
            while end and url[end - 1] in ".,;:!?":
                end -= 1
        url = url[:end]
    return url
