"""The styles of a page: style sheets are inlined, and nothing is fetched from elsewhere."""

import re

from django.utils.translation import gettext_noop as n_

from deliveries.content import inert, references, styles
from deliveries.content.assets import CSS_URL, Assets
from deliveries.content.html_part.document import Document
from deliveries.content.markup import Attribute, Token
from deliveries.content.merge_tags.literals import literal
from deliveries.content.merge_tags.segments import MASK


class StyleSheets:
    """The styles of one page. Problem is raised where inlining takes too long or nests too deeply."""

    def __init__(self, document: Document, *, assets: Assets) -> None:
        self._document, self._assets = document, assets
        self._inlined = styles.inline_styles(document.masked, document.tokens, mask=MASK)

    def by_tag(self) -> dict[int, str]:
        """Return the style of each tag that has one, by the tag's position."""
        own = {
            token.start: self._document.value(style)
            for token in self._document.tokens
            if token.kind == "start" and (style := token.attribute("style"))
        }
        return own | dict(self._inlined)

    def style(self, token: Token) -> None:
        """Give a tag the style that style sheets and its own style make together."""
        own = token.attribute("style")
        style = self._inlined.get(token.start) if not token.in_condition else None
        if style is not None:
            filled = self._refilled(styles.attribute(self._assets.with_urls(style)), own)
            if filled is not None and own:
                self._document.set_value(own, filled)
            elif filled is not None:
                after_name = token.start + 1 + len(token.name)
                self._document.insert(after_name, f' style="{filled}"')
        elif (
            own
            and "url(" in self._document.value(own).lower()
            and MASK not in self._document.masked_value(own)
        ):
            changed = self._assets.with_urls(references.in_attribute(self._document.value(own)))
            self._document.set_value(own, literal(styles.attribute(changed)))

    def _refilled(self, style: str, own: Attribute | None) -> str | None:
        """The style as a template, its merge tags put back where the mask kept their places."""
        if MASK not in style:
            return literal(style)
        runs = re.findall(f"{MASK}+", self._document.masked_value(own)) if own else []
        if own is None or re.findall(f"{MASK}+", style) != runs:
            return None
        at = own.value_start
        filled = []
        for piece in re.split(f"({MASK}+)", style):
            if piece.startswith(MASK):
                start = self._document.masked.index(piece, at)
                at = start + len(piece)
                filled.append(self._document.scope.template(start, at))
            else:
                filled.append(literal(piece))
        return "".join(filled)

    def style_sheet(self, start: int, end: int) -> None:
        """Take out what a style sheet imports, and put in the addresses of uploaded pictures."""
        at = start
        for first, last in inert.imports(self._document.masked, start, end):
            self.take_out(first, last, "@import")
            self._put_in_pictures(at, first)
            at = last
        self._put_in_pictures(at, end)

    def _put_in_pictures(self, start: int, end: int) -> None:
        for match in CSS_URL.finditer(self._document.masked, start, end):
            if url := self._assets.url_in_css(match):
                self._document.replace(match.start(), match.end(), literal(f"url('{url}')"))

    def take_out(self, start: int, end: int, what: str) -> None:
        """Take out what fetches a style sheet, and warn of it: that could change what was approved, after it was."""
        self._document.replace(start, end, "")
        self._document.scope.findings.warning(
            "external_style",
            n_(
                "%(what)s was taken out: what it fetches may change after approval. Write the styles into the content."
            ),
            where="html",
            line=self._document.scope.line_at(start),
            what=what,
        )
