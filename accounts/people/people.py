"""Accounts of people: made, changed, given a new password, by those who administer where they work.

Whoever changes an account could act with its rights. So it takes the right over every unit where the person
holds a role, and only a superuser touches a superuser. And whoever makes an account, or sets its password or its
address, has it in their hands: it neither starts nor approves until an independent administrator says that it may.
"""

from typing import Any

from allauth.account.models import EmailAddress
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet
from django.utils.translation import gettext_lazy as _

from accounts import access, audit
from accounts.access import hands
from accounts.models import Hand, Hold, LetterKind, OrganizationalUnit, User
from accounts.people import letters
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


ONE_IS_ENOUGH = _(
    "In “%(unit)s” and below one administrator is enough: they can send alone, through accounts that they made."
)


class OnlySuperusers(Forbidden):
    message = _("Only a superuser can change that about “%(user)s”.")
    code = "only_superusers"


class NotAboutOneself(Refusal):
    message = _("Ask another administrator to change that about yourself.")
    code = "not_about_oneself"


class OwnPassword(Refusal):
    message = _("You change your own password on the page “My account”, where the present one is asked for.")
    code = "own_password"


class WeakPassword(Refusal):
    message = _("%(reasons)s")
    code = "weak_password"


class NoAddress(Refusal):
    message = _("“%(user)s” needs a mail address: the link to choose a password goes there.")
    code = "no_address"


class BadAccount(Refusal):
    message = _("%(reasons)s")
    code = "bad_account"


class NothingInHand(Refusal):
    message = _("“%(user)s” is in nobody else's hands: there is nothing to give back.")
    code = "nothing_in_hand"


@transaction.atomic
def create_user(
    *, username: str, home_unit: OrganizationalUnit, by: User, password: str | None = None, **fields: Any
) -> User:
    """Make an account in the unit, and invite the person by mail to choose a password; roles say what they may do.

    A `password` that is given instead must be changed at the first sign-in.
    """
    access.require(by, Right.ADMINISTER, home_unit)
    user = User(username=username, home_unit=home_unit, **_known(fields))
    _check_flags(user, {name for name in OF_SUPERUSERS if fields.get(name)}, by=by)
    _check_fields(user, {"username", *fields})
    user.superuser_given_by = by if user.is_superuser else None
    if password:
        _set_password(user, password)
        user.must_change_password = True
    else:
        user.set_unusable_password()
        _require_address(user)
    user.save()
    audit.record("create_user", by=by, target=user, invited=not password)
    _take(user, Hold.PASSWORD if password else Hold.INVITED, by=by)
    if not password:
        letters.post(LetterKind.INVITATION, user, by=by)
    return user


@transaction.atomic
def invite(*, user: User, by: User) -> None:
    """Send the person another link to choose a password; raises as `require_over` does."""
    require_over(user, by=by)
    _require_address(user)
    letters.post(LetterKind.INVITATION, user, by=by)
    audit.record("invite", by=by, target=user)


@transaction.atomic
def change_user(*, user: User, by: User, **fields: Any) -> User:
    """Change the account; without `is_active` the person is signed out at once.

    Raise what `require_over` raises, and NotAboutOneself where a person would end or promote their own account.
    """
    user = User.objects.select_for_update().get(pk=user.pk)
    require_over(user, by=by)
    changed = {name for name, value in _known(fields).items() if getattr(user, name) != value}
    if by.pk == user.pk and changed & {"is_active", *OF_SUPERUSERS}:
        raise NotAboutOneself()
    _check_flags(user, changed & set(OF_SUPERUSERS), by=by)
    if "home_unit" in changed and fields["home_unit"] is not None:
        access.require(by, Right.ADMINISTER, fields["home_unit"])
    before = user.email
    for name in changed:
        setattr(user, name, fields[name])
    _check_fields(user, changed)
    if "is_superuser" in changed:
        user.superuser_given_by = by if user.is_superuser else None
        changed.add("superuser_given_by")
    user.save(update_fields=list(changed))
    audit.record("change_user", by=by, target=user, fields=sorted(changed))
    if user.email.lower() != before.lower():
        _readdressed(user, before=before, by=by)
    return user


def _readdressed(user: User, *, before: str, by: User) -> None:
    """Forget that the old address was verified, and tell it; whoever set the new one has the account in hand."""
    EmailAddress.objects.filter(user=user).delete()
    if by.pk != user.pk:
        _take(user, Hold.ADDRESS, by=by)
        letters.post(LetterKind.ADDRESS_CHANGED, user, to=before, by=by)


