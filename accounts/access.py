"""Who may do what where. Every check of a right goes through here, on django-guardian's rows.

A right granted on a unit acts on that unit and all below; VIEW also reads the units above. A right may
be granted on a single object too. `is_superuser` stands for VIEW and ADMINISTER everywhere and for
nothing else: nobody prepares, approves or starts a delivery but by a right that somebody gave.
"""

from collections.abc import Collection
from typing import Any

from django.apps import apps
from django.db import models, transaction
from django.db.models import Q, QuerySet
from django.utils.translation import gettext_lazy as _
from guardian.models import UserObjectPermissionBase
from guardian.shortcuts import assign_perm, get_objects_for_user, get_users_with_perms, remove_perm
from guardian.utils import get_user_obj_perms_model

from accounts import audit
from accounts.models import OrganizationalUnit, Role, RoleGrant, User
from accounts.rights import NOT_TO_ONESELF, Right
from campaign.lib.refusals import Forbidden, Refusal

OF_SUPERUSERS = frozenset({Right.VIEW, Right.ADMINISTER})


class NotAllowed(Forbidden):
    message = _("You don't have the right “%(right)s” here.")

    def __init__(self, *, by: User, right: Right, target: models.Model) -> None:
        self.by, self.right, self.target = by, right, target
        super().__init__(right=right.label)


class SelfGrant(Refusal):
    message = _("Nobody can give “%(role)s” to himself: ask another administrator.")
    code = "self_grant"


class UnknownPerson(Refusal):
    message = _(
        "There is no “%(user)s” among the people whom you administer: ask an administrator of a unit above."
    )
    code = "unknown_person"


def _granted(user: User, right: Right, model: type[models.Model]) -> QuerySet[Any]:
    """The rows on which the right was given. Whoever was given any right on a single object may see it."""
    names = [right.value]
    if right == Right.VIEW and model is not OrganizationalUnit:
        names = [codename for codename, _label in model._meta.permissions]
    return get_objects_for_user(
        user,
        [f"{model._meta.app_label}.{name}" for name in names],
        klass=model,
        any_perm=True,
        use_groups=False,
        with_superuser=False,
        accept_global_perms=False,
    )


def _declares(model: type[models.Model], right: Right) -> bool:
    return any(codename == right.value for codename, _label in model._meta.permissions)


def unit_of(target: Any) -> OrganizationalUnit:
    return target if isinstance(target, OrganizationalUnit) else target.unit


def can(user: User, right: Right, target: Any) -> bool:
    """Whether this person holds the right on the target's unit, on one above it, or on the object itself."""
    if not user.is_active:
        return False
    if user.is_superuser and right in OF_SUPERUSERS:
        return True
    lineage = unit_of(target).lineage
    if _granted(user, right, OrganizationalUnit).filter(pk__in=lineage).exists():
        return True
    model = type(target)
    if model is OrganizationalUnit or not _declares(model, right):
        return False
    return _granted(user, right, model).filter(pk=target.pk).exists()


def require(user: User, right: Right, target: Any) -> None:
    """Raise NotAllowed unless `can`."""
    if not can(user, right, target):
        raise NotAllowed(by=user, right=right, target=target)


def record_hidden(*, by: User, target: Any) -> None:
    """Somebody tried to change what he can't even see: he is told that there is no such thing, the trail knows."""
    audit.record_refusal(NotAllowed(by=by, right=Right.VIEW, target=target), by=by)


def held(user: User, target: Any) -> frozenset[Right]:
    """All rights of a person on one object, in at most two queries; for pages that draw many buttons."""
    if not user.is_active:
        return frozenset()
    names = set(_codenames(user, OrganizationalUnit, unit_of(target).lineage))
    model = type(target)
    if model is not OrganizationalUnit and _declares(model, Right.VIEW):
        single = set(_codenames(user, model, [target.pk]))
        names |= single | ({Right.VIEW.value} if single else set())
    rights = {right for right in Right if right.value in names}
    return frozenset(rights | (OF_SUPERUSERS if user.is_superuser else set()))


def _codenames(user: User, model: type[models.Model], pks: list[Any]) -> list[str]:
    grants: Any = get_user_obj_perms_model(model)  # type: ignore[arg-type]  # the stubs know guardian's own models only
    rows = grants.objects.filter(user=user, content_object__in=pks)
    return list(rows.values_list("permission__codename", flat=True))


