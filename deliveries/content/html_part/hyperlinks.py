"""The links of a page: the address of each becomes a slot, or stays what it is."""

from urllib.parse import unquote

from django.utils.translation import gettext_noop as n_

from deliveries.content import references
from deliveries.content.html_part.assets import Assets
from deliveries.content.html_part.document import Document
from deliveries.content.html_part.escaping import escaped_template
from deliveries.content.html_part.labels import labels_of
from deliveries.content.links import Address, LinkBook, reported_address, slot
from deliveries.content.merge_tags.literals import literal
from deliveries.content.merge_tags.segments import MASK
from deliveries.content.reading.markup import Attribute, Token

SUBSTITUTE = "data-substitute"  # where a link leads whom its own address can't be filled in for


class Hyperlinks:
    """The links of one page. `text_links` says what a text part writes for the link whose tag begins at a position."""

    def __init__(self, document: Document, *, assets: Assets, book: LinkBook, tracking: bool) -> None:
        self._document, self._scope = document, document.scope
        self._assets, self._book, self._tracking = assets, book, tracking
        self._labels = labels_of(document)
        self.text_links: dict[int, str] = {}

    def link(self, token: Token) -> None:
        """Put a slot in place of the address of a tag that links; what is wrong with the address is reported.

        Raise Problem where there are more links than may be.
        """
        substitute = self._substitute(token)
        href = token.attribute("href")
        if not href:
            return
        address = reported_address(self._scope, href.value_start, href.value_end, is_html=True)
        if not address:
            return
        if address.kind == "relative":
            address = self._absolute(token, address)
        if address.kind in ("tracked", "opt_out", "mirror"):
            self._slot(token, href, address, substitute)
        elif address.kind == "other":
            self.text_links[token.start] = self._in_text(href, address)
            if MASK in self._document.masked_value(href):
                self._document.set_value(href, escaped_template(address.template))

    def _in_text(self, href: Attribute, address: Address) -> str:
        """What a text part says of a link that no browser opens: of one to write to, whom."""
        if not address.plain.lower().startswith("mailto:"):
            return self._scope.template(href.value_start, href.value_end)
        whom, asks, _what = address.plain[len("mailto:") :].partition("?")
        if asks or MASK not in self._document.masked_value(href):
            return literal(unquote(whom))
        return address.template[len("mailto:") :]

    def _absolute(self, token: Token, address: Address) -> Address:
        if url := self._assets.url(address.plain):
            return Address("tracked", literal(url), url, url)
        self._scope.findings.warning(
            "relative_link",
            n_("“%(url)s” leads nowhere in an email: write the whole address."),
            where="html",
            line=self._scope.line_at(token.start),
            url=address.plain[:200],
        )
        return address

    def _substitute(self, token: Token) -> Address | None:
        """The address that its author gave besides the link's own; no message shows it, what is wrong is reported."""
        found = None
        for attribute in token.attributes:
            if attribute.name == SUBSTITUTE:
                self._document.replace(attribute.start, attribute.end, "")
                found = self._whole(attribute) or found
        return found

    def _whole(self, attribute: Attribute) -> Address | None:
        if attribute.has_value and MASK not in self._document.masked_value(attribute):
            address = reported_address(self._scope, attribute.value_start, attribute.value_end, is_html=True)
            if address is None or address.kind == "tracked":
                return address
        self._scope.findings.error(
            "bad_substitute",
            n_(
                "data-substitute holds a whole web address without merge tags, such as https://www.example.com/."
            ),
            where="html",
            line=self._scope.line_at(attribute.start),
        )
        return None

    def _slot(self, token: Token, href: Attribute, address: Address, substitute: Address | None) -> None:
        if address.kind == "tracked" and not self._tracking:
            template = self._book.straight(address, label=self._words(token) or address.url)
            self.text_links[token.start] = template
            self._document.set_value(href, escaped_template(template))
            return
        if address.kind != "tracked":
            substitute = None
        link = self._book.add(address, label=self._label(token, address), substitute=substitute)
        self.text_links[token.start] = slot(link)
        self._document.set_value(href, slot(link))

    def _words(self, token: Token) -> str:
        label = self._labels.get(token.start, "")
        for name in ("aria-label", "title", "alt"):
            if not label and (attribute := token.attribute(name)):
                label = references.in_attribute(self._document.value(attribute)).strip()
        return label

    def _label(self, token: Token, address: Address) -> str:
        if label := self._words(token):
            return label
        if address.kind == "tracked" and not token.in_condition:
            self._scope.findings.warning(
                "unlabelled_link",
                n_("The link to %(url)s has neither text nor a picture with an alternative text."),
                where="html",
                line=self._scope.line_at(token.start),
                url=address.url[:200],
            )
        return address.url if address.kind == "tracked" else ""
