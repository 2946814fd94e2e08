"""What administrators set for all deliveries: routes and their limits; and a check whether a route works."""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from accounts import access, audit
from accounts.models import User
from accounts.rights import Right
from accounts.roles import root
from campaign.lib.refusals import Refusal, require_fit
from deliveries.channels import choice, dkim
from deliveries.channels.base import Capabilities, Relay
from deliveries.ledger import ending
from deliveries.lifecycle import groups
from deliveries.models import Channel, Delivery, ProviderLimit, Route
from deliveries.models.route import LARGEST_LIMIT
from deliveries.routing import limits, routes, signing
from deliveries.sending import throttle

CHECK_SECONDS = 20.0


class SigningIncomplete(Refusal):
    message = _("To sign, a selector and one place of the private key are needed: a variable or a file.")
    code = "signing_incomplete"


class DomainTaken(Refusal):
    message = _(
        "%(field)s: “%(domain)s” belongs to “%(provider)s” already; a domain has one limit by a route."
    )
    code = "domain_taken"


class ProviderNameTaken(Refusal):
    message = _("%(field)s: give a name that no other limit of “%(route)s” has.")
    code = "name_taken"


@transaction.atomic
def save_route(*, route: Route, by: User, **fields: Any) -> Route:
    """Save the route and close its breaker; if it became the default, no other route is.

    Raise UnfitValue for what its columns do not take, and what `limits.checked` and the check of signing raise.
    """
    access.require(by, Right.ADMINISTER, root())
    if "limit_per_hour" in fields:
        fields["limit_per_hour"] = limits.checked(fields["limit_per_hour"])
    if fields.get("is_default"):
        Route.objects.exclude(pk=route.pk).filter(is_default=True).update(is_default=False)
    before = {name: getattr(route, name) for name in fields if getattr(route, name) != fields[name]}
    for name, value in fields.items():
        setattr(route, name, value)
    require_fit(route, *fields)
    _check_signing(route)
    route.closed_until, route.closed_because, route.refusals_in_a_row = None, "", 0
    route.save()
    after = {name: getattr(route, name) for name in before}
    audit.record("save_route", by=by, target=route, before=before, after=after)
    return route


@transaction.atomic
def save_provider_limit(
    *, limit: ProviderLimit, by: User, name: str, domains: Iterable[str], limit_per_hour: object
) -> ProviderLimit:
    """Limit what leaves in an hour by the limit's route to these domains together, from the next window on.

    Raise access.NotAllowed; LimitOutOfRange for what is no limit; ProviderNameTaken where the name is empty or the
    route has it already; DomainTaken where another limit of the route has one of the domains; and what
    `limits.checked_domains` raises.
    """
    access.require(by, Right.ADMINISTER, root())
    route = Route.objects.select_for_update().get(pk=limit.route_id)
    before = {"name": limit.name, "domains": limit.domains, "limit_per_hour": limit.limit_per_hour}
    known, limit.domains = list(limit.domains or []), limits.checked_domains(domains)
    per_hour = limits.checked(limit_per_hour)
    if per_hour is None:  # for no limit, remove it instead
        raise limits.LimitOutOfRange(field=limits.MESSAGES, largest=f"{LARGEST_LIMIT:,}")
    limit.name, limit.limit_per_hour = name.strip()[:64], per_hour
    others = route.provider_limits.exclude(pk=limit.pk)
    if not limit.name or others.filter(name=limit.name).exists():
        raise ProviderNameTaken(field=_("Mailbox provider"), route=route)
    for other in others.filter(domains__overlap=limit.domains):
        taken = sorted(set(other.domains) & set(limit.domains))[0]
        raise DomainTaken(field=limits.DOMAINS, domain=taken, provider=other)
    limit.save()
    audit.record("save_provider_limit", by=by, target=limit, route=route.label, before=before)
    _let_go(route, limit, {*known, *limit.domains})
    return limit


@transaction.atomic
def remove_provider_limit(*, limit: ProviderLimit, by: User) -> None:
    """Remove the limit; nothing but the route's own limit holds for its domains from then on."""
    access.require(by, Right.ADMINISTER, root())
    Route.objects.select_for_update().get(pk=limit.route_id)
    audit.record("remove_provider_limit", by=by, target=limit, route=limit.route.label, domains=limit.domains)
    _let_go(limit.route, limit, set(limit.domains))
    limit.delete()


def _let_go(route: Route, limit: ProviderLimit, domains: set[str]) -> None:
    """Make those due at once that queued at the old rate; they queue anew at the new one if need be."""
    bucket = throttle.bucket_of_provider(limit)
    transaction.on_commit(lambda: throttle.forget(bucket))
    moving = Delivery.objects.filter(routes.leaves_by(route), status__in=groups.UNDER_WAY)
    for pk in moving.order_by("pk").values_list("pk", flat=True):
        ending.end_queue(pk, sorted(domains))


def _check_signing(route: Route) -> None:
    """Check the settings of the signature, not the key: this process need not be able to read it."""
    if not route.dkim_domain:
        return
    if not route.dkim_selector or bool(route.dkim_key_variable) == bool(route.dkim_key_file):
        raise SigningIncomplete
    dkim.signing_domain(route.dkim_domain)
    dkim.check_selector(route.dkim_selector)


@dataclass(frozen=True)
class RouteCheck:
    """What a check of a route found; without a problem, the route works."""

    relay: str
    tls: str
    signs_in: bool
    signed_as: str
    offers: Capabilities | None
    problems: list[str]


def check_route(*, route: Route, by: User) -> RouteCheck:
    """Connect, encrypt and sign in as a send would, and try the signature; no message leaves."""
    access.require(by, Right.ADMINISTER, root())
    relay = routes.relay_of(route)
    problems = []
    try:
        signing.signer_of(route)
    except dkim.UnusableKey as problem:
        problems.append(str(problem).rstrip("."))
    offers, refusal = asyncio.run(_reach(replace(relay, timeout_s=CHECK_SECONDS, max_connections=1)))
    if offers is None:
        problems.append(refusal or str(_("the relay does not answer")))
    return RouteCheck(
        relay=f"{relay.host}:{relay.port}",
        tls=relay.tls,
        signs_in=bool(relay.username),
        signed_as=route.dkim_domain,
        offers=offers,
        problems=problems,
    )


async def _reach(relay: Relay) -> tuple[Capabilities | None, str]:
    async with choice.pool(Channel.EMAIL, relay, connections=1, attempts=1) as pool:
        if await pool.connected(timeout=relay.timeout_s):
            return pool.capabilities, ""
        return None, pool.broken.text if pool.broken else ""
