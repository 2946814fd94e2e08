"""What keeps a delivery from moving from outside: stops of all sending, a copied database, missing workers, a relay."""

from collections.abc import Iterator
from datetime import datetime

from django.utils.translation import gettext_lazy as _

from campaign.lib import jobs
from campaign.lib.jobs import Queue
from deliveries.lifecycle import groups
from deliveries.models import Delivery, Halt, Route
from deliveries.overview.diagnosis.causes import Diagnosis, fault, moment_of
from deliveries.routing import routes
from deliveries.sending import fence, gate


def resting(delivery: Delivery, *, at: datetime) -> Iterator[Diagnosis]:
    """Report that the delivery's route rests: its relay turned us away, or nothing could be signed."""
    route = routes.known_route_of(delivery)
    if route is not None and route.closed_until is not None and route.closed_until > at:
        yield rest_of(route, delivery)


def rest_of(route: Route, delivery: Delivery) -> Diagnosis:
    """Why nothing leaves by the route, which rests."""
    assert route.closed_until is not None
    moment = moment_of(route.closed_until, delivery)
    if route.closed_because.startswith(routes.UNSIGNED):
        return fault(
            "unsigned",
            _(
                "Every message of “%(route)s” must be signed, and can't be: %(because)s. It is tried again at "
                "%(moment)s; nothing leaves unsigned."
            ),
            route=route.label,
            because=route.closed_because,
            moment=moment,
        )
    return fault(
        "relay_rests",
        _(
            "The relay of “%(route)s” turned us away: %(because)s. It is asked again at %(moment)s; "
            "no recipient is harmed by it."
        ),
        route=route.label,
        because=route.closed_because or "–",
        moment=moment,
    )


def halted(delivery: Delivery) -> Iterator[Diagnosis]:
    """Report each stop of all sending that holds the delivery back."""
    for halt in Halt.objects.covering(delivery.unit).select_related("by", "unit"):
        yield halted_by(halt, delivery)


def halted_by(halt: Halt, delivery: Delivery) -> Diagnosis:
    """Who stopped it together with all others of a unit, why, and how it goes on."""
    return fault(
        "halted",
        _(
            "%(by)s stopped all sending of “%(unit)s” at %(moment)s: %(reason)s. “Allow sending again” "
            "(allow_sending) lets it go on from the exact message where it stopped."
        ),
        by=halt.by,
        unit=halt.unit,
        moment=moment_of(halt.at, delivery),
        reason=halt.reason.rstrip("."),
    )


def closed(delivery: Delivery) -> list[Diagnosis]:
    """Return why nobody can confirm, resume or prove it now, and what to do about it.

    The verbs refuse for the same reasons.
    """
    return [*_no_release(delivery), *fenced()]


def _no_release(delivery: Delivery) -> Iterator[Diagnosis]:
    try:
        gate.require_no_halt(delivery)
    except gate.SendingHalted as refusal:
        yield fault("halted", str(refusal))


def fenced() -> Iterator[Diagnosis]:
    """The fence, where this database is a copy or was set back. One query."""
    found = fence.problem()
    if found is not None:
        yield fenced_by(found)


def fenced_by(found: fence.Fence) -> Diagnosis:
    """Why nothing leaves from this database, and which command says what to do."""
    return fault(
        "fenced",
        _("Nothing is sent from here: %(why)s “manage.py adopt_instance” says what to do."),
        why=str(found),
    )


def without_workers(delivery: Delivery) -> list[Diagnosis]:
    """Report the queues that this delivery needs next and that no worker listens to."""
    if delivery.status in groups.FINAL:
        return []
    if delivery.status in groups.UNCONFIRMED:
        return list(unheard(Queue.PREPARATION))
    return list(unheard(Queue.SEND, Queue.TICK))


def unheard(*queues: Queue) -> Iterator[Diagnosis]:
    """Yield a fault for each of these queues that no worker listens to."""
    for queue, sentence in jobs.unheard(*queues):
        yield fault(f"no_worker_{queue}", sentence)
