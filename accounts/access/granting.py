"""Rights are given and taken, by roles in units and on single objects."""

from typing import Any

from django.db import transaction

from accounts import audit
from accounts.access import guardian_rows, hands
from accounts.access.asking import can, require
from accounts.access.guardian_rows import codenames_on, unit_of
from accounts.access.refusals import NeedsAnother, SelfGrant, UnknownPerson
from accounts.access.seeing import people
from accounts.models import OrganizationalUnit, Role, RoleGrant, User
from accounts.rights import NOT_TO_ONESELF, Right


def _require_known(user: User, *, by: User) -> None:
    """Raise unless the giver is shown this person; so a refusal says no more than a wrong name does."""
    if by.pk != user.pk and not people(by).filter(pk=user.pk).exists():
        raise UnknownPerson(user=user.get_username())


@transaction.atomic
def grant(*, user: User, role: Role, unit: OrganizationalUnit, by: User | None) -> RoleGrant:
    """Give the role in the unit to the person. `by` is None only for the set-up of a new instance.

    What was withheld of a role that is held already is given back. Raise NotAllowed without the right to administer,
    UnknownPerson for somebody whom `by` is not shown, and SelfGrant or NeedsAnother where Start or Approve would come
    from the person's own hands.
    """
    if by is not None:
        require(by, Right.ADMINISTER, unit)
        _require_known(user, by=by)
        _lock(user)
        _check_gift({Right(right) for right in role.rights}, name=role, to=user, unit=unit, by=by)
    made, created = RoleGrant.objects.get_or_create(
        user=user, role=role, unit=unit, defaults={"granted_by": by}
    )
    if created:  # it takes nothing, so nothing is compared
        guardian_rows.give(user, unit, role.rights)
        audit.record("grant_role", by=by, target=user, role=role.code, unit=unit.label)
    elif made.withheld:
        made.withheld = False
        made.save(update_fields=["withheld"])
        write_rights(user, unit)
        audit.record("give_back_role", by=by, target=user, role=role.code, unit=unit.label)
    return made


def _lock(user: User) -> None:
    """Lock the account, so that nobody takes it into their hands between the check and the gift."""
    User.objects.select_for_update(no_key=True).get(pk=user.pk)


def _check_gift(rights: set[Right], *, name: Any, to: User, unit: OrganizationalUnit, by: User) -> None:
    """Raise unless `by` may give these rights there: nobody starts or approves by a gift of their own."""
    if not NOT_TO_ONESELF & rights:
        return
    if by.pk == to.pk or by.pk in hands.within_reach({to.pk}):
        raise SelfGrant(role=name)
    require_independent(by, of=to, unit=unit)


def require_independent(by: User, *, of: User, unit: OrganizationalUnit) -> None:
    """Raise NeedsAnother while the account is in the hands of anybody on whom `by` depends, unless one is enough."""
    holders = hands.holders(of)
    if not holders or hands.is_independent(by, of=[each.pk for each in holders], unit=unit):
        return
    if not hands.one_is_enough(unit):
        raise NeedsAnother(user=of, holders=", ".join(str(each) for each in holders))


def refuse_gain(*, by: User, unit: OrganizationalUnit, parent: OrganizationalUnit) -> None:
    """Raise SelfGrant for a move below `parent` by which this person's own Start or Approve would act on a new unit."""
    for right in NOT_TO_ONESELF:
        if can(by, right, parent) and not can(by, right, unit):
            raise SelfGrant(role=right.label)


@transaction.atomic
def revoke(*, grant: RoleGrant, by: User | None) -> None:
    """Take the role from the person, at once; raise NotAllowed without the right to administer."""
    if by is not None:
        require(by, Right.ADMINISTER, grant.unit)
    user, unit, role = grant.user, grant.unit, grant.role
    grant.delete()
    write_rights(user, unit)
    audit.record("revoke_role", by=by, target=user, role=role.code, unit=unit.label)


@transaction.atomic
def grant_single(*, user: User, right: Right, target: Any, by: User) -> None:
    """Give the person one right on one object; raises as `grant` does."""
    require(by, Right.ADMINISTER, target)
    _require_known(user, by=by)
    _lock(user)
    _check_gift({right}, name=right.label, to=user, unit=unit_of(target), by=by)
    guardian_rows.give(user, target, [right.value])
    audit.record("grant_right", by=by, target=target, user=user.get_username(), right=right.value)


@transaction.atomic
def revoke_single(*, user: User, right: Right, target: Any, by: User) -> None:
    """Take the right on that one object from the person; raise NotAllowed without the right to administer."""
    require(by, Right.ADMINISTER, target)
    guardian_rows.take(user, target, [right.value])
    audit.record("revoke_right", by=by, target=target, user=user.get_username(), right=right.value)


def write_rights(user: User, unit: OrganizationalUnit) -> None:
    """Make django-guardian's rows on this unit what the person's roles there give, without what is withheld."""
    grants = RoleGrant.objects.filter(user=user, unit=unit).values_list("role__rights", "withheld")
    wanted = {
        right
        for rights, withheld in grants
        for right in rights
        if not (withheld and Right(right) in NOT_TO_ONESELF)
    }
    present = set(codenames_on(user, OrganizationalUnit, [unit.pk]))
    if given := wanted - present:
        guardian_rows.give(user, unit, given)
    if taken := present - wanted:
        guardian_rows.take(user, unit, taken)


def rewrite_all_rights() -> None:
    """Write everybody's rights anew, after the roles themselves changed."""
    for grant_ in RoleGrant.objects.select_related("user", "unit"):
        write_rights(grant_.user, grant_.unit)
