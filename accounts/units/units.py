"""Organisational units: making them and moving them, with their paths kept right."""

from collections.abc import Callable
from dataclasses import asdict

from django.db import transaction
from django.db.models import F, Value
from django.db.models.functions import Concat, Length, Substr
from django.utils.translation import gettext_lazy as _

from accounts import access, audit
from accounts.access import hands
from accounts.models import LONGEST_GRACE_SECONDS, Affected, ApprovalPolicy, OrganizationalUnit, User
from accounts.rights import Right
from campaign.lib.refusals import Refusal, require_fit

Policies = dict[int, ApprovalPolicy]  # by unit, what holds there

_asked_before_moving: list[Callable[[OrganizationalUnit, OrganizationalUnit], None]] = []
_counting_affected: list[Callable[[Policies], Affected]] = []


def before_moving(check: Callable[[OrganizationalUnit, OrganizationalUnit], None]) -> None:
    """An app above is asked, with the unit and its new parent, before a unit moves; it raises a Refusal to say no."""
    _asked_before_moving.append(check)


def counts_affected(count: Callable[[Policies], Affected]) -> None:
    """An app above counts what it means for its own if these policies hold in these units."""
    _counting_affected.append(count)


def lock_tree() -> None:
    """Until the end of the transaction no unit moves. New rows below a unit are not kept waiting by it."""
    list(OrganizationalUnit.objects.filter(parent=None).select_for_update(no_key=True).values_list("pk"))


class UnderItself(Refusal):
    message = _("“%(unit)s” can't be moved below itself.")
    code = "under_itself"


class UnitLabelTaken(Refusal):
    message = _("“%(parent)s” has a unit “%(label)s” already: choose another label.")
    code = "label_taken"


class LooserThanAbove(Refusal):
    message = _("“%(above)s” above asks for “%(policy)s”: a unit below can only be stricter.")
    code = "looser_than_above"


class GraceTooLong(Refusal):
    message = _("The grace delay is at most %(longest)s seconds, a day.")
    code = "grace_too_long"


class NotASingleAdministrator(Refusal):
    message = _(
        "More than one person administers “%(unit)s”, those above counted: one is enough only where there is no second."
    )
    code = "not_a_single_administrator"


def grace_seconds(unit: OrganizationalUnit) -> int | None:
    """The grace delay that holds in the unit: its own, or that of the nearest above; None where none has one."""
    set_here = OrganizationalUnit.objects.filter(pk__in=unit.lineage, grace_seconds__isnull=False)
    # A unit's path is longer than the path of any above it.
    nearest = set_here.order_by(Length("path").desc()).values_list("grace_seconds", flat=True)
    return nearest.first()


def _check_grace(seconds: int | None) -> None:
    if seconds is not None and not 0 <= seconds <= LONGEST_GRACE_SECONDS:
        raise GraceTooLong(longest=LONGEST_GRACE_SECONDS)


def _require_free(label: str, parent: OrganizationalUnit | None, *, but: int | None = None) -> None:
    """Raise UnitLabelTaken where another unit right below the parent has the label; none takes it meanwhile."""
    if parent is None:
        return
    lock_tree()
    if OrganizationalUnit.objects.filter(parent=parent, label=label).exclude(pk=but).exists():
        raise UnitLabelTaken(parent=parent, label=label)


def _check_policy(policy: str, parent: OrganizationalUnit | None) -> None:
    """A unit below may only tighten. Raises LooserThanAbove, which names the unit that asks for more."""
    if parent is None or ApprovalPolicy(policy).tightness >= parent.policy.tightness:
        return
    above = OrganizationalUnit.objects.filter(pk__in=parent.lineage, approval_policy=parent.policy)
    raise LooserThanAbove(above=above.order_by("-path").first(), policy=parent.policy.label)


def foresee(
    *, unit: OrganizationalUnit, by: User, approval_policy: str | None = None,
    parent: OrganizationalUnit | None = None,
) -> Affected:  # fmt: skip
    """What a rule of its own, or a new place, would mean for the deliveries of the unit and of all below it."""
    access.require(by, Right.ADMINISTER, unit)
    if parent is not None:
        access.require(by, Right.ADMINISTER, parent)
    return _affected(unit, approval_policy or unit.approval_policy, parent or unit.parent)


def _affected(unit: OrganizationalUnit, policy: str, parent: OrganizationalUnit | None) -> Affected:
    policies = _policies_below(unit, policy, parent)
    return sum((count(policies) for count in _counting_affected), Affected())


def _policies_below(unit: OrganizationalUnit, policy: str, parent: OrganizationalUnit | None) -> Policies:
    """Return what would hold in the unit and in all below it, with this rule and below this parent, in two queries."""
    above = parent.policy if parent is not None else ApprovalPolicy.NONE
    holds = {unit.pk: ApprovalPolicy.tightest([above, policy])}
    below = OrganizationalUnit.objects.filter(path__startswith=unit.path).exclude(pk=unit.pk).order_by("path")
    for pk, parent_id, own in below.values_list("pk", "parent_id", "approval_policy"):
        holds[pk] = ApprovalPolicy.tightest([holds[parent_id], own])
    return holds


