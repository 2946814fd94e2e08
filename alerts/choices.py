"""Whom an alert is told, and how: each person's own choice, by condition."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet

from accounts import access
from accounts.models import User
from accounts.rights import Right
from alerts.models import Alert, AlertChoice, AlertNotice, Condition, MailWhen, Whose
from deliveries.lifecycle import Step
from deliveries.models import Delivery

DAILY_AT = 8  # o'clock, by the person's clocks
SHOWN = 50


@dataclass(frozen=True)
class Chosen:
    """Of which deliveries somebody is told, and when by mail."""

    whose: Whose = Whose.MINE
    mail: MailWhen = MailWhen.AT_ONCE


# Where a person has chosen nothing.
DEFAULTS = {condition: Chosen() for condition in Condition} | {
    Condition.OPT_OUTS: Chosen(mail=MailWhen.DAILY),
    Condition.WAITING: Chosen(mail=MailWhen.HOURLY),
}


def of(user: User) -> dict[Condition, Chosen]:
    """Return what holds for the person, by condition; one query."""
    rows = AlertChoice.objects.filter(user=user)
    own = {Condition(row.condition): Chosen(Whose(row.whose), MailWhen(row.mail)) for row in rows}
    return {condition: own.get(condition, DEFAULTS[condition]) for condition in Condition}


@transaction.atomic
def save(*, by: User, chosen: Mapping[Condition, Chosen]) -> None:
    """The person is told so from now on, of these conditions; of the others as before."""
    AlertChoice.objects.bulk_create(
        [AlertChoice(user=by, condition=each, whose=one.whose, mail=one.mail) for each, one in chosen.items()],
        update_conflicts=True, unique_fields=["user", "condition"], update_fields=["whose", "mail"],
    )  # fmt: skip


def tell(alert: Alert, *, at: datetime) -> int:
    """Tell everybody who wants to know of this alert, in the caller's transaction; return how many are told anew.

    Called again for the same alert, as when it has held the send meanwhile, it is unread once more.
    """
    delivery = alert.delivery
    people = _people(delivery, Condition(alert.condition))
    rows = [
        AlertNotice(alert=alert, user=person, at=at, mail_after=mail_after(person, chosen.mail, at=at))
        for person, chosen in people
    ]
    return len(
        AlertNotice.objects.bulk_create(
            rows, update_conflicts=True, unique_fields=["alert", "user"],
            update_fields=["at", "seen_at", "mail_after", "mailed_at", "mail_tries"],
        )
    )  # fmt: skip


def _people(delivery: Delivery, condition: Condition) -> list[tuple[User, Chosen]]:
    """Those who see the delivery and want to be told of this; a flat number of queries."""
    if condition == Condition.WAITING and delivery.execution_of_id is not None:
        return []  # the run of a series has notices of its own
    rows = AlertChoice.objects.filter(condition=condition)
    own = {row.user_id: Chosen(Whose(row.whose), MailWhen(row.mail)) for row in rows}
    mine = _makers(delivery) | set(access.holders(Right.START, delivery).values_list("pk", flat=True))
    mine -= _who_did_it(delivery, condition)
    found = []
    for person in access.holders(Right.VIEW, delivery):
        chosen = own.get(person.pk, DEFAULTS[condition])
        if chosen.whose == Whose.ALL or (chosen.whose == Whose.MINE and person.pk in mine):
            found.append((person, chosen))
    return found


def _makers(delivery: Delivery) -> set[int]:
    confirmed = delivery.confirmations.filter(taken_back_at=None).values_list("by_id", flat=True)
    made = {delivery.created_by_id, *confirmed}
    if delivery.preparation is not None:
        made.add(delivery.preparation.started_by_id)
    return {pk for pk in made if pk is not None}


def _who_did_it(delivery: Delivery, condition: Condition) -> set[int]:
    """Whoever stopped a send knows that it was stopped."""
    if condition != Condition.STOPPED:
        return set()
    step = delivery.history.filter(step=Step.STOP.code).first()
    return {step.by_id} if step is not None and step.by_id is not None else set()


def mail_after(person: User, when: MailWhen, *, at: datetime) -> datetime | None:
    """Return from when on the person may be mailed; None where they want no mail."""
    if when == MailWhen.NEVER or not person.email:
        return None
    if when == MailWhen.AT_ONCE:
        return at
    if when == MailWhen.HOURLY:
        return at.replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)
    local = at.astimezone(ZoneInfo(person.time_zone or settings.TIME_ZONE))
    morning = local.replace(hour=DAILY_AT, minute=0, second=0, microsecond=0, fold=0)
    return morning if morning > local else morning + timedelta(days=1)


def told_to(user: User) -> QuerySet[AlertNotice]:
    """Return the person's notices about deliveries that they may still see."""
    visible = Delivery.objects.visible_to(user).order_by().values("pk")
    return AlertNotice.objects.filter(user=user, alert__delivery__in=visible)


# How many alerts a person was told of and has not seen: the number beside the bell; up to 99.
unread = access.counter(lambda user: told_to(user).filter(seen_at=None).order_by().values("pk")[:99])


def mark_seen(*, by: User, at: datetime) -> int:
    """The person has seen all that they were told; return how many they had not."""
    return AlertNotice.objects.filter(user=by, seen_at=None).update(seen_at=at)
