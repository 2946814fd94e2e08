"""Whether every recipient sees a link to unsubscribe."""

from collections.abc import Sequence

from django.utils.translation import gettext_noop as n_

from deliveries.content.findings import Findings
from deliveries.content.markup import Token
from deliveries.content.merge_tags.expressions import Name, parts_of
from deliveries.content.merge_tags.scope import Scope
from deliveries.content.merge_tags.segments import Segment
from deliveries.content.source import Source

_NAME = "unsubscribe_url"


def is_in_text(scope: Scope) -> bool:
    """Whether the address stands outside of every condition."""
    depths = scope.depths()
    return any(_reads(segment) and not depths[segment.start] for segment in scope.segments)


def is_in_page(scope: Scope, tokens: Sequence[Token]) -> bool:
    """Whether the address is linked or written where every recipient sees it."""
    depths = scope.depths()
    for token in tokens:
        if token.in_condition:
            continue
        href = token.attribute("href") if token.kind == "start" and token.name in ("a", "area") else None
        spans = [(href.value_start, href.value_end)] if href else []
        spans += [(token.start, token.end)] if token.kind == "text" else []
        for start, end in spans:
            for segment, _text in scope.between(start, end):
                if _reads(segment) and not depths[segment.start]:
                    return True
    return False


def check(source: Source, findings: Findings, *, in_html: bool, in_text: bool) -> None:
    """Add an error where no part has the link for every recipient, a warning where one of two parts hasn't."""
    if not in_html and not in_text:
        if _NAME in source.html + source.text:
            text = n_("Not every recipient sees the unsubscribe link: it stands in a condition or a comment.")
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
