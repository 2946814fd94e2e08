"""The desk's lists of messages: their tables have composite keys, so they are read page by page, in key order."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.db.models import OuterRef, QuerySet, Subquery
from django.http import HttpRequest
from django.utils.functional import Promise
from django.utils.translation import gettext as _t
from django.utils.translation import gettext_lazy as _

from accounts.desk import person
from accounts.models import User
from audiences import sight
from campaign.lib import numbers
from deliveries.models import (
    Cause,
    Delivery,
    Exclusion,
    Message,
    MessageStatus,
    Nature,
    Reason,
    SentAgain,
    Try,
)
from deliveries.operations import doubts

PAGE = 100


@dataclass(frozen=True)
class Listing:
    """One list: its rows, their order, the filters that it offers, and how a row is shown."""

    name: str
    title: str | Promise
    headers: list[Any]
    rows: Callable[[Delivery, User], QuerySet[Any]]
    key: str
    cells: Callable[[Any], list[Any]]
    choice: str = ""
    choices: tuple[tuple[Any, Any], ...] = ()
    searches_address: bool = True


@dataclass(frozen=True)
class Page:
    """One page of a list."""

    listing: Listing
    rows: list[list[Any]]
    after: int | None
    chosen: str
    text: str

    @property
    def table(self) -> dict[str, Any]:
        return {"headers": self.listing.headers, "rows": self.rows}


def page(listing: Listing, delivery: Delivery, request: HttpRequest) -> Page:
    """Return the filtered rows that follow `after`, in one query."""
    chosen, text = request.GET.get("is", ""), request.GET.get("q", "").strip()
    rows = listing.rows(delivery, person(request)).order_by(listing.key)
    if chosen and chosen in {str(value) for value, _label in listing.choices}:
        rows = rows.filter(**{listing.choice: chosen})
    if text and listing.searches_address:
        rows = sight.search(rows, text)
    if (after := numbers.key(request.GET.get("after"))) is not None:
        rows = rows.filter(**{f"{listing.key}__gt": after})
    found = list(rows[: PAGE + 1])
    more = len(found) > PAGE
    return Page(
        listing=listing,
        rows=[listing.cells(row) for row in found[:PAGE]],
        after=getattr(found[PAGE - 1], listing.key) if more else None,
        chosen=chosen,
        text=text,
    )


def _message(row: Any) -> list[Any]:
    reason = " · ".join(
        str(part) for part in (Nature(row.nature).label, Reason(row.reason).label) if part and row.reason
    )
    return [
        row.seq,
        sight.address(row),
        _status(row),
        row.tries,
        row.at or "–",
        row.next_try or "–",
        reason or "–",
        sight.told(row.reply, row.is_seen, row.is_clear) or "–",
    ]


def _status(row: Any) -> str:
    label = str(MessageStatus(row.status).label)
    again = _t("Sent again; outcome of the first unknown")
    return f"{label} · {again}" if row.first_unknown else label


def _messages(delivery: Delivery, user: User) -> QuerySet[Any]:
    waiting = Try.objects.filter(delivery_id=OuterRef("delivery_id"), seq=OuterRef("seq"))
    rows = Message.objects.filter(delivery=delivery).defer("values")
    again = SentAgain.objects.filter(delivery_id=OuterRef("delivery_id"), seq=OuterRef("seq"))
    rows = rows.annotate(
        next_try=Subquery(waiting.values("due_at")[:1]), first_unknown=Subquery(again.values("since")[:1])
    )
    return sight.marked(rows, user=user, unit=delivery.unit)


def _exclusion(row: Any) -> list[Any]:
    profile = row.profile_id if row.is_seen else "–"
    return [profile, sight.address(row) or "–", Cause(row.cause).label]


def _exclusions(delivery: Delivery, user: User) -> QuerySet[Exclusion]:
    counted = delivery.preparation.counted if delivery.preparation else None
    rows = Exclusion.objects.filter(delivery=delivery, preparation=counted)
    return sight.marked(rows, user=user, unit=delivery.unit)


def _doubts(delivery: Delivery, user: User) -> QuerySet[Any]:
    return doubts.listed(delivery, user=user)


def _doubt(row: Any) -> list[Any]:
    return [row.seq, sight.address(row), row.since, row.tries, _t(row.note) if row.note else "–"]


LISTINGS = {
    listing.name: listing
    for listing in (
        Listing(
            "sending-log",
            _("Sending log"),
            [
                _("No."),
                _("Address"),
                _("Status"),
                _("Tries"),
                _("Date"),
                _("Next try"),
                _("Reason"),
                _("Answer of the server"),
            ],
            _messages,
            "seq",
            _message,
            choice="status",
            choices=tuple(MessageStatus.choices),
        ),
        Listing(
            "exclusion-log",
            _("Exclusion log"),
            [_("Profile"), _("Address"), _("Cause")],
            _exclusions,
            "id",
            _exclusion,
            choice="cause",
            choices=tuple(Cause.choices),
        ),
        Listing(
            "unknown-outcomes",
            _("Unknown outcomes"),
            [_("No."), _("Address"), _("Since"), _("Tries"), _("Note")],
            _doubts,
            "seq",
            _doubt,
        ),
    )
}
