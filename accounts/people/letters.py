"""Mail to the owner of an account: written with the change that it tells of, sent once that has committed."""

import logging
from collections.abc import Iterable
from datetime import datetime, timedelta
from smtplib import SMTPException

from allauth.account.forms import default_token_generator
from allauth.account.internal.flows.manage_email import sync_user_email_address
from allauth.account.models import EmailAddress, EmailConfirmationHMAC
from allauth.account.utils import user_pk_to_url_str
from django.conf import settings
from django.core.mail import EmailMessage
from django.db import transaction
from django.db.models import QuerySet
from django.urls import reverse
from django.utils import timezone, translation
from django.utils.translation import gettext as _t

from accounts.models import Letter, LetterKind, User
from accounts.queues import LETTERS

logger = logging.getLogger(__name__)

MOST_TRIES = 6
PATIENCE = timedelta(minutes=1)  # after the first failure; then 4, 9, 16, 25 minutes
STALE = timedelta(days=1)
AT_ONCE = 200
WITH_A_LINK = (LetterKind.INVITATION, LetterKind.RESET, LetterKind.CONFIRM)  # into the account itself


def post(kind: LetterKind, user: User, *, to: str = "", by: User | None = None) -> Letter | None:
    """The letter leaves once the transaction has committed; `None` where the account has no address."""
    address = to or user.email
    if not address:
        return None
    now = timezone.now()
    letter = Letter.objects.create(user=user, kind=kind, to=address, by=by, at=now, mail_after=now)
    LETTERS.enqueue(job_id="letters")
    return letter


def due(at: datetime) -> QuerySet[Letter]:
    """What should leave by now. A closed account gets no link, but its owner still hears what was done to it."""
    letters = Letter.objects.filter(
        mailed_at=None, mail_after__lte=at, tries__lt=MOST_TRIES, at__gt=at - STALE
    )
    return letters.exclude(user__is_active=False, kind__in=WITH_A_LINK)


def mail(at: datetime) -> int:
    """What is due has left; returns how many letters did. Two of these at once share the work."""
    return sum(_mail_one(pk, at) for pk in due(at).order_by("id").values_list("pk", flat=True)[:AT_ONCE])


@transaction.atomic
def _mail_one(pk: int, at: datetime) -> int:
    """The row is locked while its mail goes out: it goes twice only if this process dies just then."""
    rows = due(at).select_for_update(skip_locked=True, of=("self",)).select_related("user", "by")
    letter = rows.filter(pk=pk).first()
    if letter is None:
        return 0
    letter.tries += 1
    try:
        _message(letter).send()
        letter.mailed_at = at
    except (OSError, SMTPException, ValueError) as error:  # ValueError: an address that no header takes
        logger.warning("letter %s could not be mailed (%s)", pk, type(error).__name__)
        letter.mail_after = at + PATIENCE * letter.tries**2
    letter.save(update_fields=["tries", "mailed_at", "mail_after"])
    return 1 if letter.mailed_at else 0


def _message(letter: Letter) -> EmailMessage:
    with translation.override(settings.LANGUAGE_CODE):
        subject, lines = _words(letter)
        greeting = _t("Hello %(name)s,") % {"name": letter.user}
        return EmailMessage(
            " ".join(subject.split()), "\n".join([greeting, "", *lines]), from_email=settings.NOTICES_FROM,
            to=[letter.to], headers={"Auto-Submitted": "auto-generated"},
        )  # fmt: skip


def _words(letter: Letter) -> tuple[str, Iterable[str]]:
    name = {"user": letter.user.get_username(), "by": letter.by or _t("An administrator")}
    match LetterKind(letter.kind):
        case LetterKind.INVITATION:
            return _t("Your account in Sinete"), [
                _t("%(by)s has made an account for you in Sinete. Your user name is: %(user)s") % name,
                _t("Choose your password here; nobody else learns it:"), password_link(letter.user),
                "", _t("The link works for %(days)s days.") % {"days": settings.PASSWORD_RESET_TIMEOUT // 86_400},
            ]  # fmt: skip
        case LetterKind.RESET:
            return _t("A new password for Sinete"), [
                _t("Somebody, probably you, asked for a new password. Your user name is: %(user)s") % name,
                _t("Choose it here:"), password_link(letter.user),
                "", _t("If it was not you, nothing needs to be done: your password stays as it is."),
            ]  # fmt: skip
        case LetterKind.CONFIRM:
            return _t("Confirm your address"), [
                _t("This is the address of the account “%(user)s” in Sinete. Confirm it here:") % name,
                confirmation_link(letter.user),
            ]  # fmt: skip
        case LetterKind.PASSWORD_SET:
            return _t("Somebody set your password in Sinete"), [
                _t("%(by)s set a new password for your account “%(user)s”.") % name,
                _t("You have to change it when you sign in."),
                _t("Until another administrator gives that back, you neither start nor approve deliveries."),
                _t("If you did not ask for this, tell an administrator whom you trust."),
            ]  # fmt: skip
        case LetterKind.ADDRESS_CHANGED:
            return _t("Somebody changed your address in Sinete"), [
                _t("%(by)s changed the mail address of your account “%(user)s”.") % name,
                _t("This is the last mail to the old one."),
                _t("Until another administrator gives that back, you neither start nor approve deliveries."),
                _t("If you did not ask for this, tell an administrator whom you trust."),
            ]  # fmt: skip
        case LetterKind.PASSWORD_CHANGED:
            return _t("Your password in Sinete is changed"), [
                _t("The password of your account “%(user)s” was changed by its owner.") % name,
                _t("If it was not you, ask for a new password at once:"),
                settings.PUBLIC_URL + reverse("account_reset_password"),
            ]  # fmt: skip


def password_link(user: User) -> str:
    """Where the owner of the address chooses a password; it ends with its use, a change of address, or with time."""
    slots = {"uidb36": user_pk_to_url_str(user), "key": default_token_generator.make_token(user)}
    return settings.PUBLIC_URL + reverse("account_reset_password_from_key", kwargs=slots)


def confirmation_link(user: User) -> str:
    """Where the owner confirms the address."""
    sync_user_email_address(user)
    address = EmailAddress.objects.get(user=user, email=user.email.lower())
    return settings.PUBLIC_URL + reverse("account_confirm_email", args=[EmailConfirmationHMAC(address).key])
