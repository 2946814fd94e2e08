"""The HTML part, from the author's page to a template, and to the text part that is made from it."""

from functools import cached_property

from django.utils.translation import gettext_noop as n_

from deliveries.content import opt_out
from deliveries.content.html_part import inert
from deliveries.content.html_part.assets import Assets
from deliveries.content.html_part.document import Document
from deliveries.content.html_part.hyperlinks import Hyperlinks
from deliveries.content.html_part.images import Images
from deliveries.content.html_part.labels import LINKS
from deliveries.content.html_part.safety import Safety
from deliveries.content.html_part.style_sheets import StyleSheets
from deliveries.content.links import LinkBook
from deliveries.content.merge_tags.own_addresses import BASE
from deliveries.content.merge_tags.scope import Scope
from deliveries.content.pictures import PLACES
from deliveries.content.reading.markup import Token
from deliveries.content.reading.visibility import Visibility
from deliveries.content.text_part.from_page import Derivation

PIXEL = f'<img src="{BASE}/o/{{{{ _o }}}}.gif" width="1" height="1" alt="" style="display:block;border:0">'
# No more than hides it: filters of spam count each further way of hiding words.
_PREHEADER_STYLE = "display:none;max-height:0;overflow:hidden;mso-hide:all"
_PREHEADER_FILLER = "&#847;&zwnj;&nbsp;" * 40  # keeps the body's first words out of the inbox's preview


class Page:
    """One page. `compile` comes first: the other two read what it found.

    The constructor and `compile` raise Problem where a bound is passed.
    """

    def __init__(self, scope: Scope, *, assets: Assets, book: LinkBook, tracking: bool) -> None:
        self._scope, self._tracking = scope, tracking
        self._document = Document(scope)
        self._safety = Safety(self._document)
        self._styles = StyleSheets(self._document, assets=assets)
        self._links = Hyperlinks(self._document, assets=assets, book=book, tracking=tracking)
        self._images = Images(self._document, assets=assets)

    def compile(self, preheader: str) -> str:
        """Return the page as a template; `preheader` is a template of HTML, shown by an inbox and not in the page."""
        for number, token in enumerate(self._document.tokens):
            if token.kind == "start":
                self._start_tag(number, token)
            elif token.kind == "raw" and token.name == "style":
                self._styles.style_sheet(token.start, token.end)
        self._safety.check_as_read()
        if preheader:
            hidden = f'<div style="{_PREHEADER_STYLE}">{preheader}{_PREHEADER_FILLER}</div>'
            self._document.insert(self._document.start_of_body(), hidden)
        if self._tracking:
            self._document.insert(self._document.end_of_body(), PIXEL)
        return self._scope.preamble + self._document.template()

    def _start_tag(self, number: int, token: Token) -> None:
        if token.attributes or token.name in inert.ACTIVE or token.name == "script":
            self._safety.check_acts(token)
        if token.name == "link":
            self._styles.take_out(token.start, token.end, "<link>")
        if number in self._document.tagged:
            self._safety.check_places(token)
        if token.name == "link":
            return
        if token.attributes:
            self._safety.check_addresses(token)
            if token.name in LINKS:
                self._links.link(token)
            for name in PLACES.get(token.name, ()):
                self._images.picture(token, name)
            self._images.srcset(token)
        if token.attributes or self._styles.styles.matched(number):
            self._styles.style(number)

    def derived_text(self) -> str:
        """Return a text part made from the page, as a template, and warn that it was."""
        self._scope.findings.warning(
            "no_text_part", n_("There is no text part; one was made from the HTML."), where="text"
        )
        document = self._document
        derivation = Derivation(
            self._scope, document.tokens, document.tree,
            tagged=document.tagged, seen=self._seen, links=self._links.text_links,
        )  # fmt: skip
        return self._scope.preamble + derivation.text()

    def has_opt_out(self) -> bool:
        """Whether a link to unsubscribe stands where every recipient sees it."""
        return opt_out.is_in_page(self._scope, self._document.tokens, self._document.tree, self._seen)

    @cached_property
    def _seen(self) -> Visibility:
        document = self._document
        return Visibility(document.masked, document.tokens, document.tree, self._styles.styles)
