"""From an empty database to the first delivery: the steps of the first administrator, and what each still misses.

It asks what `doctor` asks, as far as that can be answered at once; docs/production.md has the same steps with their
commands.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.conf import settings
from django.utils.functional import Promise
from django.utils.translation import gettext as _t
from django.utils.translation import gettext_lazy as _

from accounts.models import ApprovalPolicy, OrganizationalUnit, UnitUserPermission
from accounts.rights import Right
from audiences.models import Audience, Profile
from deliveries.lifecycle import groups
from deliveries.models import Delivery, ProofMessage, Route, Sender
from deliveries.overview import diagnosis
from deliveries.overview.diagnosis.senders import of_senders
from feedback.models import IncomingMail, MailSource


@dataclass(frozen=True)
class Step:
    """One step: where it is done on the pages or at the desk, by which command, and what it still misses."""

    code: str
    title: str | Promise
    to: str  # the name of the page
    command: str
    missing: list[str] = field(default_factory=list)

    @property
    def is_done(self) -> bool:
        return not self.missing

    def as_dict(self) -> dict[str, Any]:
        """For programs."""
        return {
            "step": self.code, "title": str(self.title), "done": self.is_done, "missing": self.missing,
            "command": self.command,
        }  # fmt: skip


def of_installation(*, at: datetime) -> list[Step]:
    """The steps in their order, as they stand at `at`. Nothing is asked over the network; the queries are few."""
    return [Step(code, title, to, command, list(look(at))) for code, title, to, command, look in _STEPS]


def is_over() -> bool:
    """Whether a first delivery has left: from then on nobody needs to be led."""
    return Delivery.objects.filter(status__in=groups.BEGUN).exists()


def _machinery(at: datetime) -> Iterator[str]:
    yield from (one.text for one in diagnosis.at_a_glance() if one.is_fault)


def _units(at: datetime) -> Iterator[str]:
    if not OrganizationalUnit.objects.exclude(parent=None).exists():
        yield _t("There is no unit below the topmost one: make one for each team that sends by itself.")


def _people(at: datetime) -> Iterator[str]:
    rows = UnitUserPermission.objects.filter(user__is_active=True)
    held = set(rows.values_list("permission__codename", flat=True).distinct())
    asks = OrganizationalUnit.objects.exclude(approval_policy=ApprovalPolicy.NONE).exists()
    for right in (Right.PREPARE, *([Right.APPROVE] if asks else []), Right.START):
        if right.value not in held:
            yield _t("Nobody holds the right “%(right)s” yet.") % {"right": right.label}


def _route(at: datetime) -> Iterator[str]:
    route = Route.objects.filter(is_default=True).first()
    if route is None:
        yield _t("There is no default route: name the relay that mail leaves by.")
    elif route.closed_until is not None and route.closed_until > at:
        yield _t("The relay of “%(route)s” turned us away: %(because)s.") % {
            "route": route.label, "because": route.closed_because or "–",
        }  # fmt: skip


def _sender(at: datetime) -> Iterator[str]:
    if not Sender.objects.exists():
        yield _t("No unit has a sender: enter who may send in its name.")


def _dns(at: datetime) -> Iterator[str]:
    if not Sender.objects.exists():
        yield _t("DNS can be looked at once a sender is entered.")
    if not Route.objects.exclude(dkim_domain="").exists():
        yield _t("No route signs: name a domain, a selector and a key, and publish the record.")
    yield from (one.text for one in of_senders(at=at))


def _return_path(at: datetime) -> Iterator[str]:
    is_read = settings.SINETE["bounces_collected"] or MailSource.objects.filter(is_active=True).exists()
    if not is_read and not IncomingMail.objects.exists():
        yield _t(
            "Mail that comes back is not read yet: have the mail server hand it to “receive_bounce”, or name a mailbox."
        )


def _recipients(at: datetime) -> Iterator[str]:
    if not Profile.objects.exists():
        yield _t("There is nobody to write to: import a file, first that of those who opted out elsewhere.")
    elif not Audience.objects.exists():
        yield _t("There is no audience: choose whom deliveries go to.")


def _proof(at: datetime) -> Iterator[str]:
    if not ProofMessage.objects.filter(status=ProofMessage.Status.SENT).exists():
        yield _t("No proof has left yet: send one to yourself and look at its headers.")


def _delivery(at: datetime) -> Iterator[str]:
    if not is_over():
        yield _t("Nothing has left yet: begin with a few people.")


Look = Callable[[datetime], Iterator[str]]
_STEPS: tuple[tuple[str, str | Promise, str, str, Look], ...] = (
    ("machinery", _("Everything runs"), "admin:index", "doctor", _machinery),
    ("units", _("Units"), "admin:accounts_organizationalunit_changelist", "create_unit", _units),
    ("people", _("People with roles"), "admin:accounts_rolegrant_changelist", "invite_user, grant_role", _people),
    ("route", _("The route"), "admin:deliveries_route_changelist", "save_route, check_route", _route),
    ("sender", _("A sender"), "deliveries:senders", "save_sender", _sender),
    ("dns", _("DNS records"), "deliveries:senders", "show_dkim_record, list_senders --ask", _dns),
    ("return_path", _("What comes back"), "feedback:incoming", "save_mail_source, check_mail_source", _return_path),
    ("recipients", _("People to write to"), "audiences:imports", "import_profiles, create_audience", _recipients),
    ("proof", _("A proof to yourself"), "deliveries:list", "send_proof", _proof),
    ("delivery", _("The first delivery"), "deliveries:list", "prepare_, approve_, confirm_delivery", _delivery),
)  # fmt: skip
