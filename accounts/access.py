"""Who may do what where. Every check of a right goes through here, on django-guardian's rows.

A right granted on a unit acts on that unit and all below; VIEW also reads the units above. A right may
be granted on a single object too, which then may be seen. `is_superuser` stands for VIEW and ADMINISTER
everywhere and for nothing else: nobody prepares, approves or starts a delivery but by a right that somebody gave.

Where a right acts is said once, by `_acts` for what was read and by `_acting` for what PostgreSQL looks for; each
question below is one of the two. Whom of the people behind an object above one sees is `audiences.sight`'s matter.
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

from accounts import audit, hands
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
    message = _("Nobody can give “%(role)s” to themselves: ask another administrator.")
    code = "self_grant"


class NeedsAnother(Refusal):
    message = _(
        "“%(user)s” is in the hands of %(holders)s, who made the account or set its password or address. Only another "
        "administrator can give Start or Approve to it, one whose own right %(holders)s did not give."
    )
    code = "needs_another"


class UnknownPerson(Refusal):
    message = _(
        "There is no “%(user)s” among the people whom you administer: ask an administrator of a unit above."
    )
    code = "unknown_person"


def _granted(user: User, right: Right, model: type[models.Model]) -> QuerySet[Any]:
    """The rows on which the right was given. Whoever was given any right on a single object may see it."""
    return get_objects_for_user(
        user,
        [f"{model._meta.app_label}.{name}" for name in _names(right, model)],
        klass=model,
        any_perm=True,
        use_groups=False,
        with_superuser=False,
        accept_global_perms=False,
    )


def _names(right: Right, model: type[models.Model]) -> list[str]:
    """The permissions on an object that give the right on it."""
    if right == Right.VIEW and model is not OrganizationalUnit:
        return [codename for codename, _label in model._meta.permissions]
    return [right.value]


def _declares(model: type[models.Model], right: Right) -> bool:
    return any(codename == right.value for codename, _label in model._meta.permissions)


def unit_of(target: Any) -> OrganizationalUnit:
    return target if isinstance(target, OrganizationalUnit) else target.unit


def _acts(right: str, granted: str, unit: str) -> bool:
    """Whether a right that was granted at one place in the tree acts at another: there and below; VIEW reads above."""
    return unit.startswith(granted) or (right == Right.VIEW.value and granted.startswith(unit))


def _acting(right: Right, unit: OrganizationalUnit, *, at: str = "") -> Q:
    """The same of rows: the units (under the name `at`) on which a grant of the right acts on this one."""
    acting = Q(**{f"{at}pk__in": unit.lineage})
    return acting | Q(**{f"{at}path__startswith": unit.path}) if right == Right.VIEW else acting


def can(user: User, right: Right, target: Any) -> bool:
    """Whether the right acts on the target: by a grant on a unit, or on the object itself."""
    if not user.is_active:
        return False
    if user.is_superuser and right in OF_SUPERUSERS:
        return True
    if _granted(user, right, OrganizationalUnit).filter(_acting(right, unit_of(target))).exists():
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
    """Somebody tried to change what they can't even see: they are told that there is no such thing, the trail knows."""
    audit.record_refusal(NotAllowed(by=by, right=Right.VIEW, target=target), by=by)


def held(user: User, target: Any) -> frozenset[Right]:
    """All rights of a person on one object, in at most two queries; for pages that draw many buttons."""
    if not user.is_active:
        return frozenset()
    unit = unit_of(target)
    names = {name for name, path in _unit_grants(user) if _acts(name, path, unit.path)}
    model = type(target)
    if model is not OrganizationalUnit and _declares(model, Right.VIEW):
        declared = {codename for codename, _label in model._meta.permissions}
        single = declared.intersection(_codenames(user, model, [target.pk]))
        names |= single | ({Right.VIEW.value} if single else set())
    rights = {right for right in Right if right.value in names}
    return frozenset(rights | (OF_SUPERUSERS if user.is_superuser else set()))


def _unit_grants(user: User) -> list[tuple[str, str]]:
    """What this person was granted on units: the rights' names, and the paths of the units."""
    grants: Any = get_user_obj_perms_model(OrganizationalUnit)  # type: ignore[arg-type]  # the stubs know guardian's own models only
    return list(grants.objects.filter(user=user).values_list("permission__codename", "content_object__path"))


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
    """The units where a person's right acts: those it was granted on and all below; to read, those above too."""
    if not user.is_active:
        return OrganizationalUnit.objects.none()
    if user.is_superuser and right in OF_SUPERUSERS:
        return OrganizationalUnit.objects.all()
    paths = list(_granted(user, right, OrganizationalUnit).values_list("path", flat=True))
    where = _below(paths)
    if right == Right.VIEW:
        where |= Q(pk__in={int(pk) for path in paths for pk in path.split("/") if pk})
    return OrganizationalUnit.objects.filter(where)


