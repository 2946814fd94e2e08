"""What stands on a person's first page: what needs them, what goes out today, how the last ones did, what is unwell."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from django.db.models import F, Q, QuerySet
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from deliveries.lifecycle import groups, notices
from deliveries.models import Delivery, Notice
from deliveries.overview import state, todo
from deliveries.sending import fence
from deliveries.sending.fence import Fence
from home import leaving
from home.leaving import Span
from reporting.counting import statistics
from reporting.figures import kpis
from reporting.figures.kpis import Counts, Definition, Kpi

SHOWN = 5
LOOKED_AT = 200  # of the deliveries that may be unwell
LATELY = timedelta(days=7)  # so long a delivery that ended badly is pointed at
# The indicators of what has left, and whether they are shown per cent.
RESULTS = {"sent": False, "delivered": True, "opens": True, "clicks": True, "unsubscribes": False}
OF_TRACKING = frozenset({"opens", "clicks"})
TROUBLED = frozenset({"yellow", "red"})


@dataclass(frozen=True)
class Need:
    """Deliveries that wait for one kind of step of this person, and how many there are in all."""

    code: str
    title: str | Promise
    rows: list[Delivery]
    number: int
    icon: str
    action: str | Promise
    to: str  # the name of the page where it is done


@dataclass(frozen=True)
class Cell:
    """An indicator as the list shows it: per cent or as a number, or not at all because it was not tracked."""

    kpi: Kpi
    is_rate: bool
    is_known: bool


@dataclass(frozen=True)
class Result:
    """A delivery that has left, with its figures."""

    delivery: Delivery
    counts: Counts

    @property
    def cells(self) -> list[Cell]:
        """Its indicators, in the order of `RESULTS`."""
        is_known = {code: code not in OF_TRACKING or self.delivery.tracking for code in RESULTS}
        return [
            Cell(kpis.kpi(code, self.counts), is_rate, is_known[code]) for code, is_rate in RESULTS.items()
        ]

    def as_dict(self) -> dict[str, Any]:
        """For programs."""
        counts = self.counts
        return {
            "delivery": self.delivery.name, "label": self.delivery.label, "ended": self.delivery.ended_at,
            "sent": counts.sent, "delivered_rate": counts.delivered_rate, "open_rate": counts.open_rate,
            "click_rate": counts.click_rate, "unsubscribers": counts.unsubscribers,
        }  # fmt: skip


@dataclass(frozen=True)
class Standing:
    """A person's first page, as of one moment."""

    needs: list[Need]
    notices: list[Notice]
    today: Span
    lately: list[Result]
    unwell: list[Delivery]

    @property
    def definitions(self) -> list[Definition]:
        """What the columns of `lately` are."""
        return [kpis.BY_CODE[code] for code in RESULTS]

    def as_dict(self) -> dict[str, Any]:
        """For programs."""
        return {
            "needs": [
                {"what": need.code, "number": need.number, "deliveries": [one.name for one in need.rows]}
                for need in self.needs
            ],
            "notices": len(self.notices),
            "today": [row.as_dict() for row in self.today.rows],
            "lately": [result.as_dict() for result in self.lately],
            "unwell": [
                {"delivery": one.name, "label": one.label, "status": one.status, **state.as_dict(one),
                 "because": str(state.of(one).sentence)}
                for one in self.unwell
            ],
        }  # fmt: skip


def of(user: User, *, at: datetime) -> Standing:
    """All of it for this person, as of `at`, in a number of queries that does not grow with what there is."""
    since, until = day_of(at)
    problem = cache(fence.problem)
    return Standing(
        needs=needs(user),
        notices=list(notices.shown_to(user).filter(seen_at=None)[:SHOWN]),
        today=leaving.between(since, until, user=user, at=at),
        lately=lately(user),
        unwell=unwell(user, at=at, problem=problem),
    )


def day_of(at: datetime) -> tuple[datetime, datetime]:
    """Midnight before and after the moment, by the clocks of whoever reads."""
    local = timezone.localtime(at)
    midnight = local.replace(hour=0, minute=0, second=0, microsecond=0, fold=0)
    return midnight, timezone.make_aware((midnight + timedelta(days=1)).replace(tzinfo=None), midnight.tzinfo)


def needs(user: User) -> list[Need]:
    """The lists of *Waiting for me* that aren't empty, the oldest of each first."""
    waiting = todo.shown(user)
    look, open_it = _("Look and decide"), _("Open it")
    lists: Sequence[tuple[str, str | Promise, QuerySet[Delivery], str, str | Promise, str]] = (
        ("to_approve", _("To approve"), waiting.to_approve, "check", look, "deliveries:approval"),
        ("to_confirm", _("Waiting for confirmation"), waiting.to_confirm, "send", _("Look and confirm"),
         "deliveries:dashboard"),
        ("to_prepare_anew", _("To prepare anew"), waiting.to_prepare_anew, "pencil", open_it, "deliveries:dashboard"),
        ("rejected", _("Rejected: yours to change"), waiting.rejected, "pencil", open_it, "deliveries:dashboard"),
    )  # fmt: skip
    found = []
    for code, title, rows, icon, action, to in lists:
        shown = list(rows[: SHOWN + 1])
        if shown:
            number = len(shown) if len(shown) <= SHOWN else rows.count()
            found.append(Need(code, title, shown[:SHOWN], number, icon, action, to))
    return found


def lately(user: User) -> list[Result]:
    """The deliveries that this person sees and that left last, the latest first, each with its figures."""
    left = Delivery.objects.visible_to(user).filter(status__in=groups.BEGUN, started_at__isnull=False)
    rows = list(left.select_related("unit").order_by(F("started_at").desc(), "-pk")[:SHOWN])
    counted = statistics.counts_of(rows)
    return [Result(delivery, counted[delivery.pk]) for delivery in rows]


def unwell(
    user: User, *, at: datetime, problem: Callable[[], Fence | None] = fence.problem
) -> list[Delivery]:
    """What this person sees that is held, rests or went wrong lately, each with its state."""
    ended = Q(status__in=groups.CUT_SHORT | groups.COMPLETED, ended_at__gte=at - LATELY)
    failed = Q(status__in=groups.COULD_NOT_BE_PREPARED, changed_at__gte=at - LATELY)
    rows = Delivery.objects.visible_to(user).filter(Q(status__in=groups.RELEASED) | ended | failed)
    heavy = ("preparation__compiled", "preparation__manifest")
    found = list(
        rows.select_related("unit", "preparation").defer(*heavy).order_by("-changed_at", "-pk")[:LOOKED_AT]
    )
    state.annotate(found, at=at, problem=problem)
    return [one for one in found if state.of(one).tone in TROUBLED]
