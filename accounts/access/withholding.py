"""Start and Approve are withheld of a person whose account is in somebody's hands, and given back."""

from typing import Any

from django.apps import apps
from django.db import transaction
from django.db.models import Q, QuerySet
from guardian.models import UserObjectPermissionBase

from accounts.access import hands
from accounts.access.granting import require_independent, write_rights
from accounts.access.guardian_rows import grants, unit_of
from accounts.models import OrganizationalUnit, User
from accounts.rights import NOT_TO_ONESELF, Right


@transaction.atomic
def withhold(user: User) -> dict[str, list[str]]:
    """Take Start and Approve from the person, except where one administrator is enough.

    Return what was taken where, in words: by role under `roles`, on single objects under `single`.
    """
    taken: dict[str, list[str]] = {"roles": [], "single": []}
    for grant_ in user.role_grants.filter(withheld=False).select_related("role", "unit"):
        if NOT_TO_ONESELF & {Right(right) for right in grant_.role.rights} and not hands.one_is_enough(
            grant_.unit
        ):
            grant_.withheld = True
            grant_.save(update_fields=["withheld"])
            write_rights(user, grant_.unit)
            taken["roles"].append(f"{grant_.role.code}: {grant_.unit.label}")
    for rows in _single_rows(user):
        for row in rows.filter(permission__codename__in=[right.value for right in NOT_TO_ONESELF]):
            if not hands.one_is_enough(unit_of(row.content_object)):
                taken["single"].append(f"{row.permission.codename}: {row.content_object}")
                row.delete()
    return taken


@transaction.atomic
def give_back(user: User, *, by: User) -> list[str]:
    """Give back what was withheld of the person's roles; return which where, in words.

    Raise NeedsAnother unless `by` is independent.
    """
    given = []
    for grant_ in user.role_grants.filter(withheld=True).select_related("role", "unit"):
        require_independent(by, of=user, unit=grant_.unit)
        grant_.withheld = False
        grant_.save(update_fields=["withheld"])
        write_rights(user, grant_.unit)
        given.append(f"{grant_.role.code}: {grant_.unit.label}")
    return given


def _single_rows(user: User) -> list[QuerySet[Any]]:
    """Return, by model, the rights that the person was given on single objects; on units they come from roles."""
    found = []
    for model in apps.get_models():
        if issubclass(model, UserObjectPermissionBase):
            rights: Any = model
            kind = rights._meta.get_field("content_object").related_model
            if kind is not None and kind is not OrganizationalUnit:  # guardian's generic table has none
                rows = rights.objects.filter(user=user)
                found.append(rows.select_related("permission", "content_object__unit"))
    return found


def units_with_rights_of(user: User) -> set[OrganizationalUnit]:
    """Return where this person holds anything: by a role, or by a right on a single object."""
    found = Q(pk__in=user.role_grants.values("unit"))
    found |= Q(pk__in=grants(OrganizationalUnit).objects.filter(user=user).values("content_object"))
    for rows in _single_rows(user):
        found |= Q(pk__in=rows.select_related(None).values("content_object__unit"))
    return set(OrganizationalUnit.objects.filter(found))