def _below(paths: list[str]) -> Q:
    """Units at one of these places in the tree, and all under them."""
    below = Q(pk__in=[])
    for path in paths:
        below |= Q(path__startswith=path)
    return below


def readable_units(user: User) -> QuerySet[OrganizationalUnit]:
    """Where a person may read: own units and below, and the units above (parallel branches stay hidden)."""
    return units(user, Right.VIEW)


def whole_units(user: User) -> QuerySet[OrganizationalUnit]:
    """The units of which this person sees whatever hangs under them and below: not those read from further down."""
    if not user.is_active:
        return OrganizationalUnit.objects.none()
    if user.is_superuser:
        return OrganizationalUnit.objects.all()
    paths = _granted(user, Right.VIEW, OrganizationalUnit).values_list("path", flat=True)
    return OrganizationalUnit.objects.filter(_below(list(paths)))


def sees_all_below(user: User, unit: OrganizationalUnit) -> bool:
    """Whether this person sees whatever hangs under the unit and below."""
    return whole_units(user).filter(pk=unit.pk).exists()


def on_units(user: User, units: Collection[OrganizationalUnit]) -> dict[int, frozenset[Right]]:
    """By unit, the rights that a person's grants on units give there, in one query."""
    if not user.is_active:
        return {unit.pk: frozenset() for unit in units}
    found = [(Right(name), path) for name, path in _unit_grants(user) if name in list(Right)]
    always = OF_SUPERUSERS if user.is_superuser else frozenset()
    return {
        unit.pk: always | {right for right, path in found if _acts(right, path, unit.path)} for unit in units
    }


def visible(user: User, queryset: QuerySet[Any]) -> QuerySet[Any]:
    """Of rows with a `unit`, those that a person may read; single grants included."""
    return within(user, Right.VIEW, queryset)


def within(user: User, right: Right, queryset: QuerySet[Any]) -> QuerySet[Any]:
    """Of rows with a `unit`, those on which a person holds the right; single grants included."""
    if not user.is_active:
        return queryset.none()
    if user.is_superuser and right in OF_SUPERUSERS:
        return queryset
    condition = Q(unit__in=units(user, right).values("pk"))
    if _declares(queryset.model, right):
        condition |= Q(pk__in=_granted(user, right, queryset.model).values("pk"))
    return queryset.filter(condition)


def holders(right: Right, target: Any) -> QuerySet[User]:
    """The active people on whose grants the right acts on an object: whom to ask."""
    grants: Any = get_user_obj_perms_model(OrganizationalUnit)  # type: ignore[arg-type]  # the stubs know guardian's own models only
    acting = _acting(right, unit_of(target), at="content_object__")
    found = Q(pk__in=grants.objects.filter(acting, permission__codename=right.value).values("user"))
    model = type(target)
    if model is not OrganizationalUnit and _declares(model, right):
        single: Any = get_users_with_perms(
            target,
            only_with_perms_in=_names(right, model),
            with_group_users=False,
            with_superusers=False,
        )
        found |= Q(pk__in=single.values("pk"))
    return User.objects.filter(found, is_active=True).order_by("first_name", "last_name", "username")


def people(by: User) -> QuerySet[User]:
    """The accounts that an administrator is shown: those at home where they administer; all, if that is everything."""
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
    """The person holds the role in the unit. `by` is None only for the set-up of a new instance.

    What was withheld of a role that is held already is given back.
    """
    if by is not None:
        require(by, Right.ADMINISTER, unit)
        _require_known(user, by=by)
        _lock(user)
        _check_gift({Right(right) for right in role.rights}, name=role, to=user, unit=unit, by=by)
    made, created = RoleGrant.objects.get_or_create(
        user=user, role=role, unit=unit, defaults={"granted_by": by}
    )
    if created or made.withheld:
        if made.withheld:
            made.withheld = False
            made.save(update_fields=["withheld"])
        _write_rights(user, unit)
        action = "grant_role" if created else "give_back_role"
        audit.record(action, by=by, target=user, role=role.code, unit=unit.label)
    return made


def _lock(user: User) -> None:
    """Nobody takes an account into their hands between the question whether it is in any and the gift."""
    User.objects.select_for_update(no_key=True).get(pk=user.pk)


