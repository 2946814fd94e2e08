"""The Deployment block: how a send stands, in figures, beside the words and the speed of its state."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.urls import reverse
from django.utils.formats import number_format
from django.utils.functional import Promise
from django.utils.translation import gettext as _t

from deliveries.lifecycle import groups
from deliveries.models import Delivery, RetentionKind
from deliveries.overview import state
from deliveries.overview.state import State
from reporting.counting import statistics
from reporting.figures import kpis
from reporting.figures.kpis import Counts, Kpi, Named


@dataclass(frozen=True)
class Explained:
    """What a figure means, and where its rows are."""

    label: str | Promise
    sentence: str | Promise
    formula: str
    named: Named


@dataclass(frozen=True)
class Tile:
    """An indicator as it stands on the page, with how often in all beside people where that is known."""

    kpi: Kpi
    tone: str = ""
    in_all: Named | None = None
    beside: str = ""

    @property
    def query(self) -> str:
        """The filter of the log that shows the rows behind the number."""
        return self.kpi.definition.named.rows


@dataclass(frozen=True)
class Block:
    delivery: Delivery
    state: State
    counts: Counts
    tiles: list[Tile]
    segments: list[tuple[Any, ...]]
    folded_at: datetime | None
    folded_next: datetime
    undecided: int = 0  # unknown outcomes about which somebody may still decide

    @property
    def named(self) -> dict[str, Named]:
        """The counts by name, each with where its rows are."""
        return kpis.NAMED

    @property
    def explained(self) -> list[Explained]:
        """What each figure of the block means, those beside the indicators that aren't 0 too."""
        return explained(self.tiles, self.counts)

    @property
    def untracked(self) -> list[tuple[Named, int]]:
        """Of the delivered those that can't tell of an open or a click, for whom the indicators don't speak."""
        named = [kpis.NAMED[name] for name in ("opens_untracked", "clicks_untracked")]
        found = [(each, getattr(self.counts, each.name)) for each in named]
        return [(each, number) for each, number in found if number and self.delivery.tracking]

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
        undecided=_undecided(delivery, counts),
    )


def _undecided(delivery: Delivery, counts: Counts) -> int:
    """None where their rows are gone by a retention period."""
    if not counts.in_doubt or delivery.purges.filter(kind=RetentionKind.RECIPIENTS).exists():
        return 0
    return counts.in_doubt


# What stands beside an indicator: how often in all.
_IN_ALL = {"opens": kpis.NAMED["opens"], "clicks": kpis.NAMED["clicks"]}


def _tiles(delivery: Delivery, counts: Counts) -> list[Tile]:
    tones = {"delivered": _delivered_tone(counts), "failed": "red" if counts.failed else ""}
    return [
        Tile(kpi, tones.get(kpi.code, ""), named := _IN_ALL.get(kpi.code), _in_all(named, counts))
        for kpi in kpis.kpis(counts)
        if delivery.tracking or kpi.code not in _IN_ALL
    ]


def _in_all(named: Named | None, counts: Counts) -> str:
    number = getattr(counts, named.name) if named else 0
    return (
        _t("%(number)s in all") % {"number": number_format(number, 0, force_grouping=True)} if number else ""
    )


def explained(tiles: list[Tile], counts: Counts) -> list[Explained]:
    """The figures that are shown, in words and as a formula, each with where its rows are."""
    indicators = [
        Explained(each.label, each.sentence, each.formula, each.named)
        for each in (tile.kpi.definition for tile in tiles)
    ]
    shown = {tile.kpi.code for tile in tiles}
    beside = [
        kpis.NAMED[name]
        for name in kpis.BESIDE
        if getattr(counts, name) and kpis.SPEAKS_OF.get(name, "sent") in shown
    ]
    return indicators + [Explained(named.label, "", "", named) for named in beside]


def _delivered_tone(counts: Counts) -> str:
    """Green when full, red at nothing."""
    if not counts.sent:
        return ""
    return {counts.sent: "green", 0: "red"}.get(counts.delivered, "")


# The parts that make the whole.
_TONES = {
    "delivered": "green",
    "failed": "red",
    "prepared": "grey",
    "retrying": "blue",
    "unsent": "red",
    "in_doubt": "yellow",
    "ignored": "grey",
    "cancelled": "grey",
    "erased": "grey",
}


def _segments(delivery: Delivery, counts: Counts) -> list[tuple[Any, ...]]:
    """All messages by what became of them, each with the address of its rows; the parts make the whole."""
    parts = [(kpis.NAMED[name], getattr(counts, name)) for name in _TONES]
    return [
        (named.label, number, _TONES[named.name], rows_url(delivery, named))
        for named, number in parts
        if number
    ]


def rows_url(delivery: Delivery, named: Named) -> str:
    """The address of the rows that a count counts."""
    log = reverse("reporting:window", args=[delivery.pk, named.log])
    return f"{log}?{named.rows}" if named.rows else log
