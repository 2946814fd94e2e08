"""What administrators set for all deliveries: the routes; and a look at whether one works."""

import asyncio
from dataclasses import dataclass, replace
from typing import Any

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from accounts import access, audit
from accounts.models import User
from accounts.rights import Right
from accounts.roles import root
from campaign.lib.refusals import Refusal
from deliveries import routes, signing
from deliveries.channels import dkim
from deliveries.channels.base import Capabilities, Relay
from deliveries.channels.smtp import Pool
from deliveries.models import Route

CHECK_SECONDS = 20.0


class SigningIncomplete(Refusal):
    message = _("To sign, a selector and one place of the private key are needed: a variable or a file.")
    code = "signing_incomplete"


@transaction.atomic
def save_route(*, route: Route, by: User, **fields: Any) -> Route:
    """The route is as given; where it became the default, no other one is. Its breaker is closed again."""
    access.require(by, Right.ADMINISTER, root())
    if fields.get("is_default"):
        Route.objects.exclude(pk=route.pk).filter(is_default=True).update(is_default=False)
    before = {name: getattr(route, name) for name in fields if getattr(route, name) != fields[name]}
    for name, value in fields.items():
        setattr(route, name, value)
    _check_signing(route)
    route.closed_until, route.closed_because, route.refusals_in_a_row = None, "", 0
    route.save()
    audit.record("save_route", by=by, target=route, before=before)
    return route


def _check_signing(route: Route) -> None:
    """That there is a key is another matter: this process need not be able to read it."""
    if not route.dkim_domain:
        return
    if not route.dkim_selector or bool(route.dkim_key_variable) == bool(route.dkim_key_file):
        raise SigningIncomplete
    dkim.signing_domain(route.dkim_domain)
    dkim.check_selector(route.dkim_selector)


@dataclass(frozen=True)
class RouteCheck:
    """What a look at a route found; it works where there is no problem."""

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
    async with Pool(relay, connections=1, attempts=1) as pool:
        if await pool.connected(timeout=relay.timeout_s):
            return pool.capabilities, ""
        return None, pool.broken.text if pool.broken else ""
