"""In whose hands an account is: who could sign in as somebody else, and which administrator is independent of that.

An account is in the hands of whoever made it, set its password or its mail address, until an administrator who
depends on none of them says that it is its owner's. Through accounts in hand one person could do alone what takes two.
"""

from collections.abc import Collection

from django.db.models import Q

from accounts.models import Hand, OrganizationalUnit, RoleGrant, User
from accounts.rights import Right


def holders(user: User) -> list[User]:
    """In whose hands the account is, but its owner's."""
    return list(User.objects.filter(holds__user=user).distinct().order_by("pk"))


def within_reach(people: Collection[int]) -> set[int]:
    """These people, and every account that they could use by themselves or through another."""
    reached = set(people)
    frontier = reached
    while frontier:
        found = Hand.objects.filter(holder__in=frontier).values_list("user_id", flat=True)
        frontier = set(found) - reached
        reached = reached | frontier
    return reached


def is_independent(by: User, *, of: Collection[int], unit: OrganizationalUnit) -> bool:
    """Whether `by` administers the unit by a right that none of these gave, with an account that none could use."""
    reached = within_reach(of)
    if by.pk in reached:
        return False
    if by.is_superuser and by.superuser_given_by_id not in reached:
        return True
    grants = RoleGrant.objects.filter(
        user=by, unit__in=unit.lineage, role__rights__contains=[Right.ADMINISTER.value]
    )
    return grants.filter(Q(granted_by=None) | ~Q(granted_by__in=reached)).exists()


def are_joined(user: User, others: Collection[User]) -> bool:
    """Whether the person could use the account of one of these, or one of these could use the person's."""
    names = {other.pk for other in others}
    return bool(within_reach({user.pk}) & names) or user.pk in within_reach(names)


def one_is_enough(unit: OrganizationalUnit) -> bool:
    """Whether the unit, or one above, says that one administrator is enough, and there is only one."""
    says = OrganizationalUnit.objects.filter(pk__in=unit.lineage, one_administrator_is_enough=True)
    return says.exists() and not has_second_administrator(unit)


def has_second_administrator(unit: OrganizationalUnit) -> bool:
    """Whether more than one active person administers the unit; those above count."""
    acts_here = Q(
        role_grants__unit__in=unit.lineage, role_grants__role__rights__contains=[Right.ADMINISTER.value]
    )
    people = User.objects.filter(acts_here | Q(is_superuser=True), is_active=True).distinct()
    return len(people.values_list("pk", flat=True)[:2]) > 1
