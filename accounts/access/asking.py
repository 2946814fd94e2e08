"""Whether a person may, and what they hold, on one object or unit."""

from collections.abc import Collection
from typing import Any

from accounts import audit
from accounts.access.guardian_rows import (
    OF_SUPERUSERS,
    acts,
    codenames_on,
    declares,
    grants_on_units,
    keys_granted,
    paths_granted,
    unit_of,
)
from accounts.access.refusals import NotAllowed
from accounts.models import OrganizationalUnit, User
from accounts.rights import Right


def can(user: User, right: Right, target: Any) -> bool:
    """Whether the right acts on the target: by a grant on a unit, or on the object itself."""
    if not user.is_active:
        return False
    if user.is_superuser and right in OF_SUPERUSERS:
        return True
    unit = unit_of(target)
    if any(acts(right, path, unit.path) for path in paths_granted(user, right)):
        return True
    model = type(target)
    if model is OrganizationalUnit or not declares(model, right):
        return False
    return keys_granted(user, right, model).filter(content_object=target.pk).exists()


def require(user: User, right: Right, target: Any) -> None:
    """Raise NotAllowed unless `can`."""
    if not can(user, right, target):
        raise NotAllowed(by=user, right=right, target=target)


def record_hidden(*, by: User, target: Any) -> None:
    """Record in the audit trail that a person tried to change what they can't see; they are answered 404."""
    audit.record_refusal(NotAllowed(by=by, right=Right.VIEW, target=target), by=by)


def held(user: User, target: Any) -> frozenset[Right]:
    """Return all rights of a person on one object, in at most two queries; for pages that draw many buttons."""
    if not user.is_active:
        return frozenset()
    unit = unit_of(target)
    names = {name for name, path in grants_on_units(user) if acts(name, path, unit.path)}
    model = type(target)
    if model is not OrganizationalUnit and declares(model, Right.VIEW):
        declared = {codename for codename, _label in model._meta.permissions}
        single = declared.intersection(codenames_on(user, model, [target.pk]))
        names |= single | ({Right.VIEW.value} if single else set())
    rights = {right for right in Right if right.value in names}
    return frozenset(rights | (OF_SUPERUSERS if user.is_superuser else set()))


def on_any_unit(user: User) -> frozenset[Right]:
    """Return the rights that a person was given on some unit, in one query."""
    if not user.is_active:
        return frozenset()
    names = {name for name, _path in grants_on_units(user)}
    return frozenset(right for right in Right if right.value in names)


def on_units(user: User, units: Collection[OrganizationalUnit]) -> dict[int, frozenset[Right]]:
    """Return, by the key of each unit, the rights that a person's grants on units give there, in one query."""
    if not user.is_active:
        return {unit.pk: frozenset() for unit in units}
    found = [(Right(name), path) for name, path in grants_on_units(user) if name in list(Right)]
    always = OF_SUPERUSERS if user.is_superuser else frozenset()
    return {
        unit.pk: always | {right for right, path in found if acts(right, path, unit.path)} for unit in units
    }
