"""Accounts of people: made, changed, given a new password, by those who administer where they work.

Whoever changes an account could act with its rights. So it takes the right over every unit where the person
holds a role, and only a superuser touches a superuser.
"""

from typing import Any

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import CharField, OuterRef, QuerySet, Subquery
from django.db.models.functions import Cast
from django.utils.translation import gettext_lazy as _

from accounts import access, audit
from accounts.models import AuditEvent, OrganizationalUnit, User
from accounts.rights import Right
from campaign.lib.refusals import Forbidden, Refusal

FIELDS = (
    "username",
    "first_name",
    "last_name",
    "email",
    "home_unit",
    "is_active",
    "is_staff",
    "is_superuser",
)
OF_SUPERUSERS = ("is_staff", "is_superuser")  # who may enter the desk, and who is one


class OnlySuperusers(Forbidden):
    message = _("Only a superuser can change that about “%(user)s”.")
    code = "only_superusers"


class NotAboutOneself(Refusal):
    message = _("Ask another administrator to change that about yourself.")
    code = "not_about_oneself"


class WeakPassword(Refusal):
    message = _("%(reasons)s")
    code = "weak_password"


@transaction.atomic
def create_user(
    *, username: str, password: str, home_unit: OrganizationalUnit, by: User, **fields: Any
) -> User:
    """A person who may sign in stands in the unit; what he may do there, roles say."""
    access.require(by, Right.ADMINISTER, home_unit)
    user = User(username=username, home_unit=home_unit, **_known(fields))
    _check_flags(user, {name for name in OF_SUPERUSERS if fields.get(name)}, by=by)
    _set_password(user, password)
    user.save()
    audit.record("create_user", by=by, target=user)
    return user


@transaction.atomic
def change_user(*, user: User, by: User, **fields: Any) -> User:
    """The account is as given; without `is_active` the person is out at once."""
    user = User.objects.select_for_update().get(pk=user.pk)
    require_over(user, by=by)
    changed = {name for name, value in _known(fields).items() if getattr(user, name) != value}
    if by.pk == user.pk and changed & {"is_active", *OF_SUPERUSERS}:
        raise NotAboutOneself()
    _check_flags(user, changed & set(OF_SUPERUSERS), by=by)
    if "home_unit" in changed and fields["home_unit"] is not None:
        access.require(by, Right.ADMINISTER, fields["home_unit"])
    for name in changed:
        setattr(user, name, fields[name])
    user.save(update_fields=list(changed))
    audit.record("change_user", by=by, target=user, fields=sorted(changed))
    return user


@transaction.atomic
def set_password(*, user: User, password: str, by: User) -> None:
    """The person signs in with this password from now on; open sessions end."""
    require_over(user, by=by)
    _set_password(user, password)
    user.save(update_fields=["password"])
    audit.record("set_password", by=by, target=user)


def verified_address(user: User) -> str | None:
    """The address of this person if somebody else vouches for it."""
    return verified_addresses(User.objects.filter(pk=user.pk)).get(user.pk)


def verified_addresses(users: QuerySet[User]) -> dict[int, str]:
    """By person, the addresses that somebody else vouches for: who set his own, as an administrator can, has none.

    One query for all of them.
    """
    setting = AuditEvent.objects.filter(
        action="change_user", refused=False, target_type=User._meta.label_lower,
        target_id=Cast(OuterRef("pk"), CharField()), detail__fields__contains="email",
    )  # fmt: skip
    rows = users.exclude(email="").annotate(set_by=Subquery(setting.order_by("-id").values("actor")[:1]))
    return {pk: email for pk, email, by in rows.values_list("pk", "email", "set_by") if by != pk}


def require_over(user: User, *, by: User) -> None:
    """Raise unless `by` administers the home of the person and each unit where he holds a role or any right."""
    if user.is_superuser and not by.is_superuser:
        raise OnlySuperusers(user=user.get_username())
    units = access.units_with_rights_of(user)
    if user.home_unit is not None:
        units.add(user.home_unit)
    for unit in units or set(OrganizationalUnit.objects.filter(parent=None)):
        access.require(by, Right.ADMINISTER, unit)


def _check_flags(user: User, flags: set[str], *, by: User) -> None:
    if flags and not by.is_superuser:
        raise OnlySuperusers(user=user.get_username())


def _set_password(user: User, password: str) -> None:
    try:
        validate_password(password, user)
    except ValidationError as error:
        raise WeakPassword(reasons=" ".join(error.messages)) from None
    user.set_password(password)


def _known(fields: dict[str, Any]) -> dict[str, Any]:
    unknown = fields.keys() - set(FIELDS)
    if unknown:
        raise TypeError(f"no such fields: {', '.join(sorted(unknown))}")
    return fields