@transaction.atomic
def create_unit(
    *,
    label: str,
    parent: OrganizationalUnit | None,
    approval_policy: str | None = None,
    grace_seconds: int | None = None,
    by: User | None = None,
) -> OrganizationalUnit:
    """Make a unit below its parent; it asks for as much approval as that unless another policy is given.

    `by` is None only for the set-up of a new instance. Raise access.NotAllowed without the right to administer the
    parent, and a Refusal for a grace delay out of bounds, a policy that is looser than the parent's, or a label that
    is empty, too long or taken.
    """
    if by is not None and parent is not None:
        access.require(by, Right.ADMINISTER, parent)
    _check_grace(grace_seconds)
    if approval_policy is None:
        approval_policy = parent.policy if parent is not None else ApprovalPolicy.ONE
    _check_policy(approval_policy, parent)
    unit = OrganizationalUnit(
        label=label.strip(), parent=parent, approval_policy=approval_policy, grace_seconds=grace_seconds
    )
    require_fit(unit, "label")
    _require_free(unit.label, parent)
    unit.save()
    unit.path = f"{parent.path if parent else '/'}{unit.pk}/"
    unit.save(update_fields=["path"])
    audit.record("create_unit", by=by, target=unit)
    return unit


@transaction.atomic
def change_unit(
    *,
    unit: OrganizationalUnit,
    label: str,
    approval_policy: str,
    grace_seconds: int | None,
    by: User,
    parent: OrganizationalUnit | None = None,
    one_administrator_is_enough: bool | None = None,
) -> OrganizationalUnit:
    """Change a unit; what is confirmed already leaves as confirmed. `grace_seconds` is None where none is set.

    With a `parent` it is moved there too. `affected` of the unit returned: how many deliveries must be approved anew.
    Raise what `create_unit` and `move_unit` raise, and NotASingleAdministrator where one is to be enough of two.
    """
    access.require(by, Right.ADMINISTER, unit)
    if parent is not None:
        unit = move_unit(unit=unit, parent=parent, by=by)
    _check_grace(grace_seconds)
    if approval_policy != unit.approval_policy:  # what a stricter unit above made idle may stay as it is
        _check_policy(approval_policy, unit.parent)
    unit.affected = _affected(unit, approval_policy, unit.parent)
    wanted = {"label": label.strip(), "approval_policy": approval_policy, "grace_seconds": grace_seconds}
    if one_administrator_is_enough not in (None, unit.one_administrator_is_enough):
        if one_administrator_is_enough and hands.has_second_administrator(unit):
            raise NotASingleAdministrator(unit=unit)
        wanted["one_administrator_is_enough"] = one_administrator_is_enough
        audit.record("one_administrator_is_enough", by=by, target=unit, says=one_administrator_is_enough)
    before = {name: getattr(unit, name) for name in wanted}
    for name, value in wanted.items():
        setattr(unit, name, value)
    require_fit(unit, "label")
    _require_free(unit.label, unit.parent, but=unit.pk)
    unit.save(update_fields=[*wanted])
    audit.record("change_unit", by=by, target=unit, before=before, affected=asdict(unit.affected))
    return unit


@transaction.atomic
def move_unit(*, unit: OrganizationalUnit, parent: OrganizationalUnit, by: User) -> OrganizationalUnit:
    """Move a unit and all below it; rights follow the tree, and the tightest rule of approval on the way up holds.

    `affected` of what is returned says how many deliveries must be approved anew. Raise UnderItself for a parent inside
    of the unit, UnitLabelTaken where that has one of this label, and access.NotAllowed without the right to administer
    both.
    """
    lock_tree()
    unit.refresh_from_db()
    parent.refresh_from_db()
    access.require(by, Right.ADMINISTER, unit)
    access.require(by, Right.ADMINISTER, parent)
    if parent.path.startswith(unit.path):
        raise UnderItself(unit=unit)
    _require_free(unit.label, parent, but=unit.pk)
    access.refuse_gain(by=by, unit=unit, parent=parent)
    for check in _asked_before_moving:
        check(unit, parent)
    affected = _affected(unit, unit.approval_policy, parent)
    old, new = unit.path, f"{parent.path}{unit.pk}/"
    OrganizationalUnit.objects.filter(path__startswith=old).update(
        path=Concat(Value(new), Substr(F("path"), len(old) + 1))
    )
    OrganizationalUnit.objects.filter(pk=unit.pk).update(parent=parent)
    unit.refresh_from_db()
    unit.affected = affected
    audit.record("move_unit", by=by, target=unit, to=parent.label, affected=asdict(affected))
    return unit
