"""Consents that nobody could read: who is held for them, and what a person decides, one by one or all alike."""

from datetime import datetime

from django.db import connection, transaction
from django.db.models import Exists, OuterRef, QuerySet
from django.utils.translation import gettext_lazy as _
from psycopg import sql

from accounts import access, audit
from accounts.models import OrganizationalUnit, User
from accounts.rights import Right
from audiences import sight
from audiences.consent import consents
from audiences.models import ConsentDoubt, ConsentEvent, Profile
from campaign.lib.refusals import Refusal

Decision = ConsentDoubt.Decision

# Whoever brings doubts in and whoever decides them wait for one another: none is overlooked in between.
LOCK = 0x53494D51
SOURCE = "unclear_consent"


class NothingUnclear(Refusal):
    message = _("No consent of these people is unclear: nothing was changed.")
    code = "nothing_unclear"


class OtherNumber(Refusal):
    message = _("Say how many you saw: meanwhile %(number)s are unclear.")
    code = "other_number"


class NoSuchDecision(Refusal):
    message = _("Say whether they may be written to or are opted out.")
    code = "no_such_decision"
    exit_code = 2


def open_to(user: User) -> QuerySet[ConsentDoubt]:
    """The open ones about people whom this person may see."""
    people = sight.people(user, Profile.objects.filter(consent_unclear=True))
    return ConsentDoubt.objects.filter(decision=Decision.OPEN, profile__in=people.values("pk"))


def decide(*, profile: Profile, decision: str, at: datetime, by: User) -> int:
    """What is unclear of this person is decided: they may be written to, or are opted out. The number of doubts.

    Raises access.NotAllowed, NoSuchDecision, and NothingUnclear where nothing is open.
    """
    access.require(by, Right.PREPARE, profile)
    return _decide(ConsentDoubt.objects.filter(profile=profile), decision, at, by, target=profile)


def open_below(unit: OrganizationalUnit) -> int:
    """How many are open about people of a unit and below."""
    return _below(unit).filter(decision=Decision.OPEN).count()


def _below(unit: OrganizationalUnit) -> QuerySet[ConsentDoubt]:
    return ConsentDoubt.objects.filter(profile__unit__path__startswith=unit.path)


def decide_all(
    *, unit: OrganizationalUnit, decision: str, at: datetime, by: User, expected: int | None = None
) -> int:
    """What is unclear of the people of a unit and below is decided alike.

    Raise as `decide` does, and OtherNumber where all may be written to but `expected`, how many a person has seen and
    confirmed, is not how many there are.
    """
    access.require(by, Right.PREPARE, unit)
    return _decide(_below(unit), decision, at, by, target=unit, expected=expected)


@transaction.atomic
def _decide(
    doubts: QuerySet[ConsentDoubt],
    decision: str,
    at: datetime,
    by: User,
    *,
    target: Profile | OrganizationalUnit,
    expected: int | None = None,
) -> int:
    if decision not in (Decision.WRITE, Decision.OPT_OUT):
        raise NoSuchDecision
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [LOCK])
    chosen = doubts.filter(decision=Decision.OPEN)
    number = chosen.count()
    if not number:
        raise NothingUnclear
    if isinstance(target, OrganizationalUnit) and decision == Decision.WRITE and number != expected:
        raise OtherNumber(number=number)
    event = audit.record("decide_unclear_consents", by=by, target=target, decision=decision, number=number)
    chosen.update(decision=decision, decided_at=at, decided_by=by, audit_event=event.pk)
    decided = ConsentDoubt.objects.filter(audit_event=event.pk)
    if decision == Decision.OPT_OUT:
        _opt_out(event.pk, at, by)
    still_open = ConsentDoubt.objects.filter(profile=OuterRef("pk"), decision=Decision.OPEN)
    Profile.objects.filter(consent_unclear=True, pk__in=decided.values("profile")).exclude(
        Exists(still_open)
    ).update(consent_unclear=False, changed_at=at)
    return number


def _opt_out(event: int, at: datetime, by: User) -> None:
    for channel in ConsentEvent.Channel.values:
        ids = sql.SQL(
            "SELECT profile_id, words FROM audiences_consentdoubt WHERE audit_event = {} AND channel = {}"
        ).format(sql.Literal(event), sql.Literal(channel))
        consents.opt_out_many(
            profile_ids=ids, channel=channel, at=at, source=SOURCE, by=by, reference=f"audit event {event}"
        )
