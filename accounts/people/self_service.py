"""Self-service: what people do about their own account (name, password, address, session); none of it gives rights."""

from allauth.account.internal.flows.manage_email import sync_user_email_address
from allauth.account.models import EmailAddress
from django.contrib.auth import logout
from django.db import transaction
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from accounts import audit
from accounts.models import LetterKind, User
from accounts.people import letters
from campaign.lib import reader_zone
from campaign.lib.refusals import Refusal


class NoOwnAddress(Refusal):
    message = _("Your account has no mail address: an administrator enters it.")
    code = "no_own_address"


class NoSuchZone(Refusal):
    message = _("There is no time zone “%(zone)s”: name one such as America/Sao_Paulo.")
    code = "no_such_zone"


@transaction.atomic
def change_name(*, first_name: str, last_name: str, by: User) -> None:
    """The person is shown under this name from now on; earlier events keep what they said."""
    before = str(by)
    by.first_name, by.last_name = first_name, last_name
    by.save(update_fields=["first_name", "last_name"])
    if str(by) != before:
        audit.record("change_own_name", by=by, target=by, before=before)


@transaction.atomic
def read_in(*, time_zone: str, by: User) -> None:
    """Show the person all moments in this zone from now on; empty: in their browser's. Raise NoSuchZone."""
    if time_zone and reader_zone.named(time_zone) is None:
        raise NoSuchZone(zone=time_zone)
    if by.time_zone == time_zone:
        return
    before, by.time_zone = by.time_zone, time_zone
    by.save(update_fields=["time_zone"])
    audit.record("change_own_zone", by=by, target=by, before=before, now=time_zone)


@transaction.atomic
def change_password(*, password: str, by: User) -> None:
    """Change the person's own password; sessions elsewhere end, and their address is told."""
    _set_own(by, password)
    audit.record("change_own_password", by=by, target=by)


@transaction.atomic
def choose_password(*, password: str, by: User) -> None:
    """Set the password that was chosen by a link from a mail, which also shows that the address is the person's."""
    first = not by.has_usable_password()
    _set_own(by, password, tell=not first)
    confirm_address(by=by)
    audit.record("choose_password", by=by, target=by, first=first)


@transaction.atomic
def ask_to_confirm_address(*, by: User) -> None:
    """Mail a link that confirms the person's address; raise NoOwnAddress where there is none."""
    if not by.email:
        raise NoOwnAddress()
    letters.post(LetterKind.CONFIRM, by)
    audit.record("ask_to_confirm_address", by=by, target=by)


@transaction.atomic
def confirm_address(*, by: User) -> bool:
    """Note that the address is its owner's; say whether it could be, as it may be another account's already."""
    if not by.email:
        return False
    sync_user_email_address(by)
    row = EmailAddress.objects.get(user=by, email=by.email.lower())
    was_verified = row.verified
    if not row.set_verified():
        return False
    row.set_as_primary(conditional=True)
    if not was_verified:
        audit.record("confirm_address", by=by, target=by)
    return True


def sign_out(request: HttpRequest) -> None:
    """End the session, as its owner wishes."""
    _end(request, "sign_out")


def end_session(request: HttpRequest) -> None:
    """The session is over, because it was left alone for too long."""
    _end(request, "session_ended")


def _end(request: HttpRequest, action: str) -> None:
    user = request.user
    if isinstance(user, User):
        audit.record(action, by=user, target=user)
    logout(request)


def _set_own(user: User, password: str, *, tell: bool = True) -> None:
    user.set_password(password)
    user.must_change_password = False
    user.save(update_fields=["password", "must_change_password"])
    if tell:
        letters.post(LetterKind.PASSWORD_CHANGED, user)
