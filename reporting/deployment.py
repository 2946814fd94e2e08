"""The Deployment block: how a send stands, in figures, beside the words and the speed of its state."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.urls import reverse
from django.utils.formats import number_format
from django.utils.translation import gettext as _t
from django.utils.translation import gettext_lazy as _

from deliveries.lifecycle import groups
from deliveries.models import Delivery
from deliveries.overview import state
from deliveries.overview.state import State
from reporting import kpis, statistics
from reporting.kpis import Counts, Kpi
from reporting.logs import ATTEMPTED, CLICKED, COMPLAINED, OPENED, REPLIED, UNSUBSCRIBED


@dataclass(frozen=True)
class Tile:
    """An indicator as it stands on the page."""

    kpi: Kpi
    query: str  # the filter of the sending log that shows the rows behind the number
    tone: str = ""
    beside: str = ""


@dataclass(frozen=True)
class Block:
    delivery: Delivery
    state: State
    counts: Counts
    tiles: list[Tile]
    segments: list[tuple[Any, ...]]
    folded_at: datetime | None
    folded_next: datetime

    @property
    def complained(self) -> str:
        """The filter of the sending log that shows whose messages were complained about."""
        return f"reaction={COMPLAINED}"

    @property
    def replied(self) -> str:
        """The filter of the sending log that shows who replied."""
        return f"reaction={REPLIED}"

    @property
    def moves(self) -> bool:
        """Whether the block must look again: in a final status nothing moves any more."""
        return self.delivery.status in groups.RELEASED

    @property
    def spoken(self) -> str:
        """One short sentence for whoever listens to the page."""
        if self.counts.progress is None:
            return str(self.state.words)
        slots = {"title": self.state.words, "percent": int(self.counts.progress)}
        return _t("%(title)s: %(percent)s%%") % slots


def block(delivery: Delivery, *, at: datetime) -> Block:
    """The block as it stands at `at`."""
    state.annotate([delivery], at=at)
    counts = statistics.counts(delivery)
    folded_at, folded_next = statistics.last_and_next(delivery, at)
    return Block(
        delivery=delivery,
        state=state.of(delivery),
        counts=counts,
        tiles=_tiles(delivery, counts),
        segments=_segments(delivery, counts),
        folded_at=folded_at,
        folded_next=folded_next,
    )


_WHERE = {
    "to_deliver": "",
    "sent": f"status={ATTEMPTED}",
    "delivered": "status=sent",
    "failed": "status=bounced",
    "opens": f"reaction={OPENED}",
    "clicks": f"reaction={CLICKED}",
    "unsubscribes": f"reaction={UNSUBSCRIBED}",
}


def _tiles(delivery: Delivery, counts: Counts) -> list[Tile]:
    totals = {"opens": _in_all(counts.opens), "clicks": _in_all(counts.clicks)}
    tones = {"delivered": _delivered_tone(counts), "failed": "red" if counts.failed else ""}
    return [
        Tile(kpi, _WHERE[kpi.code], tone=tones.get(kpi.code, ""), beside=totals.get(kpi.code, ""))
        for kpi in kpis.kpis(counts)
        if delivery.tracking or kpi.code not in totals
    ]


def _in_all(number: int) -> str:
    return (
        _t("%(number)s in all") % {"number": number_format(number, 0, force_grouping=True)} if number else ""
    )


def _delivered_tone(counts: Counts) -> str:
    """Green when full, red at nothing."""
    if not counts.sent:
        return ""
    return {counts.sent: "green", 0: "red"}.get(counts.delivered, "")


_TONES = {
    "prepared": "grey",
    "retrying": "blue",
    "unsent": "red",
    "in_doubt": "yellow",
    "ignored": "grey",
    "cancelled": "grey",
}


def _segments(delivery: Delivery, counts: Counts) -> list[tuple[Any, ...]]:
    """All messages by what became of them, each with the address of its rows; the parts make the whole."""
    parts = [
        (_("Delivered"), counts.delivered, "green", "sent"),
        (_("Bounces and errors"), counts.failed, "red", "bounced"),
        *((label, getattr(counts, name), _TONES[name], name) for name, label in kpis.BESIDE.items()),
    ]
    log = reverse("reporting:window", args=[delivery.pk, "sending"])
    return [
        (label, number, tone, f"{log}?status={status}") for label, number, tone, status in parts if number
    ]
