"""The pictures of a page: a relative path becomes the address that the picture was uploaded to."""

from html import escape

from django.utils.translation import gettext_noop as n_

from deliveries.content.html_part.assets import Assets
from deliveries.content.html_part.document import Document
from deliveries.content.html_part.escaping import escaped_template
from deliveries.content.links import reported_address
from deliveries.content.merge_tags.literals import literal
from deliveries.content.merge_tags.segments import MASK
from deliveries.content.reading.markup import Token


class Images:
    """The pictures of one page."""

    def __init__(self, document: Document, *, assets: Assets) -> None:
        self._document, self._assets = document, assets

    def picture(self, token: Token, name: str) -> None:
        """Give the attribute of this name, by which a picture is fetched, the address that it was uploaded to.

        A warning is added where it was not uploaded; what is wrong with the address is reported.
        """
        attribute = token.attribute(name)
        if not attribute:
            return
        path = self._document.value(attribute).strip()
        if path.lower().startswith(("data:image/", "cid:")) or not path:
            return
        address = reported_address(
            self._document.scope, attribute.value_start, attribute.value_end, is_html=True
        )
        if address and address.kind == "relative":
            if url := self._uploaded(address.plain, token.start):
                self._document.set_value(attribute, literal(escape(url)))
        elif address and address.kind == "tracked" and MASK in self._document.masked_value(attribute):
            self._document.set_value(attribute, escaped_template(address.template))

    def srcset(self, token: Token) -> None:
        """Give each candidate of a `srcset` the address that it was uploaded to."""
        srcset = token.attribute("srcset")
        if not srcset or MASK in self._document.masked_value(srcset):
            return
        candidates = [
            candidate.strip().split(None, 1) for candidate in self._document.value(srcset).split(",")
        ]
        absolute = [
            [self._assets.url(candidate[0]) or candidate[0], *candidate[1:]]
            for candidate in candidates
            if candidate
        ]
        self._document.set_value(srcset, literal(", ".join(" ".join(candidate) for candidate in absolute)))

    def _uploaded(self, path: str, at: int) -> str:
        url = self._assets.url(path)
        if not url:
            self._document.scope.findings.warning(
                "missing_picture",
                n_("The picture “%(path)s” was not uploaded."),
                where="html",
                line=self._document.scope.line_at(at),
                path=path[:200],
            )
        return url
