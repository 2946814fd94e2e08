"""What each link of a page is called: in reports, and for whoever looks through the links."""

import re

from deliveries.content import references
from deliveries.content.html_part.document import Document
from deliveries.content.merge_tags.scope import Scope
from deliveries.content.reading.markup import Token

LINKS = frozenset({"a", "area", "v:rect", "v:roundrect", "v:shape", "v:oval"})  # tags that may link


def labels_of(document: Document) -> dict[int, str]:
    """Return the text of each link, or the alternative texts of its pictures, by the position of its tag."""
    labels: dict[int, str] = {}
    opened: Token | None = None
    words: list[str] = []
    for token in document.tokens:
        if opened is None and (token.kind != "start" or token.name not in LINKS):
            continue
        if token.in_condition != (opened.in_condition if opened else token.in_condition):
            continue
        if token.kind == "start" and token.name in LINKS and token.name != "area":
            opened, words = token, []
        elif token.kind == "end" and opened and token.name == opened.name:
            labels[opened.start] = re.sub(r"\s+", " ", "".join(words)).strip()
            opened = None
        elif opened and token.kind == "text":
            words.append(references.in_text(_outputs_and_words(document.scope, token.start, token.end)))
        elif opened and token.kind == "start" and token.name == "img" and (alt := token.attribute("alt")):
            words.append(f" {references.in_attribute(document.value(alt))} ")
    return labels


def _outputs_and_words(scope: Scope, start: int, end: int) -> str:
    return "".join(
        scope.source[segment.start : segment.end] if segment.kind == "output" else text
        for segment, text in scope.between(start, end)
        if segment.kind in ("text", "raw", "output")
    )
