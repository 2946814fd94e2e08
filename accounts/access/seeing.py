"""Which rows, units and people there are for a person; and which people hold a right."""

from typing import Any

from django.db.models import Q, QuerySet
from guardian.shortcuts import get_users_with_perms

from accounts.access.guardian_rows import (
    OF_SUPERUSERS,
    acting,
    codenames_of,
    declares,
    grants,
    grants_on_units,
    keys_granted,
    paths_granted,
    unit_of,
)
from accounts.models import OrganizationalUnit, User
from accounts.rights import READING, Right
from campaign.lib import numbers

TOPMOST = 2  # strokes in the path of a unit that has none above it: "/1/"


def units(user: User, right: Right) -> QuerySet[OrganizationalUnit]:
    """Return the units where a person's right acts: those it was granted on and all below; to read, those above too."""
    if not user.is_active:
        return OrganizationalUnit.objects.none()
    if user.is_superuser and right in OF_SUPERUSERS:
        return OrganizationalUnit.objects.all()
    paths = paths_granted(user, right)
    where = _below(paths)
    if right in READING:
        where |= Q(pk__in={int(pk) for path in paths for pk in path.split("/") if pk})
    return OrganizationalUnit.objects.filter(where)


def _below(paths: list[str]) -> Q:
    """Units at one of these places in the tree, and all under them."""
    below = Q(pk__in=[])
    for path in paths:
        below |= Q(path__startswith=path)
    return below


def readable_units(user: User) -> QuerySet[OrganizationalUnit]:
    """Return where a person may read: own units and below, and the units above (parallel branches stay hidden)."""
    return units(user, Right.VIEW)


def readable_unit(user: User, key: object) -> OrganizationalUnit | None:
    """Return the unit of this key, as a form or an address names it, if the person may read it."""
    return readable_units(user).filter(pk=numbers.key(key) or 0).first()  # no row is numbered 0


def whole_units(user: User, right: Right = Right.VIEW) -> QuerySet[OrganizationalUnit]:
    """Return the units of which this person sees whatever hangs under them and below, or reads it by another right.

    Units that are only read from further down are not among them.
    """
    if not user.is_active:
        return OrganizationalUnit.objects.none()
    if user.is_superuser:
        return OrganizationalUnit.objects.all()
    return OrganizationalUnit.objects.filter(_below(paths_granted(user, right)))


def sees_all_below(user: User, unit: OrganizationalUnit, right: Right = Right.VIEW) -> bool:
    """Whether this person sees whatever hangs under the unit and below, or reads it by another right."""
    if user.is_superuser or not user.is_active:
        return user.is_active
    return any(unit.path.startswith(path) for path in paths_granted(user, right))


def at_the_top(user: User) -> frozenset[Right]:
    """Return the rights that act on every unit, in one query: those that were granted on the topmost one."""
    if not user.is_active:
        return frozenset()
    names = {name for name, path in grants_on_units(user) if path.count("/") == TOPMOST}
    return frozenset(right for right in Right if right.value in names) | (
        OF_SUPERUSERS if user.is_superuser else frozenset()
    )


def visible(user: User, queryset: QuerySet[Any]) -> QuerySet[Any]:
    """Return, of rows with a `unit`, those that a person may read; single grants included."""
    return within(user, Right.VIEW, queryset)


def within(user: User, right: Right, queryset: QuerySet[Any]) -> QuerySet[Any]:
    """Return, of rows with a `unit`, those on which a person holds the right; single grants included."""
    if not user.is_active:
        return queryset.none()
    if user.is_superuser and right in OF_SUPERUSERS:
        return queryset
    condition = Q(unit__in=units(user, right).values("pk"))
    if declares(queryset.model, right):
        condition |= Q(pk__in=keys_granted(user, right, queryset.model))
    return queryset.filter(condition)


def holders(right: Right, target: Any) -> QuerySet[User]:
    """Return the active people on whose grants the right acts on an object, by name: whom to ask."""
    where = acting(right, unit_of(target), at="content_object__")
    found = Q(
        pk__in=grants(OrganizationalUnit)
        .objects.filter(where, permission__codename=right.value)
        .values("user")
    )
    model = type(target)
    if model is not OrganizationalUnit and declares(model, right):
        single: Any = get_users_with_perms(
            target,
            only_with_perms_in=codenames_of(right, model),
            with_group_users=False,
            with_superusers=False,
        )
        found |= Q(pk__in=single.values("pk"))
    return User.objects.filter(found, is_active=True).order_by("first_name", "last_name", "username")


def people(by: User) -> QuerySet[User]:
    """Return the accounts that an administrator is shown.

    These are at home where they administer; all, if that is the topmost unit.
    """
    if not by.is_active:
        return User.objects.none()
    mine = units(by, Right.ADMINISTER)
    if mine.filter(parent=None).exists():
        return User.objects.all()
    return User.objects.filter(home_unit__in=mine.values("pk"))
