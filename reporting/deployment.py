"""The Deployment block: how a send stands, in words and figures, and how fast it moves."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.urls import reverse
from django.utils.formats import date_format, number_format
from django.utils.translation import gettext as _t
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext, pgettext

from deliveries.lifecycle import groups
from deliveries.models import Delivery, Status
from deliveries.overview import diagnosis
from deliveries.schedule import plan_report
from deliveries.schedule.plan_report import Plan
from deliveries.sending import rate
from deliveries.sending.rate import Rate
from reporting import kpis, statistics
from reporting.kpis import Counts, Kpi
from reporting.logs import ATTEMPTED, CLICKED, OPENED

# Over so many seconds the speed is taken: long enough to be calm, short enough to be true.
SPEED_OVER = timedelta(seconds=10)
LONGEST_TOLD = timedelta(days=30)


@dataclass(frozen=True)
class Mark:
    """How far a send was at a moment; a page hands it back, so that the next look knows the speed."""

    at: datetime
    settled: int


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
    counts: Counts
    title: str
    line: str
    tone: str
    tiles: list[Tile]
    segments: list[tuple[Any, ...]]
    folded_at: datetime | None
    folded_next: datetime
    plan: Plan | None = None
    mark: Mark | None = None
    per_second: float | None = None
    left: timedelta | None = None
    pace: Rate | None = None

    @property
    def began(self) -> bool:
        return self.delivery.status in groups.BEGUN

    @property
    def moves(self) -> bool:
        """Whether the block must look again: in a final status nothing moves any more."""
        return self.delivery.status in groups.RELEASED

    @property
    def spoken(self) -> str:
        """One short sentence for whoever listens to the page."""
        if self.counts.progress is None:
            return self.title
        return _t("%(title)s: %(percent)s%%") % {"title": self.title, "percent": int(self.counts.progress)}


def block(delivery: Delivery, *, at: datetime, earlier: Mark | None = None) -> Block:
    """The block as it stands at `at`; `earlier` is what the page was given last time."""
    counts = statistics.counts(delivery)
    going = rate.of(delivery, at=at)
    title, line, tone = resting(delivery, at) or _queueing(counts, going) or headline(delivery, counts)
    plan = plan_report.plan(delivery, at=at)
    if plan is not None:
        title, line, tone = between_moments(plan, delivery) or (title, line, tone)
    folded_at, folded_next = statistics.last_and_next(delivery, at)
    mark, per_second = _speed(delivery, counts, at, earlier)
    return Block(
        delivery=delivery,
        counts=counts,
        title=title,
        line=line,
        tone=tone,
        tiles=_tiles(delivery, counts),
        segments=_segments(delivery, counts),
        folded_at=folded_at,
        folded_next=folded_next,
        plan=plan,
        mark=mark,
        per_second=per_second,
        left=_left(counts, per_second, going),
        pace=going,
    )


def resting(delivery: Delivery, at: datetime) -> tuple[str, str, str] | None:
    """What to say in place of the headline while something holds the send back; None where nothing does."""
    if delivery.status in groups.RELEASED and (held := list(diagnosis.halted(delivery))):
        return pgettext("one delivery", "Held"), " ".join(one.text for one in held), "yellow"
    rests = list(diagnosis.resting(delivery, at=at)) if delivery.status == Status.SENDING else []
    return (_t("Sending waits for the relay"), rests[0].text, "yellow") if rests else None


def between_moments(plan: Plan, delivery: Delivery) -> tuple[str, str, str] | None:
    """What to say in place of the headline while nothing leaves because the next moment is ahead, or is held."""
    if delivery.status != Status.SENDING:
        return None
    if plan.held is not None:
        line = _t("Bounces and errors passed the limit: somebody who may start it has to release the wave.")
        return _t("Wave %(number)s is held") % {"number": plan.held.number}, line, "yellow"
    if plan.next is None or any(row.state == "leaving" for row in plan.rows):
        return None
    at = date_format(plan.next.at.astimezone(delivery.zone), "j M Y, H:i")
    slots = {"moment": f"{at} {delivery.time_zone}", "n": plan.to_go}
    n = plan.to_go
    if plan.is_by_waves:
        line = ngettext(
            "Next wave at %(moment)s; %(n)s wave to go.", "Next wave at %(moment)s; %(n)s waves to go.", n
        )
    else:
        line = ngettext(
            "Next moment at %(moment)s; %(n)s moment to go.",
            "Next moment at %(moment)s; %(n)s moments to go.",
            n,
        )
    return _t("Sending, between two moments"), line % slots, "blue"


def _queueing(counts: Counts, going: Rate | None) -> tuple[str, str, str] | None:
    """What to say once only those are left who wait for their turn at a mailbox provider: nobody refused them."""
    if going is None or going.factor != "provider" or counts.prepared:
        return None
    return (
        _t("%(number)s queue for their mailbox provider") % {"number": counts.retrying},
        _t("All others are through; these leave as fast as the provider's limit allows."),
        "blue",
    )


def headline(delivery: Delivery, counts: Counts) -> tuple[str, str, str]:
    """Title, one explanatory line, and colour of the phase that a delivery is in."""
    status = Status(delivery.status)
    if status == Status.SENDING and not counts.prepared and counts.retrying:
        return (
            _t("Retrying %(number)s") % {"number": counts.retrying},
            _t("All others are through; these were refused for a while and are tried again."),
            "blue",
        )
    if status == Status.SENDING:
        return _t("Sending"), _t("The messages are leaving; the figures move by themselves."), "blue"
    if status == Status.PAUSED:
        return _t("Paused"), _t("Nothing more is handed over until somebody resumes the send."), "yellow"
    if status == Status.FINISHED and counts.in_doubt:
        return (
            _t("Finished, %(number)s unknown") % {"number": counts.in_doubt},
            _t("All messages were processed; of some nobody can know whether they arrived. They are held."),
            "yellow",
        )
    if status == Status.FINISHED:
        return _t("Finished sending"), _t("All messages were processed."), "green"
    if status == Status.STOPPED:
        never = _t("%(number)s messages will never be sent.") % {"number": counts.cancelled}
        return _t("Stopped"), never, "red"
    if status == Status.FAILED:
        return _t("Failed"), _t("The send could not go on. The log says why."), "red"
    return str(status.label), _t("Nothing has been sent yet."), "grey"


_WHERE = {
    "to_deliver": "",
    "sent": f"status={ATTEMPTED}",
    "delivered": "status=sent",
    "failed": "status=bounced",
    "opens": f"reaction={OPENED}",
    "clicks": f"reaction={CLICKED}",
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


def _speed(
    delivery: Delivery, counts: Counts, at: datetime, earlier: Mark | None
) -> tuple[Mark | None, float | None]:
    """The mark for the next look, and messages a second since the one before."""
    if delivery.status != Status.SENDING:
        return None, None
    if earlier is None or earlier.at > at or earlier.settled > counts.settled:
        return Mark(at, counts.settled), None
    seconds = (at - earlier.at).total_seconds()
    per_second = (counts.settled - earlier.settled) / seconds if seconds >= 1 else None
    return (Mark(at, counts.settled) if at - earlier.at > SPEED_OVER else earlier), per_second


def _left(counts: Counts, per_second: float | None, going: Rate | None) -> timedelta | None:
    """How long the rest takes: at the rate of the last minute or the one that is set, or else at this speed."""
    if going is not None and going.left is not None:
        return going.left
    if not per_second or not counts.prepared:
        return None
    left = timedelta(seconds=round(counts.prepared / per_second))
    if going is not None:
        left = max(left, going.at_least)
    return left if left < LONGEST_TOLD else None
