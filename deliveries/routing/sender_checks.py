"""What is said of a sender before anything leaves, by whoever asks: a preparation, a page, `doctor`."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.utils.translation import gettext as _t
from django.utils.translation import gettext_noop as n_

from accounts import access, audit
from accounts.models import User
from accounts.rights import Right
from campaign.lib import mail_domains
from deliveries.content.findings import Finding
from deliveries.models import Delivery, Route, Sender
from deliveries.routing import authentication, dns_answers, routes, senders, signing
from deliveries.routing.authentication import Answers, Way

RESERVED = n_("Set aside for examples and private networks: DNS is not asked.")


def findings(delivery: Delivery, *, sender: str) -> list[Finding]:
    """What keeps receivers from believing mail of this sender by the delivery's route.

    DNS is not asked: its stored answers are read. Without a sender only the signature is looked at.
    """
    route = _route_of(delivery)
    return [
        *signing.findings(route, sender=sender),
        *_of_list(delivery, route, sender),
        *_of_way(authentication.way_of(sender, route)),
    ]


def have_asked(delivery: Delivery, *, sender: str) -> None:
    """What DNS must say of this sender is asked in the background, after the commit."""
    dns_answers.want(authentication.way_of(sender, _route_of(delivery)).names)


def _route_of(delivery: Delivery) -> Route:
    return routes.known_route_of(delivery) or routes.default_route()


def _of_list(delivery: Delivery, route: Route, sender: str) -> list[Finding]:
    """Where nothing is signed, the unit's list alone says who may send."""
    domain = signing.domain_of(sender)
    if not domain or route.dkim_domain or mail_domains.is_public_provider(domain):
        return []
    if senders.is_listed(delivery.unit, sender):
        return []
    text = n_(
        "%(sender)s is not on the unit's list of senders, and the route signs nothing: nobody has said that it may "
        "send. An administrator can enter it."
    )
    return [Finding("warning", "sender_not_listed", text, "from_address", None, {"sender": sender})]


def _of_way(way: Way, answers: Answers | None = None) -> list[Finding]:
    if not way.domain:
        return []
    if mail_domains.is_public_provider(way.domain) and not way.is_signed_for:
        text = n_(
            "%(domain)s is a public mail provider, where anybody has an address: it signs nothing that others send, "
            "and receivers refuse it. Use a sender of your own domain."
        )
        return [Finding("error", "public_provider", text, "from_address", None, {"domain": way.domain})]
    if way.key_name and not way.is_signed_for:  # an error of its own: nothing else counts until it is mended
        return []
    return [*authentication.of_return_path(way), *authentication.of_dns(way, answers)]


# -- for whoever keeps the list ---------------------------------------------------------------------------


@dataclass(frozen=True)
class Standing:
    """A sender, and how receivers will take its mail by the default route."""

    sender: Sender
    findings: Sequence[Finding]
    asked_at: datetime | None  # when DNS was last heard; None: not yet, or there is nothing to ask
    is_asked: bool  # whether DNS can say anything of it

    @property
    def is_unknown(self) -> bool:
        """Whether DNS still owes an answer."""
        return self.is_asked and self.asked_at is None

    @property
    def words(self) -> str:
        """How it stands, in one line."""
        if self.findings:
            return " ".join(finding.message for finding in self.findings)
        if self.is_unknown:
            return _t("DNS has not answered yet.")
        return _t("As it should be.") if self.is_asked else _t(RESERVED)


def standings(rows: Sequence[Sender]) -> list[Standing]:
    """How each sender stands; two queries for however many."""
    route = _default_route()
    ways = [Way(sender.domain, route) for sender in rows]
    answers = dns_answers.known(name for way in ways for name in way.names)
    return [_standing(sender, way, answers) for sender, way in zip(rows, ways, strict=True)]


def _standing(sender: Sender, way: Way, answers: Answers) -> Standing:
    heard = [answers[name].answered_at for name in way.names if name in answers]
    complete = len(heard) == len(way.names)
    oldest = min((at for at in heard if at is not None), default=None)
    found = [*signing.alignment(way.route, sender=f"somebody@{sender.domain}"), *_of_way(way, answers)]
    return Standing(sender, found, oldest if complete else None, bool(way.names))


def ask_again(*, sender: Sender, by: User) -> None:
    """What DNS says of the sender is asked anew, in the background. Raises NotAllowed as `senders.save` does."""
    access.require(by, Right.ADMINISTER, sender.unit)
    audit.record("ask_dns", by=by, target=sender, unit=sender.unit.label)
    dns_answers.ask_again(Way(sender.domain, _default_route()).names)


def _default_route() -> Route:
    return Route.objects.filter(is_default=True).first() or Route()
