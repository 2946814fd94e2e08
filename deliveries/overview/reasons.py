"""What is said in place of a button that is missing: why, and whom to ask. The same on the pages and at the desk."""

from django.utils.translation import gettext as _t

from accounts import access
from accounts.models import ApprovalPolicy, User
from accounts.rights import Right
from deliveries.lifecycle.actions import is_barred
from deliveries.models import Delivery, Status

PEOPLE_NAMED = 8
_AWAITED = {Status.AWAITING_APPROVAL: Right.APPROVE, Status.READY: Right.START}


def awaited(delivery: Delivery) -> Right | None:
    """Return the right that the next decision about the delivery needs; None where it waits for no decision."""
    return _AWAITED.get(Status(delivery.status))


def instead(delivery: Delivery, user: User, rights: frozenset[Right]) -> str:
    """Return why this person is not offered the next step; empty where they are, or where none is due."""
    right = awaited(delivery)
    if right == Right.START and right not in rights:
        may = _t("You may see this delivery but not send it.")
        if Right.PREPARE in rights:
            may = _t("You may prepare this delivery but not send it.")
        return f"{may} {_ask(right, delivery)}"
    if right == Right.APPROVE and right not in rights:
        waits = _t("It waits for an approval.")
        return f"{waits} {_ask(right, delivery)}"
    if right == Right.APPROVE and is_barred(delivery, user):
        barred = _t("You prepared or wrote this: someone else must approve it.")
        return f"{barred} {_ask(right, delivery)}"
    return ""


def _ask(right: Right, delivery: Delivery) -> str:
    """Return whom to ask, by name: at most eight people who may."""
    people = access.holders(right, delivery)
    if right == Right.APPROVE and delivery.policy == ApprovalPolicy.FOUR_EYES:
        people = people.exclude(pk__in=[maker.pk for maker in delivery.latest_preparation().makers()])
    names = [str(person) for person in people[:PEOPLE_NAMED]]
    if not names:
        return _t("Nobody holds the right “%(right)s” here: ask an administrator.") % {"right": right.label}
    return _t("Ask one of: %(people)s.") % {"people": ", ".join(names)}
