"""A message as it was sent: filled by the product's own renderer from what was sealed, its links told straight.

And whether what stands there is what was sealed: the row by its chunk's digest, the chunks and the content by the
manifest, the manifest by the seal, and the seal by who confirmed it.
"""

import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, replace
from html import escape
from typing import Any

from django.db import connection
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from deliveries.content.compiled import Compiled
from deliveries.content.message.render import RenderError
from deliveries.ledger import books
from deliveries.lifecycle import seal
from deliveries.models import Delivery
from deliveries.rendering import renderer

_OURS = re.compile(r"\{\{ _base \}\}/c/\{\{ _c(?P<index>\d+) \}\}")
# The pixel, and links of ours that lead nowhere without a signature: to opt out, to the mirror page.
_PIXEL = re.compile(r'<img src="[^"<>]*/o/preview\.gif"[^<>]*+>')
_UNSIGNED = re.compile(r'\shref="[^"<>]*/[cum]/preview"')
_UNSIGNED_IN_TEXT = re.compile(r"\S+/[cum]/preview\b")
_HEAD = re.compile(r"<head[^<>]*>", re.IGNORECASE)
CHECKS: dict[str, str | Promise] = {
    "row": _("This recipient's row is as it was sealed"),
    "chunks": _("The recipients together are those that were sealed"),
    "content": _("The content is the one that was sealed"),
    "manifest": _("The list of what was sealed fits the seal"),
    "confirmation": _("The confirmation names this seal"),
}


@dataclass(frozen=True)
class Shown:
    """A message as its recipient got it; empty, with the problem, where it can't be filled any more."""

    subject: str = ""
    from_name: str = ""
    from_address: str = ""
    html: str = ""
    text: str = ""
    problem: str = ""


class Archive:
    """Fills the messages of one delivery; all that is the same in them is made once."""

    def __init__(self, delivery: Delivery) -> None:
        """The delivery has a seal. Raise RenderError, or ValueError for content of a format that is gone."""
        prepared = delivery.latest_preparation()
        compiled = Compiled.from_json(prepared.compiled)
        mark = f"straight-{secrets.token_hex(8)}-"
        self._marks = re.compile(rf"{mark}(\d+)\.")
        marked = replace(
            compiled,
            html=_OURS.sub(rf"{mark}\g<index>.", compiled.html),
            text=_OURS.sub(rf"{mark}\g<index>.", compiled.text),
        )
        self._renderer = renderer(delivery, marked, identity=seal.identity_of(prepared.manifest))

    def shown(self, values: Mapping[str, Any]) -> Shown:
        """Return the message for the values of a row."""
        made = self._renderer
        try:
            return Shown(
                subject=made.subject(values=values),
                from_name=made.from_name(values=values),
                from_address=made.compiled.from_address,
                html=self._html(values) if made.compiled.html else "",
                text=self._text(values) if made.compiled.text else "",
            )
        except RenderError as error:
            return Shown(from_address=made.compiled.from_address, problem=str(error))

    def _html(self, values: Mapping[str, Any]) -> str:
        page = self._renderer.html(seq=None, values=values)
        page = self._marks.sub(lambda mark: escape(self._leads(int(mark[1]), values)), page)
        page = _UNSIGNED.sub("", _PIXEL.sub("", page))
        return _HEAD.sub(lambda head: f'{head[0]}<base target="_blank">', page, count=1)

    def _text(self, values: Mapping[str, Any]) -> str:
        text = self._renderer.text(seq=None, values=values)
        text = self._marks.sub(lambda mark: self._leads(int(mark[1]), values), text)
        return _UNSIGNED_IN_TEXT.sub("…", text)

    def _leads(self, index: int, values: Mapping[str, Any]) -> str:
        """Where a tracked link led this recipient; else where it leads those of whom that can't be told."""
        try:
            return self._renderer.link_url(index, values)
        except RenderError:
            return self._renderer.substitute_url(index)


def archive(delivery: Delivery) -> Archive | None:
    """Return what fills the messages of a delivery; None where nothing is sealed, or nobody can fill it any more."""
    if not delivery.seal:
        return None
    try:
        return Archive(delivery)
    except (RenderError, ValueError):
        return None


@dataclass(frozen=True)
class Sealed:
    """The seal of a message, the number of its preparation, and which of CHECKS hold."""

    seal: str
    number: int
    checks: dict[str, bool]

    @property
    def stands(self) -> bool:
        return all(self.checks.values())

    @property
    def in_words(self) -> list[tuple[str | Promise, bool]]:
        return [(CHECKS[name], holds) for name, holds in self.checks.items()]


def sealed(delivery: Delivery, seq: int) -> Sealed | None:
    """Check the seal of one message against what stands in the database now; None where nothing is sealed.

    The rows of one chunk are read, whatever the size of the delivery.
    """
    if not delivery.seal:
        return None
    prepared = delivery.latest_preparation()
    confirmed = delivery.confirmations.filter(taken_back_at=None, preparation=prepared, seal=prepared.seal)
    checks = {
        "row": _chunk_holds(delivery.pk, seq),
        "chunks": prepared.manifest.get("chunks") == books.chunk_digests(delivery.pk),
        "content": prepared.manifest.get("compiled") == seal.fingerprint(prepared.compiled),
        "manifest": prepared.seal == seal.fingerprint(prepared.manifest),
    }
    if delivery.started_at is not None:
        checks["confirmation"] = confirmed.exists()
    return Sealed(prepared.seal, prepared.number, checks)


def _chunk_holds(delivery_id: int, seq: int) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT coalesce(redacted, digest) = deliveries_chunk_digest(delivery_id, seq_from, seq_to)"
            " FROM deliveries_chunk WHERE delivery_id = %s AND seq_to >= %s ORDER BY seq_to LIMIT 1",
            [delivery_id, seq],
        )
        row = cursor.fetchone()
    return bool(row and row[0])
