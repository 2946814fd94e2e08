"""The styles of a page: style sheets are inlined, and nothing is fetched from elsewhere."""

from django.utils.translation import gettext_noop as n_

from deliveries.content import references
from deliveries.content.html_part import inert
from deliveries.content.html_part.assets import CSS_URL, Assets
from deliveries.content.html_part.document import Document
from deliveries.content.merge_tags.literals import literal
from deliveries.content.merge_tags.segments import MASK
from deliveries.content.reading.markup import Attribute
from deliveries.content.reading.styles import Styles, attribute, joined


class StyleSheets:
    """The styles of one page. Problem is raised where applying its style sheets takes too long."""

    def __init__(self, document: Document, *, assets: Assets) -> None:
        self._document, self._assets = document, assets
        self.styles = Styles(
            document.masked, document.tokens, document.tree, has_moving_tags=document.has_moving_tags
        )

    def style(self, number: int) -> None:
        """Give the tag of this number what style sheets come to for it, around its own style."""
        token = self._document.tokens[number]
        own = token.attribute("style")
        before, after = self.styles.around(number) if not token.in_condition else ("", "")
        if before or after:
            before, after = (literal(attribute(self._assets.with_urls(part))) for part in (before, after))
            style = joined(before, self._own(own) if own else "", after)
            if own:
                self._document.set_value(own, style)
            else:
                self._document.insert(token.start + 1 + len(token.name), f' style="{style}"')
        elif own and self._has_pictures(own):
            self._document.set_value(own, self._own(own))

    def _own(self, own: Attribute) -> str:
        """A tag's own style as a template of a value in double quotes, with the addresses of uploaded pictures."""
        if self._has_pictures(own):
            changed = self._assets.with_urls(references.in_attribute(self._document.value(own)))
            return literal(attribute(changed))
        scope = self._document.scope
        return "".join(
            scope.tag(segment) if segment.is_tag else literal(text.replace('"', "&quot;"))
            for segment, text in scope.between(own.value_start, own.value_end)
        )

    def _has_pictures(self, own: Attribute) -> bool:
        return "url(" in self._document.value(own).lower() and MASK not in self._document.masked_value(own)

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
