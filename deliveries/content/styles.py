"""Style sheets inlined: for each tag the style attribute that it needs where a mail program drops style sheets.

The inliner works on a copy whose tags are numbered; only the resulting style attributes are taken from it.
"""

from collections.abc import Mapping, Sequence
from html import escape

from selectolax.lexbor import LexborHTMLParser

from deliveries.content import bounds, inliner
from deliveries.content.markup import Token

_NUMBER = "data-sinete-tag"
_INVISIBLE = frozenset("html head meta title style script link base br".split())


def inline_styles(masked: str, tokens: Sequence[Token], *, mask: str) -> Mapping[int, str]:
    """Position of a start tag to its style, for those tags whose style a style sheet adds to.

    Raise Problem where the tags are nested deeper than may be, or the style sheets take too long.
    """
    numbered = _number(masked, tokens, mask)
    bounds.of_tree(numbered)  # what the inliner sees: it recurses, and a thread's stack is small
    sheets = "".join(masked[t.start : t.end] for t in tokens if t.kind == "raw" and t.name == "style")
    tags = sum(token.kind == "start" for token in tokens)
    inlined = inliner.inlined(numbered, sheets=sheets, tags=tags)
    if inlined is None:
        return {}
    styles: dict[int, str] = {}
    for node in LexborHTMLParser(inlined).css(f"[{_NUMBER}][style]"):
        styles.setdefault(int(node.attributes[_NUMBER] or 0), node.attributes["style"] or "")
    return {at: style for at, style in styles.items() if style}


def attribute(style: str) -> str:
    """Return a style as the value of an attribute in double quotes."""
    return escape(style, quote=False).replace('"', "&quot;").replace("\n", " ")


def _number(masked: str, tokens: Sequence[Token], mask: str) -> str:
    pieces: list[str] = []
    at = 0
    for token in tokens:
        if token.in_condition:
            continue
        if token.kind == "start" and token.name == "link":
            pieces.append(masked[at : token.start])  # never fetched
            at = token.end
        elif token.kind == "start" and token.name not in _INVISIBLE:
            after_name = token.start + 1 + len(token.name)
            pieces.append(f'{masked[at:after_name]} {_NUMBER}="{token.start}"')
            at = after_name
        elif token.kind == "raw" and token.name == "style" and mask in masked[token.start : token.end]:
            pieces.append(masked[at : token.start])  # depends on the recipient: stays a style sheet
            at = token.end
    pieces.append(masked[at:])
    return "".join(pieces)
