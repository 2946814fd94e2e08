"""What has no place in an email: it acts, or a value could make it act."""

from typing import Any

from django.utils.translation import gettext_noop as n_

from deliveries.content import references
from deliveries.content.html_part import address_attributes, inert
from deliveries.content.html_part.document import Document
from deliveries.content.html_part.labels import LINKS
from deliveries.content.links import reported_address
from deliveries.content.pictures import PLACES
from deliveries.content.reading.markup import Attribute, Token


class Safety:
    """Looks for what acts in one page, and adds an error for each."""

    def __init__(self, document: Document) -> None:
        self._document = document

    def check_acts(self, token: Token) -> None:
        """Add an error for each thing in a start tag that acts."""
        if token.name in inert.ACTIVE or (token.name == "script" and not self._is_data(token)):
            text = n_("<%(tag)s> has no place in an email.")
            self._refuse("unsafe_markup", text, self._line(token), tag=token.name)
        for attribute in token.attributes:
            if inert.is_acting(attribute.name) and attribute.has_value:
                self._acting(attribute.name, self._line(token))
        said = token.attribute("http-equiv") if token.name == "meta" else None
        if said and not inert.is_said(self._document.value(said)):
            self._acting(f"http-equiv={self._document.value(said)[:40]}", self._line(token))

    def check_addresses(self, token: Token) -> None:
        """Add an error for each address in a start tag that no mail may hold, whatever the tag."""
        for attribute in token.attributes:
            if not (address_attributes.concerns(attribute.name) and attribute.has_value):
                continue
            value = self._document.masked_value(attribute)
            if attribute.name == "style" and address_attributes.runs_in_css(references.in_attribute(value)):
                self._acting("style", self._line(token))
            if address_attributes.is_animated(token.name, attribute.name, value):
                name = f"attributeName={self._document.value(attribute)[:40]}"
                self._acting(name, self._line(token))
            if not address_attributes.holds_address(attribute.name) or self._is_read_already(
                token, attribute
            ):
                continue
            if scheme := address_attributes.refused_scheme(token.name, attribute.name, value):
                text = n_(
                    "An address with “%(scheme)s:” is not sent, also not in %(name)s: use http or https."
                )
                self._refuse("unsafe_link", text, self._line(token), scheme=scheme, name=attribute.name)
            elif address_attributes.begins_open(value):
                reported_address(
                    self._document.scope, attribute.value_start, attribute.value_end, is_html=True
                )

    def _line(self, token: Token) -> int:
        return self._document.scope.line_at(token.start)

    def _is_read_already(self, token: Token, attribute: Attribute) -> bool:
        """Whether the links or the pictures of the page look at it."""
        is_link = token.name in LINKS and attribute.name == "href"
        is_picture = attribute.name in PLACES.get(token.name, ())
        return (is_link or is_picture) and attribute == token.attribute(attribute.name)

    def check_places(self, token: Token) -> None:
        """Add an error for each value in a tag outside of quoted attributes, where it could become markup."""
        if not self._document.scope.has_tags(token.start, token.end):
            return
        quoted = [(a.value_start, a.value_end) for a in token.attributes if a.has_value and a.quote]
        for segment, _text in self._document.scope.between(token.start, token.end):
            inside = any(first <= segment.start and segment.end <= last for first, last in quoted)
            if segment.kind == "output" and not inside:
                self._refuse(
                    "unsafe_place",
                    n_("A value can stand in a tag only as an attribute in quotes."),
                    segment.line,
                )

    def check_as_read(self) -> None:
        """Add an error for what a browser finds though it doesn't stand there as a tag of its own.

        Only where nothing was refused so far, and after all that is taken out of the page was.
        """
        if any(finding.code in ("unsafe_markup", "unsafe_link") for finding in self._document.scope.findings):
            return
        for name in inert.acting_as_read(self._document.masked_remainder()):
            self._acting(name, None)

    def _acting(self, name: str, line: int | None) -> None:
        self._refuse("unsafe_markup", n_("%(name)s has no place in an email."), line, name=name)

    def _is_data(self, token: Token) -> bool:
        kind = token.attribute("type")
        return kind is not None and self._document.value(kind).strip().lower() in (
            "application/ld+json",
            "application/json",
        )

    def _refuse(self, code: str, text: str, line: int | None, **slots: Any) -> None:
        self._document.scope.findings.error(code, text, where="html", line=line, **slots)
