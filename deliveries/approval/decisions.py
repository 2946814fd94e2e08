"""Accepting or rejecting what was prepared."""

from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from accounts.access import hands
from accounts.models import ApprovalPolicy, OrganizationalUnit, User
from campaign.lib.refusals import Refusal
from deliveries import lifecycle
from deliveries.lifecycle import Step
from deliveries.models import Approval, Delivery


class SelfApproval(Refusal):
    message = _("%(by)s prepared or wrote this; someone else must approve it.")
    code = "self_approval"


class CommentMissing(Refusal):
    message = _("Say in a comment what must change: whoever prepared it will read it.")
    code = "comment_missing"


class SameHands(Refusal):
    message = _(
        "One of %(by)s and those who prepared or wrote this could sign in as the other, which makes two eyes of four. "
        "Somebody else approves it, or an administrator who depends on neither gives that account back to its owner."
    )
    code = "same_hands"


@transaction.atomic
def approve(*, delivery: Delivery, seal: str, by: User, at: datetime, comment: str = "") -> Approval:
    """Accept the preparation that `seal` names; its last approval makes the delivery Ready."""
    delivery = Delivery.objects.locked(delivery.pk)
    leave = lifecycle.check(delivery, Step.APPROVE, by=by, seal=seal)
    preparation = delivery.latest_preparation()
    if delivery.policy == ApprovalPolicy.FOUR_EYES:
        _check_four_eyes(preparation.makers(), by=by, unit=delivery.unit)
    approval = Approval.objects.create(
        preparation=preparation, accepted=True, by=by, at=at, seal=seal, comment=comment
    )
    lifecycle.move(delivery, Step.APPROVE, by=by, at=at, seal=seal, leave=leave, comment=comment)
    return approval


def _check_four_eyes(makers: list[User], *, by: User, unit: OrganizationalUnit) -> None:
    """Raise SelfApproval where whoever approves also made it, SameHands where one could use the other's account."""
    if by in makers:
        raise SelfApproval(by=by)
    if hands.are_joined(by, makers) and not hands.one_is_enough(unit):
        raise SameHands(by=by)


@transaction.atomic
def reject(*, delivery: Delivery, seal: str, by: User, at: datetime, comment: str) -> Approval:
    """Send the preparation back to Editing, with a comment that says why.

    Raise CommentMissing for an empty comment, and what `lifecycle.check` raises.
    """
    delivery = Delivery.objects.locked(delivery.pk)
    leave = lifecycle.check(delivery, Step.REJECT, by=by, seal=seal)
    if not comment.strip():
        raise CommentMissing()
    rejection = Approval.objects.create(
        preparation=delivery.latest_preparation(), accepted=False, by=by, at=at, seal=seal, comment=comment
    )
    lifecycle.move(delivery, Step.REJECT, by=by, at=at, seal=seal, leave=leave, comment=comment)
    return rejection
