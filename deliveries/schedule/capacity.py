"""Whether all that is prepared can leave within its validity period, at the limits that are set.

A preparation stores what it found. Limits are no part of the seal and may change after it, so whoever decides sees
the result with the present limits. Other deliveries that share a limit are not considered: it may take longer.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from math import ceil

from django.utils.translation import gettext_noop as n_

from deliveries.content.findings import Finding
from deliveries.lifecycle import groups
from deliveries.models import Delivery, Preparation, ProviderLimit
from deliveries.routing import routes
from deliveries.schedule import mended, planning
from deliveries.schedule.planning import Segment

CODE = "limit_outlasts_validity"
HOUR = timedelta(hours=1)
TEXTS = {
    "delivery": n_(
        "At its own limit of %(limit)s an hour the %(messages)s messages take about %(takes)s h, and the validity "
        "period is %(valid)s h: about %(over)s would fail unsent. Raise the limit or take it away, or prepare it "
        "again with a longer validity period."
    ),
    "route": n_(
        "At the route's limit of %(limit)s an hour the %(messages)s messages take about %(takes)s h, even if nothing "
        "else leaves by it, and the validity period is %(valid)s h: about %(over)s would fail unsent. Have the "
        "route's limit raised, or prepare it again with a longer validity period."
    ),
    "provider": n_(
        "At the limit of %(provider)s, %(limit)s an hour, the %(messages)s messages that go there take about "
        "%(takes)s h, even if nothing else does, and the validity period is %(valid)s h: about %(over)s would fail "
        "unsent. Have this limit raised, or prepare it again with a longer validity period."
    ),
}

Gate = tuple[datetime, float]  # from when on, and how many


def limited_domains(delivery: Delivery) -> list[str]:
    """Return the domains of all mailbox providers that the delivery's route limits."""
    return [domain for provider in _providers(delivery) for domain in provider.domains]


def of_plan(
    delivery: Delivery, runs: Sequence[Segment], domains: Mapping[str, int], at: datetime
) -> list[Finding]:
    """Return a warning for each limit that takes longer than the validity period, for what is being prepared."""
    return list(_warnings(delivery, [(_gate_of(run, at), run.people) for run in runs], domains))


def current(delivery: Delivery, *, at: datetime) -> list[Finding]:
    """Return what the latest preparation found: without what was mended since, and with the limits as they are now."""
    preparation = delivery.preparation
    if preparation is None:
        return []
    found = [Finding.from_dict(stored) for stored in preparation.findings]
    if delivery.status in groups.UNPREPARED:
        return [one for one in found if not mended.is_mended(one, delivery, preparation, at=at)]
    if delivery.status not in groups.FORESEEN or not preparation.seal:
        return found
    others = [finding for finding in found if finding.code != CODE]
    return [*others, *_warnings(delivery, _gates(delivery, preparation, at), None)]


def left_over(gates: Sequence[Gate], *, per_hour: float, valid: timedelta) -> int:
    """Return how many are not sent when their validity period ends, at so many an hour, in the order they are due."""
    over, free = 0.0, None
    for opens, number in sorted(gates):
        begins = max(opens, free or opens)
        leaving = min(number, max(0.0, (opens + valid - begins) / HOUR * per_hour))
        over += number - leaving
        free = begins + leaving / per_hour * HOUR
    return ceil(round(over, 3))


def _warnings(
    delivery: Delivery, gates: Sequence[Gate], domains: Mapping[str, int] | None
) -> Iterator[Finding]:
    """Return a warning by each limit alone: whoever raises one must know what the next one allows."""
    route = routes.known_route_of(delivery)
    if delivery.limit_per_hour:
        yield from _warning(delivery, "delivery", delivery.limit_per_hour, gates)
    if route is None:
        return
    if route.limit_per_hour:
        yield from _warning(delivery, "route", route.limit_per_hour, gates)
    providers = list(route.provider_limits.all())
    if providers:
        yield from _of_providers(
            delivery, providers, gates, _counted_domains(delivery) if domains is None else domains
        )


def _of_providers(
    delivery: Delivery, providers: Sequence[ProviderLimit], gates: Sequence[Gate], domains: Mapping[str, int]
) -> Iterator[Finding]:
    """Return the warnings for providers. A hash mixes recipients, so each moment is counted with its share of them."""
    people = sum(number for _opens, number in gates)
    for provider in providers:
        part = sum(domains.get(domain, 0) for domain in provider.domains) / max(1, people)
        there = [(opens, number * part) for opens, number in gates]
        yield from _warning(delivery, "provider", provider.limit_per_hour, there, provider=provider.name)


def _warning(
    delivery: Delivery, kind: str, per_hour: int, gates: Sequence[Gate], **slots: str
) -> Iterator[Finding]:
    over = left_over(gates, per_hour=per_hour, valid=timedelta(hours=delivery.validity_hours))
    if over:
        messages = round(sum(number for _opens, number in gates))
        figures = {
            "limit": per_hour, "messages": messages, "takes": ceil(messages / per_hour),
            "valid": delivery.validity_hours, "over": over,
        }  # fmt: skip
        yield Finding("warning", CODE, TEXTS[kind], "", None, figures | slots)


def _providers(delivery: Delivery) -> list[ProviderLimit]:
    route = routes.known_route_of(delivery)
    return list(route.provider_limits.all()) if route is not None else []


def _counted_domains(delivery: Delivery) -> dict[str, int]:
    """Return the domains as the preparation counted them, in a query of their own, as a manifest is large."""
    latest = Preparation.objects.filter(pk=delivery.latest_preparation().pk)
    return latest.values_list("manifest__domains", flat=True).get() or {}


def _gate_of(run: Segment, at: datetime) -> datetime:
    """Return when the segment may leave; waves without a date begin with OK, for which now stands."""
    after = timedelta(seconds=((run.number or 1) - 1) * (run.gap_seconds or 0))
    return max(run.not_before or at + after, at)


def _gates(delivery: Delivery, preparation: Preparation, at: datetime) -> list[Gate]:
    """Return the plan as a confirmation now would fix it."""
    if not delivery.has_moments:
        return [(max(delivery.contact_date or at, at), preparation.to_deliver)]
    try:
        rows = planning.settled(delivery, at=at)
    except planning.HourPassed:  # the plan shows that already
        rows = list(delivery.moments.all())
    return [(max(row.not_before or at, at), row.people) for row in rows]
