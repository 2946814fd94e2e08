"""Where a right acts, on the rows of django-guardian.

It is said once, by `acts` for what was read and by `acting` for what PostgreSQL looks for.
"""

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from django.contrib.auth.models import Permission
from django.contrib.contenttypes.models import ContentType
from django.db import models
from django.db.models import Q, QuerySet
from guardian.utils import get_user_obj_perms_model

from accounts.models import OrganizationalUnit, User
from accounts.rights import READING, Right

OF_SUPERUSERS = frozenset({*READING, Right.ADMINISTER})  # what a superuser may without a grant

Grants = list[tuple[str, str]]
_read: ContextVar[dict[int, Grants] | None] = ContextVar("grants_on_units", default=None)


def keys_granted(user: User, right: Right, model: type[models.Model]) -> QuerySet[Any]:
    """Return the keys of the rows on which the right was given. Whoever was given any right on one may see it.

    These are the rows of django-guardian's `get_objects_for_user`, which puts three more queries together for them.
    """
    names = codenames_of(right, model)
    given = grants(model).objects.filter(user=user.pk, permission__codename__in=names)
    return given.values("content_object")


def codenames_of(right: Right, model: type[models.Model]) -> list[str]:
    """Return the permissions on an object that give the right on it."""
    if right == Right.VIEW and model is not OrganizationalUnit:
        return [codename for codename, _label in model._meta.permissions]
    return [right.value]


def declares(model: type[models.Model], right: Right) -> bool:
    """Whether the right can be given on a single object of this model."""
    return any(codename == right.value for codename, _label in model._meta.permissions)


def unit_of(target: Any) -> OrganizationalUnit:
    """Return the unit under which an object hangs; a unit is its own."""
    return target if isinstance(target, OrganizationalUnit) else target.unit


def acts(right: str, granted: str, unit: str) -> bool:
    """Whether a right granted at one place in the tree acts at another: there and below; to read, above too."""
    return unit.startswith(granted) or (right in READING and granted.startswith(unit))


def acting(right: Right, unit: OrganizationalUnit, *, at: str = "") -> Q:
    """Return which units, under the name `at`, are those on which a grant of the right acts on this one."""
    below = Q(**{f"{at}pk__in": unit.lineage})
    return below | Q(**{f"{at}path__startswith": unit.path}) if right in READING else below


def grants(model: type[models.Model]) -> Any:
    """Return the model of the rows that give people rights on single objects of `model`."""
    return get_user_obj_perms_model(model)  # type: ignore[arg-type]  # the stubs know guardian's own models only


@contextmanager
def read_once() -> Iterator[None]:
    """Inside, what a person was granted on units is read once: for what is shown, and changes nothing by it."""
    before = _read.set({})
    try:
        yield
    finally:
        _read.reset(before)


@contextmanager
def supposed(key: int, grants: Grants) -> Iterator[None]:
    """Inside, the person with this key was granted these on units and nothing else; nobody's rights are read."""
    before = _read.set({key: grants})
    try:
        yield
    finally:
        _read.reset(before)


def grants_on_units(user: User) -> Grants:
    """Return what this person was granted on units: pairs of a right's name and the path of a unit."""
    known = _read.get()
    if known is None:
        return _grants_of(user)
    if user.pk not in known:
        known[user.pk] = _grants_of(user)
    return known[user.pk]


def _grants_of(user: User) -> Grants:
    rows = grants(OrganizationalUnit).objects.filter(user=user)
    return list(rows.values_list("permission__codename", "content_object__path"))


def paths_granted(user: User, right: Right) -> list[str]:
    """Return the paths of the units on which the right was given."""
    return [path for name, path in grants_on_units(user) if name == right.value]


def _forget() -> None:
    if known := _read.get():
        known.clear()


def codenames_on(user: User, model: type[models.Model], pks: list[Any]) -> list[str]:
    """Return the names of the rights that this person was given on single objects; one may come twice."""
    rows = grants(model).objects.filter(user=user, content_object__in=pks)
    return list(rows.values_list("permission__codename", flat=True))


def give(user: User, target: models.Model, names: Collection[str]) -> None:
    """The person has these rights on the one object, in as many statements however many they are.

    Raise Permission.DoesNotExist where the model knows no such right.
    """
    model = grants(type(target))
    known = Permission.objects.filter(
        content_type=ContentType.objects.get_for_model(target), codename__in=names
    )
    rows = [model(user=user, permission=permission, content_object=target) for permission in known]
    if len(rows) < len(set(names)):
        raise Permission.DoesNotExist(f"{type(target).__name__} knows not all of {sorted(names)}")
    model.objects.bulk_create(rows, ignore_conflicts=True)
    _forget()


def take(user: User, target: models.Model, names: Collection[str]) -> None:
    """The person has these rights on the one object no more."""
    grants(type(target)).objects.filter(
        user=user, content_object=target, permission__codename__in=names
    ).delete()
    _forget()
