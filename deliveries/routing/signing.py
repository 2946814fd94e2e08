"""What signs the messages of a route. A route that says “sign” sends nothing while that is not possible.

The private key is read from the environment or from a file by each process that needs it: workers that
send, prepare and send proofs must be able to; the web process needs it to show the DNS record.
"""

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from django.utils.translation import gettext_lazy as _
from django.utils.translation import gettext_noop as n_

from campaign.lib import mail_domains
from deliveries.channels.dkim import Record, Signer, UnusableKey, read_key
from deliveries.channels.paths import domain_key
from deliveries.content.findings import Finding
from deliveries.lifecycle import seal
from deliveries.models import Route
from deliveries.routing import dns_answers

LARGEST_KEY_FILE = 65_536


def signer_of(route: Route) -> Signer | None:
    """Return what signs for the route; None where it signs nothing. Raise UnusableKey where it should and can't."""
    if not route.dkim_domain:
        return None
    key = read_key(_pem(route))
    return Signer(domain=route.dkim_domain, selector=route.dkim_selector, key=key)


def sealed_signer(route: Route, manifest: dict[str, Any]) -> Signer | None:
    """Return what signs as it was sealed, whatever the route says by now; None where nothing is signed.

    A new selector of the same domain takes the old one's place where its key is gone: readers see the domain.

    Raise UnusableKey where the key can't be read and the route signs for another domain.
    """
    held = seal.identity_of(manifest)
    if held is None or (held["signed_as"], held["selector"]) == (route.dkim_domain, route.dkim_selector):
        return signer_of(route)
    sealed = Route(
        label=route.label,
        dkim_domain=held["signed_as"],
        dkim_selector=held["selector"],
        dkim_key_variable=held["key_variable"],
        dkim_key_file=held["key_file"],
    )
    try:
        return signer_of(sealed)
    except UnusableKey:
        if route.dkim_domain != sealed.dkim_domain:
            raise
        return signer_of(route)


def record_of(route: Route) -> Record | None:
    """The public key for the domain's DNS; None where the route signs nothing."""
    signer = signer_of(route)
    return signer.record if signer else None


def signs_for(route: Route, sender: str) -> bool:
    """Whether the route's signature counts as the sender's own: its domain belongs to the same organization."""
    return mail_domains.are_aligned(domain_of(sender), domain_key(route.dkim_domain))


def domain_of(sender: str) -> str:
    """The domain of an address, in ASCII and lower case; empty where there is none."""
    return domain_key(sender.strip().rpartition("@")[2]) if "@" in sender else ""


def findings(route: Route, *, sender: str) -> list[Finding]:
    """Return what a preparation reports about the route's signature on mail of this sender."""
    try:
        signer = signer_of(route)
        if signer is None:
            return []
        signer(b"From: x\r\n\r\n")
    except UnusableKey as problem:
        text = n_("The route “%(route)s” must sign every message, and can't: %(problem)s.")
        slots = {"route": route.label, "problem": str(problem.slots["problem"])}
        return [Finding("error", "dkim_key", text, "route", None, slots)]
    found = alignment(route, sender=sender)
    if signer.is_short:
        text = n_("The key that signs as %(domain)s has less than 2048 bits: receivers may not believe it.")
        found.append(Finding("warning", "dkim_short", text, "route", None, {"domain": signer.domain}))
    return found


def alignment(route: Route, *, sender: str) -> list[Finding]:
    """An error where the route signs for another organization than the sender's; the key is not looked at."""
    if not route.dkim_domain or signs_for(route, sender):
        return []
    text = n_(
        "The route signs as %(domain)s, and the sender is %(sender)s: receivers won't count it as the sender's "
        "own. Choose a sender of %(domain)s, or a route that signs for the sender's domain."
    )
    slots = {"domain": domain_key(route.dkim_domain), "sender": sender}
    return [Finding("error", "dkim_domain", text, "route", None, slots)]


def _pem(route: Route) -> bytes:
    if route.dkim_key_variable:
        text = os.environ.get(route.dkim_key_variable, "")
        if not text.strip():
            raise UnusableKey(
                problem=_("the environment variable %(name)s is empty") % {"name": route.dkim_key_variable}
            )
        return text.replace("\\n", "\n").encode()  # an environment file may have it all on one line
    try:
        with Path(route.dkim_key_file).open("rb") as file:
            return file.read(LARGEST_KEY_FILE)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or type(error).__name__
        raise UnusableKey(
            problem=_("the file %(path)s can't be read (%(reason)s)")
            % {"path": route.dkim_key_file, "reason": reason}
        ) from error


def published(record: Record) -> str:
    """Ask DNS for the record. Return nothing where receivers will find this key there, else what is wrong, in words."""
    try:
        said = dns_answers.look(record.name)
    except dns_answers.NoAnswer as error:
        return str(_("DNS does not answer: %(error)s") % {"error": error})
    if said.outcome != dns_answers.Outcome.FOUND:
        return str(_("DNS holds no TXT record of this name"))
    return "" if holds(record, said.texts) else str(_("DNS holds another key under this name"))


def holds(record: Record, texts: Iterable[str]) -> bool:
    """Whether one of the TXT records has the public key."""
    wanted = _public_key(record.value)
    return any(_public_key(text) == wanted for text in texts)


def _public_key(value: str) -> str:
    tags = dict(pair.partition("=")[::2] for pair in "".join(value.split()).split(";"))
    return tags.get("p", "")
