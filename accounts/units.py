"""Organisational units: making them and moving them, with their paths kept right."""

from collections.abc import Callable

from django.db import transaction
from django.db.models import F, Value
from django.db.models.functions import Concat, Substr
from django.utils.translation import gettext_lazy as _

from accounts import access, audit
from accounts.models import ApprovalPolicy, OrganizationalUnit, User
from accounts.rights import Right
from campaign.lib.refusals import Refusal

_asked_before_moving: list[Callable[[OrganizationalUnit, OrganizationalUnit], None]] = []


def before_moving(check: Callable[[OrganizationalUnit, OrganizationalUnit], None]) -> None:
    """An app above is asked, with the unit and its new parent, before a unit moves; it raises a Refusal to say no."""
    _asked_before_moving.append(check)


def lock_tree() -> None:
    """Until the end of the transaction no unit moves. New rows below a unit are not kept waiting by it."""
    list(OrganizationalUnit.objects.filter(parent=None).select_for_update(no_key=True).values_list("pk"))


class UnderItself(Refusal):
    message = _("“%(unit)s” can't be moved below itself.")
    code = "under_itself"


@transaction.atomic
def create_unit(
    *,
    label: str,
    parent: OrganizationalUnit | None,
    approval_policy: str = ApprovalPolicy.ONE,
    by: User | None = None,
) -> OrganizationalUnit:
    """A new unit stands below its parent. `by` is None only for the set-up of a new instance."""
    if by is not None and parent is not None:
        access.require(by, Right.ADMINISTER, parent)
    unit = OrganizationalUnit.objects.create(label=label, parent=parent, approval_policy=approval_policy)
    unit.path = f"{parent.path if parent else '/'}{unit.pk}/"
    unit.save(update_fields=["path"])
    audit.record("create_unit", by=by, target=unit)
    return unit


@transaction.atomic
def change_unit(
    *, unit: OrganizationalUnit, label: str, approval_policy: str, by: User
) -> OrganizationalUnit:
    """The unit bears the label and the policy."""
    access.require(by, Right.ADMINISTER, unit)
    before = {"label": unit.label, "approval_policy": unit.approval_policy}
    unit.label, unit.approval_policy = label, approval_policy
    unit.save(update_fields=["label", "approval_policy"])
    audit.record("change_unit", by=by, target=unit, before=before)
    return unit


@transaction.atomic
def move_unit(*, unit: OrganizationalUnit, parent: OrganizationalUnit, by: User) -> OrganizationalUnit:
    """The unit and all below it stand under another parent; everybody's rights follow the tree."""
    lock_tree()
    unit.refresh_from_db()
    parent.refresh_from_db()
    access.require(by, Right.ADMINISTER, unit)
    access.require(by, Right.ADMINISTER, parent)
    if parent.path.startswith(unit.path):
        raise UnderItself(unit=unit)
    access.refuse_gain(by=by, unit=unit, parent=parent)
    for check in _asked_before_moving:
        check(unit, parent)
    old, new = unit.path, f"{parent.path}{unit.pk}/"
    OrganizationalUnit.objects.filter(path__startswith=old).update(
        path=Concat(Value(new), Substr(F("path"), len(old) + 1))
    )
    OrganizationalUnit.objects.filter(pk=unit.pk).update(parent=parent)
    unit.refresh_from_db()
    audit.record("move_unit", by=by, target=unit, to=parent.label)
    return unit
