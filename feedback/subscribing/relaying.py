"""A mail that asks to confirm leaves as its unit's own mail does: from its sender, by the sender's route, signed."""

import asyncio
from email.charset import QP, Charset

from django.core.mail import EmailMessage

from accounts.models import OrganizationalUnit
from campaign.lib import clock
from deliveries.channels import choice
from deliveries.channels.base import Capabilities, Envelope, Outcome, Relay, Result
from deliveries.channels.dkim import UnusableKey
from deliveries.models import Channel, Route, Sender
from deliveries.routing import routes, senders, signing
from deliveries.sending import throttle

ASCII = Charset("utf-8")  # so that any relay takes it, and a signature holds
ASCII.body_encoding = QP


class NotTaken(OSError):
    """The relay took it not, or could not be asked."""


def sender_of(unit: OrganizationalUnit) -> Sender | None:
    """The address that the unit's mail comes from, the nearest on its lists; None where it has none."""
    return next(iter(senders.offered(unit)), None)


def send(message: EmailMessage, *, sender: Sender) -> None:
    """The relay has taken the message, or may have; raise NotTaken, so that it is tried again later."""
    route = sender.route or routes.default_route()
    if route.closed_until is not None and route.closed_until > clock.now():
        raise NotTaken("the route rests after refusals")
    message.encoding = ASCII
    try:
        sign = signing.signer_of(route)
    except UnusableKey as error:
        raise NotTaken(str(error)) from error
    octets = message.message().as_bytes().replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")

    def fill(_capabilities: Capabilities) -> bytes:
        return octets if sign is None else sign(octets)

    _count(route)
    outcome = asyncio.run(_exchange(routes.relay_of(route), Envelope(1, sender.address, message.to[0], fill)))
    if outcome.result not in (Result.SENT, Result.IN_DOUBT):
        raise NotTaken(f"{outcome.code or ''} {outcome.stage}".strip())


def _count(route: Route) -> None:
    """It leaves at once, as a person waits; its token is taken from deliveries that share the route's limit."""
    if route.limit_per_hour:
        throttle.debit({throttle.bucket_of_route(route): 1})


async def _exchange(relay: Relay, envelope: Envelope) -> Outcome:
    async with choice.pool(Channel.EMAIL, relay, connections=1) as pool:
        pool.feed([envelope])
        return (await pool.outcomes(at_least=1))[0]