def on_any_unit(user: User) -> frozenset[Right]:
    """The rights that a person was given on some unit; in one query."""
    if not user.is_active:
        return frozenset()
    grants: Any = get_user_obj_perms_model(OrganizationalUnit)  # type: ignore[arg-type]  # the stubs know guardian's own models only
    names = set(grants.objects.filter(user=user).values_list("permission__codename", flat=True))
    return frozenset(right for right in Right if right.value in names)


def units(user: User, right: Right) -> QuerySet[OrganizationalUnit]:
    """The units where a person's right acts: those it was granted on, and all below."""
    if not user.is_active:
        return OrganizationalUnit.objects.none()
    if user.is_superuser and right in OF_SUPERUSERS:
        return OrganizationalUnit.objects.all()
    paths = list(_granted(user, right, OrganizationalUnit).values_list("path", flat=True))
    return OrganizationalUnit.objects.filter(_below(paths))


def _below(paths: list[str]) -> Q:
    """Units at one of these places in the tree, and all under them."""
    below = Q(pk__in=[])
    for path in paths:
        below |= Q(path__startswith=path)
    return below


def readable_units(user: User) -> QuerySet[OrganizationalUnit]:
    """Where a person may read: own units and below, and the units above (parallel branches stay hidden)."""
    if not user.is_active:
        return OrganizationalUnit.objects.none()
    if user.is_superuser:
        return OrganizationalUnit.objects.all()
    paths = list(_granted(user, Right.VIEW, OrganizationalUnit).values_list("path", flat=True))
    above = {int(pk) for path in paths for pk in path.split("/") if pk}
    return OrganizationalUnit.objects.filter(_below(paths) | Q(pk__in=above))


def on_units(user: User, units: Collection[OrganizationalUnit]) -> dict[int, frozenset[Right]]:
    """By unit, the rights that a person's grants on units give there, in one query; VIEW reads the units above too."""
    if not user.is_active:
        return {unit.pk: frozenset() for unit in units}
    grants: Any = get_user_obj_perms_model(OrganizationalUnit)  # type: ignore[arg-type]  # the stubs know guardian's own models only
    found = list(grants.objects.filter(user=user).values_list("permission__codename", "content_object__path"))
    always = OF_SUPERUSERS if user.is_superuser else frozenset()
    return {
        unit.pk: always
        | {
            Right(name)
            for name, path in found
            if unit.path.startswith(path) or (name == Right.VIEW.value and path.startswith(unit.path))
        }
        for unit in units
    }


def visible(user: User, queryset: QuerySet[Any]) -> QuerySet[Any]:
    """Of rows with a `unit`, those that a person may read; single grants included."""
    if not user.is_active:
        return queryset.none()
    if user.is_superuser:
        return queryset
    condition = Q(unit__in=readable_units(user).values("pk"))
    if _declares(queryset.model, Right.VIEW):
        condition |= Q(pk__in=_granted(user, Right.VIEW, queryset.model).values("pk"))
    return queryset.filter(condition)


def within(user: User, right: Right, queryset: QuerySet[Any]) -> QuerySet[Any]:
    """Of rows with a `unit`, those on which a person holds the right; single grants included."""
    if not user.is_active:
        return queryset.none()
    condition = Q(unit__in=units(user, right).values("pk"))
    if _declares(queryset.model, right):
        condition |= Q(pk__in=_granted(user, right, queryset.model).values("pk"))
    return queryset.filter(condition)


def holders(right: Right, target: Any) -> QuerySet[User]:
    """The active people who hold a right on an object: whom to ask."""
    lineage = unit_of(target).lineage
    condition = Q(
        unituserpermission__permission__codename=right.value, unituserpermission__content_object__in=lineage
    )
    people = User.objects.filter(condition, is_active=True)
    model = type(target)
    if model is not OrganizationalUnit and _declares(model, right):
        single: Any = get_users_with_perms(
            target, only_with_perms_in=[right.value], with_group_users=False, with_superusers=False
        )
        people = User.objects.filter(
            Q(pk__in=people.values("pk")) | Q(pk__in=single.values("pk")), is_active=True
        )
    return people.distinct().order_by("first_name", "last_name", "username")


