"""Whether every recipient sees a link to unsubscribe."""

import re
from collections.abc import Sequence

from django.utils.translation import gettext_noop as n_

from deliveries.content import references
from deliveries.content.findings import Findings
from deliveries.content.merge_tags.expressions import Name, parts_of
from deliveries.content.merge_tags.scope import Scope
from deliveries.content.merge_tags.segments import Segment
from deliveries.content.reading.markup import Token
from deliveries.content.reading.tree import Tree
from deliveries.content.reading.visibility import Visibility
from deliveries.content.source import Source

_NAME = "unsubscribe_url"
_SEEN = re.compile(r"[^\s\u00ad\u034f\u115f\u1160\u200b-\u200f\u2060-\u2064\u2800\u3164\ufeff]")


def is_in_text(scope: Scope) -> bool:
    """Whether the address stands outside of every condition."""
    depths = scope.depths()
    return any(_reads(segment) and not depths[segment.start] for segment in scope.segments)


def is_in_page(scope: Scope, tokens: Sequence[Token], tree: Tree, seen: Visibility) -> bool:
    """Whether the address is linked, or written, where every recipient sees it: not hidden, empty or too small."""
    return _Page(scope, tokens, tree, seen).has_opt_out()


class _Page:
    """Looks for the link in one page."""

    def __init__(self, scope: Scope, tokens: Sequence[Token], tree: Tree, seen: Visibility) -> None:
        self._scope, self._tokens, self._tree, self._seen = scope, tokens, tree, seen
        self._depths = scope.depths()

    def has_opt_out(self) -> bool:
        links = {
            number
            for number, token in enumerate(self._tokens)
            if token.name in ("a", "area") and self._links_out(token)
        }
        return any(  # the last first, since most pages end with it
            self._is_written(number, token) or (links and self._shows_one_of(links, number, token))
            for number, token in reversed(list(enumerate(self._tokens)))
            if not token.in_condition
        )

    def _links_out(self, token: Token) -> bool:
        if token.kind != "start" or token.in_condition:
            return False
        href = token.attribute("href")
        return bool(href) and self._reads(href.value_start, href.value_end)  # type: ignore[union-attr]  # it is there

    def _is_written(self, number: int, token: Token) -> bool:
        if token.kind != "text" or not self._reads(token.start, token.end):
            return False
        return self._seen.shows_words(number)

    def _reads(self, start: int, end: int) -> bool:
        return self._scope.has_tags(start, end) and any(
            _reads(segment) and not self._depths[segment.start]
            for segment, _text in self._scope.between(start, end)
        )

    def _shows_one_of(self, links: set[int], number: int, token: Token) -> bool:
        """Whether this is a word or a picture of one of these links that everybody sees."""
        if token.kind == "text":
            return (
                not links.isdisjoint(self._tree.outwards(number))
                and self._seen.shows_words(number)
                and self._says_something(token)
            )
        if token.kind != "start" or token.name not in ("img", "area"):
            return False
        if token.name == "area":
            return number in links and any(
                other.name == "img" and other.attribute("usemap") and self._seen.shows_picture(at)
                for at, other in enumerate(self._tokens)
                if other.kind == "start"
            )
        has_source = bool((source := token.attribute("src")) and source.value_end > source.value_start)
        return (
            has_source
            and not links.isdisjoint(self._tree.outwards(number))
            and self._seen.shows_picture(number)
        )

    def _says_something(self, token: Token) -> bool:
        return any(
            not self._depths[segment.start]
            and (segment.kind == "output" or bool(_SEEN.search(references.in_text(text))))
            for segment, text in self._scope.between(token.start, token.end)
        )


def check(source: Source, findings: Findings, *, in_html: bool, in_text: bool) -> None:
    """Add an error where no part has the link for every recipient, a warning where one of two parts hasn't."""
    if not in_html and not in_text:
        if _NAME in source.html + source.text:
            text = n_(
                "Not every recipient sees the unsubscribe link: it stands in a condition or a comment, or it is "
                "hidden, empty or too small."
            )
        else:
            text = n_("There is no unsubscribe link: link to {{ unsubscribe_url }}.")
        findings.error("no_unsubscribe_link", text, where="html" if source.html.strip() else "text")
    elif source.html.strip() and source.text.strip() and not (in_html and in_text):
        part = "text" if in_html else "html"
        findings.warning(
            "no_unsubscribe_link", n_("The unsubscribe link is missing from this part."), where=part
        )


def _reads(segment: Segment) -> bool:
    return segment.kind == "output" and any(
        isinstance(part, Name) and part.name == _NAME
        for part in parts_of(segment.expression)  # type: ignore[arg-type]  # a slot always has its expression
    )