@transaction.atomic
def set_password(*, user: User, password: str, by: User) -> None:
    """Give the person a password for one sign-in, at which they change it; open sessions end, and they are told.

    Raise OwnPassword for one's own, and what `require_over` raises.
    """
    user = User.objects.select_for_update().get(pk=user.pk)
    require_over(user, by=by)
    if by.pk == user.pk:
        raise OwnPassword()
    _set_password(user, password)
    user.must_change_password = True
    user.save(update_fields=["password", "must_change_password"])
    audit.record("set_password", by=by, target=user)
    _take(user, Hold.PASSWORD, by=by)
    letters.post(LetterKind.PASSWORD_SET, user, by=by)


def _take(user: User, how: Hold, *, by: User) -> None:
    """Note that the account is in the hands of `by` too, and withhold Start and Approve from it."""
    Hand.objects.get_or_create(user=user, holder=by, how=how)
    taken = access.withhold(user)
    if any(taken.values()):
        audit.record("withhold_rights", by=by, target=user, how=how.value, taken=taken)


@transaction.atomic
def give_back(*, user: User, by: User) -> list[str]:
    """Let the account start and approve again, as `by` says, who depends on nobody that had it in hand.

    Return what was given back, in words. Raise NothingInHand where nothing was withheld, NotAboutOneself where `by` is
    the owner or in the owner's hands, and NeedsAnother where `by` is not independent.
    """
    user = User.objects.select_for_update().get(pk=user.pk)
    require_over(user, by=by)
    held_by = hands.holders(user)
    if not held_by:
        raise NothingInHand(user=user)
    if by.pk == user.pk or by.pk in hands.within_reach({user.pk}):
        raise NotAboutOneself()
    for unit in _units_of(user):
        access.require_independent(by, of=user, unit=unit)
    given = access.give_back(user, by=by)
    user.hands.all().delete()
    audit.record(
        "give_back_rights", by=by, target=user, roles=given, held_by=[each.username for each in held_by]
    )
    return given


def require_over(user: User, *, by: User) -> None:
    """Return where `by` administers the home of the person and each unit where they hold a role or any right.

    Raise access.NotAllowed otherwise, and OnlySuperusers where the person is a superuser and `by` is none.
    """
    if user.is_superuser and not by.is_superuser:
        raise OnlySuperusers(user=user.get_username())
    for unit in _units_of(user):
        access.require(by, Right.ADMINISTER, unit)


def _units_of(user: User) -> set[OrganizationalUnit]:
    """Where the person is at home or holds anything; where that is nowhere, the unit above all."""
    units = access.units_with_rights_of(user)
    if user.home_unit is not None:
        units.add(user.home_unit)
    return units or set(OrganizationalUnit.objects.filter(parent=None))


def verified_address(user: User) -> str | None:
    """The person's mail address, if a link that was sent there has shown that it is the person's."""
    return verified_addresses(User.objects.filter(pk=user.pk)).get(user.pk)


def verified_addresses(users: QuerySet[User]) -> dict[int, str]:
    """By person, the mail addresses that a link which was sent there has shown to be theirs; one query."""
    proven = EmailAddress.objects.filter(user=OuterRef("pk"), verified=True, email__iexact=OuterRef("email"))
    return dict(users.exclude(email="").filter(Exists(proven)).values_list("pk", "email"))


def _check_fields(user: User, names: set[str]) -> None:
    """Raise unless these are as the account's columns want them: whoever calls, a form or a command."""
    aside = {field.name for field in User._meta.fields if field.name not in names}
    try:
        user.clean_fields(exclude=aside)
        user.validate_unique(exclude=aside)
    except ValidationError as error:
        said = [f"{name}: {' '.join(words)}" for name, words in error.message_dict.items()]
        raise BadAccount(reasons=" ".join(said)) from None


def _require_address(user: User) -> None:
    if not user.email:
        raise NoAddress(user=user.get_username())


def _check_flags(user: User, flags: set[str], *, by: User) -> None:
    if flags and not by.is_superuser:
        raise OnlySuperusers(user=user.get_username())


def check_password(user: User, password: str) -> None:
    """Raise WeakPassword unless the password is as passwords must be."""
    try:
        validate_password(password, user)
    except ValidationError as error:
        raise WeakPassword(reasons=" ".join(error.messages)) from None


def refuse_same(user: User, password: str) -> None:
    """Raise a ValidationError where the password is the one that somebody else set, which has to go."""
    if user.must_change_password and user.check_password(password):
        raise ValidationError(_("That is the same password that somebody else set: choose another."))


def _set_password(user: User, password: str) -> None:
    check_password(user, password)
    user.set_password(password)


def _known(fields: dict[str, Any]) -> dict[str, Any]:
    unknown = fields.keys() - set(FIELDS)
    if unknown:
        raise TypeError(f"no such fields: {', '.join(sorted(unknown))}")
    return fields