def people(by: User) -> QuerySet[User]:
    """The accounts that an administrator is shown: those at home where he administers; all, if that is everything."""
    if not by.is_active:
        return User.objects.none()
    mine = units(by, Right.ADMINISTER)
    if mine.filter(parent=None).exists():
        return User.objects.all()
    return User.objects.filter(home_unit__in=mine.values("pk"))


def _require_known(user: User, *, by: User) -> None:
    """Raise unless the giver is shown this person; so a refusal says no more than a wrong name does."""
    if by.pk != user.pk and not people(by).filter(pk=user.pk).exists():
        raise UnknownPerson(user=user.get_username())


@transaction.atomic
def grant(*, user: User, role: Role, unit: OrganizationalUnit, by: User | None) -> RoleGrant:
    """The person holds the role in the unit. `by` is None only for the set-up of a new instance."""
    if by is not None:
        require(by, Right.ADMINISTER, unit)
        if by.pk == user.pk and NOT_TO_ONESELF & {Right(right) for right in role.rights}:
            raise SelfGrant(role=role)
        _require_known(user, by=by)
    made, created = RoleGrant.objects.get_or_create(
        user=user, role=role, unit=unit, defaults={"granted_by": by}
    )
    if created:
        _write_rights(user, unit)
        audit.record("grant_role", by=by, target=user, role=role.code, unit=unit.label)
    return made


def units_with_rights_of(user: User) -> set[OrganizationalUnit]:
    """Where this person holds anything: by a role, or by a right on a single object."""
    found = Q(pk__in=user.role_grants.values("unit"))
    for model in apps.get_models():
        if not issubclass(model, UserObjectPermissionBase):
            continue
        grants: Any = model
        kind = grants._meta.get_field("content_object").related_model
        if kind is not None:  # guardian's generic table, which Sinete does not use, has none
            rows = grants.objects.filter(user=user)
            unit = "content_object" if kind is OrganizationalUnit else "content_object__unit"
            found |= Q(pk__in=rows.values(unit))
    return set(OrganizationalUnit.objects.filter(found))


def refuse_gain(*, by: User, unit: OrganizationalUnit, parent: OrganizationalUnit) -> None:
    """Refuse a move below `parent` by which this person's own Start or Approve would act on a new unit."""
    for right in NOT_TO_ONESELF:
        if can(by, right, parent) and not can(by, right, unit):
            raise SelfGrant(role=right.label)


@transaction.atomic
def revoke(*, grant: RoleGrant, by: User | None) -> None:
    """The person no longer holds the role there; at once."""
    if by is not None:
        require(by, Right.ADMINISTER, grant.unit)
    user, unit, role = grant.user, grant.unit, grant.role
    grant.delete()
    _write_rights(user, unit)
    audit.record("revoke_role", by=by, target=user, role=role.code, unit=unit.label)


@transaction.atomic
def grant_single(*, user: User, right: Right, target: Any, by: User) -> None:
    """The person holds one right on one object."""
    require(by, Right.ADMINISTER, target)
    if by.pk == user.pk and right in NOT_TO_ONESELF:
        raise SelfGrant(role=right.label)
    _require_known(user, by=by)
    assign_perm(right.value, user, target)
    audit.record("grant_right", by=by, target=target, user=user.get_username(), right=right.value)


@transaction.atomic
def revoke_single(*, user: User, right: Right, target: Any, by: User) -> None:
    """The person no longer holds the right on that one object."""
    require(by, Right.ADMINISTER, target)
    remove_perm(right.value, user, target)
    audit.record("revoke_right", by=by, target=target, user=user.get_username(), right=right.value)


def _write_rights(user: User, unit: OrganizationalUnit) -> None:
    """Make django-guardian's rows on this unit the union of what the person's roles there give."""
    wanted = {
        right
        for rights in RoleGrant.objects.filter(user=user, unit=unit).values_list("role__rights", flat=True)
        for right in rights
    }
    present = set(_codenames(user, OrganizationalUnit, [unit.pk]))
    for right in wanted - present:
        assign_perm(right, user, unit)
    for right in present - wanted:
        remove_perm(right, user, unit)


def rewrite_all_rights() -> None:
    """After the roles themselves changed."""
    for grant_ in RoleGrant.objects.select_related("user", "unit"):
        _write_rights(grant_.user, grant_.unit)