def _check_gift(rights: set[Right], *, name: Any, to: User, unit: OrganizationalUnit, by: User) -> None:
    """Raise unless `by` may give these rights there: nobody starts or approves by a gift of their own."""
    if not NOT_TO_ONESELF & rights:
        return
    if by.pk == to.pk or by.pk in hands.within_reach({to.pk}):
        raise SelfGrant(role=name)
    require_independent(by, of=to, unit=unit)


def require_independent(by: User, *, of: User, unit: OrganizationalUnit) -> None:
    """Raise while the account is in the hands of anybody of whom `by` depends, but where one is enough."""
    holders = hands.holders(of)
    if not holders or hands.is_independent(by, of=[each.pk for each in holders], unit=unit):
        return
    if not hands.one_is_enough(unit):
        raise NeedsAnother(user=of, holders=", ".join(str(each) for each in holders))


@transaction.atomic
def withhold(user: User) -> dict[str, list[str]]:
    """The person neither starts nor approves, but where one administrator is enough; returns what was taken where."""
    taken: dict[str, list[str]] = {"roles": [], "single": []}
    for grant_ in user.role_grants.filter(withheld=False).select_related("role", "unit"):
        if NOT_TO_ONESELF & {Right(right) for right in grant_.role.rights} and not hands.one_is_enough(
            grant_.unit
        ):
            grant_.withheld = True
            grant_.save(update_fields=["withheld"])
            _write_rights(user, grant_.unit)
            taken["roles"].append(f"{grant_.role.code}: {grant_.unit.label}")
    for rows in _single_rows(user):
        for row in rows.filter(permission__codename__in=[right.value for right in NOT_TO_ONESELF]):
            if not hands.one_is_enough(unit_of(row.content_object)):
                taken["single"].append(f"{row.permission.codename}: {row.content_object}")
                row.delete()
    return taken


@transaction.atomic
def give_back(user: User, *, by: User) -> list[str]:
    """What was withheld of the person's roles acts again; returns which where. `by` must be independent."""
    given = []
    for grant_ in user.role_grants.filter(withheld=True).select_related("role", "unit"):
        require_independent(by, of=user, unit=grant_.unit)
        grant_.withheld = False
        grant_.save(update_fields=["withheld"])
        _write_rights(user, grant_.unit)
        given.append(f"{grant_.role.code}: {grant_.unit.label}")
    return given


def _single_rows(user: User) -> list[QuerySet[Any]]:
    """By model, the rights that the person was given on single objects; units aside, where roles give them."""
    found = []
    for model in apps.get_models():
        if issubclass(model, UserObjectPermissionBase):
            grants: Any = model
            kind = grants._meta.get_field("content_object").related_model
            if kind is not None and kind is not OrganizationalUnit:  # guardian's generic table has none
                rows = grants.objects.filter(user=user)
                found.append(rows.select_related("permission", "content_object__unit"))
    return found


def units_with_rights_of(user: User) -> set[OrganizationalUnit]:
    """Where this person holds anything: by a role, or by a right on a single object."""
    found = Q(pk__in=user.role_grants.values("unit"))
    units: Any = get_user_obj_perms_model(OrganizationalUnit)  # type: ignore[arg-type]  # the stubs know guardian's own models only
    found |= Q(pk__in=units.objects.filter(user=user).values("content_object"))
    for rows in _single_rows(user):
        found |= Q(pk__in=rows.select_related(None).values("content_object__unit"))
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
    _require_known(user, by=by)
    _lock(user)
    _check_gift({right}, name=right.label, to=user, unit=unit_of(target), by=by)
    assign_perm(right.value, user, target)
    audit.record("grant_right", by=by, target=target, user=user.get_username(), right=right.value)


@transaction.atomic
def revoke_single(*, user: User, right: Right, target: Any, by: User) -> None:
    """The person no longer holds the right on that one object."""
    require(by, Right.ADMINISTER, target)
    remove_perm(right.value, user, target)
    audit.record("revoke_right", by=by, target=target, user=user.get_username(), right=right.value)


def _write_rights(user: User, unit: OrganizationalUnit) -> None:
    """Make django-guardian's rows on this unit what the person's roles there give, without what is withheld."""
    grants = RoleGrant.objects.filter(user=user, unit=unit).values_list("role__rights", "withheld")
    wanted = {
        right
        for rights, withheld in grants
        for right in rights
        if not (withheld and Right(right) in NOT_TO_ONESELF)
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
