"""The facts that the state of a delivery depends on, read for a whole page of them in a flat number of queries."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

from django.db.models import Count, Exists, Min, OuterRef, Q, Subquery
from django.db.models.functions import Coalesce

from campaign.lib import clock
from deliveries.ledger.tallies import Progress, progress_of
from deliveries.lifecycle import groups
from deliveries.models import (
    Chunk,
    Delivery,
    Halt,
    Moment,
    ProviderLimit,
    Route,
    Status,
    Try,
)
from deliveries.sending import fence, gate
from deliveries.sending.fence import Fence


@dataclass(frozen=True)
class Ahead:
    """The next moment of a send that rests until then, and how many of its moments have not begun."""

    at: datetime
    to_go: int


class Look:
    """The moment as of which facts are read: the one that was given, else the database's, asked when first needed."""

    def __init__(self, at: datetime | None) -> None:
        self._given = at

    @cached_property
    def at(self) -> datetime:
        return self._given or clock.now()


@dataclass(frozen=True, eq=False)
class Facts:
    """All that the state of one delivery depends on."""

    delivery: Delivery
    look: Look
    progress: Progress | None = None  # None until it has begun
    fence: Fence | None = None  # this database is a copy, or was set back
    halts: tuple[Halt, ...] = ()  # the one nearest to its unit last
    resting: Route | None = None  # its relay turned us away, or nothing could be signed
    held_wave: Moment | None = None
    ahead: Ahead | None = None
    is_queueing: bool = False  # all others are through, and these wait for their turn at a mailbox provider

    @property
    def at(self) -> datetime:
        return self.look.at

    @cached_property
    def leaves_at(self) -> datetime | None:
        """When a confirmed delivery may leave; None: at once. May cost a query."""
        return gate.due_at(self.delivery) if self.delivery.status == Status.SCHEDULED else None


def gather(
    deliveries: Sequence[Delivery],
    *,
    at: datetime | None,
    problem: Callable[[], Fence | None] = fence.problem,
) -> list[Facts]:
    """Return the facts of each delivery in the order given, as of `at` or else of now.

    `unit` should have been read along with each.
    """
    look = Look(at)
    progress = progress_of(deliveries)
    released = [one for one in deliveries if one.status in groups.RELEASED]
    halts = _halts_of(released)
    fenced = problem() if released else None
    sending = [one for one in released if one.status == Status.SENDING and not (fenced or halts[one.pk])]
    resting = _resting(sending, look)
    waves, ahead = _moments_of([one for one in sending if one.has_moments], look)
    queueing = _queueing([one for one in sending if _is_only_retrying(progress.get(one.pk))])
    return [
        Facts(
            delivery=one,
            look=look,
            progress=progress.get(one.pk),
            fence=fenced if one.status in groups.RELEASED else None,
            halts=halts.get(one.pk, ()),
            resting=resting.get(one.pk),
            held_wave=waves.get(one.pk),
            ahead=ahead.get(one.pk),
            is_queueing=one.pk in queueing,
        )
        for one in deliveries
    ]


def _halts_of(released: Sequence[Delivery]) -> dict[int, tuple[Halt, ...]]:
    """By delivery, the stops of all sending that hold it."""
    if not released:
        return {}
    in_force = {halt.unit_id: halt for halt in Halt.objects.in_force().select_related("unit", "by")}
    return {one.pk: tuple(in_force[pk] for pk in one.unit.lineage if pk in in_force) for one in released}


def _resting(sending: Sequence[Delivery], look: Look) -> dict[int, Route]:
    """Return, by delivery, its route where that takes nothing for a while."""
    if not sending:
        return {}
    once_closed = Route.objects.filter(closed_until__isnull=False)
    closed = {route.pk: route for route in once_closed if route.closed_until and route.closed_until > look.at}
    default = next((route for route in closed.values() if route.is_default), None)
    found = {one.pk: closed.get(one.route_id) if one.route_id else default for one in sending}
    return {pk: route for pk, route in found.items() if route is not None}


def _moments_of(sending: Sequence[Delivery], look: Look) -> tuple[dict[int, Moment], dict[int, Ahead]]:
    """Return, by delivery, the wave that waits for a person; and the next moment where nothing leaves before it."""
    if not sending:
        return {}, {}
    ids = [one.pk for one in sending]
    held = Moment.objects.filter(delivery__in=ids, held_at__isnull=False, released_at=None)
    may_leave = Q(not_before=None) | Q(not_before__lte=look.at)
    busy = set(
        Chunk.objects.filter(may_leave, delivery__in=ids, done=False)
        .values_list("delivery_id", flat=True)
        .distinct()
    )
    coming = (
        Moment.objects.filter(delivery__in=[pk for pk in ids if pk not in busy], opened_at=None)
        .values("delivery_id")
        .annotate(
            next=Min("not_before", filter=Q(not_before__gt=look.at)), to_go=Count("not_before", distinct=True)
        )
        .exclude(next=None)
    )
    return (
        {wave.delivery_id: wave for wave in held.order_by("-number")},
        {row["delivery_id"]: Ahead(row["next"], row["to_go"]) for row in coming},
    )


def _is_only_retrying(progress: Progress | None) -> bool:
    return progress is not None and bool(progress.retrying) and not progress.fresh


def _queueing(retrying: Sequence[Delivery]) -> set[int]:
    """Return the deliveries with recipients who were put off without a try, because a mailbox provider has a limit."""
    if not retrying:
        return set()
    default = Route.objects.filter(is_default=True).values("pk")[:1]
    limited = ProviderLimit.objects.filter(route=Coalesce(OuterRef("route"), Subquery(default)))
    unasked = Try.objects.filter(delivery=OuterRef("pk"), tries=0)
    rows = Delivery.objects.filter(Exists(limited), Exists(unasked), pk__in=[one.pk for one in retrying])
    return set(rows.values_list("pk", flat=True))
