"""The mails that ask to confirm: each leaves once, from a worker, a moment after it was asked for."""

import logging
from datetime import datetime, timedelta
from email.utils import formataddr, parseaddr
from smtplib import SMTPException

from django.conf import settings
from django.core.mail import EmailMessage
from django.db import transaction
from django.utils import translation
from django.utils.translation import gettext as _t

from audiences import tracking
from audiences.consent import sign_ups
from audiences.models import SignUp
from audiences.models.service import MOST_TRIES
from audiences.services import texts
from campaign.lib.tokens import Purpose, default_signer
from deliveries.models import Halt, Sender
from deliveries.sending import fence
from feedback.subscribing import relaying

logger = logging.getLogger(__name__)

PATIENCE = timedelta(minutes=1)  # after the first failure; then 4, 9, 16, 25 minutes
HALTED = timedelta(minutes=5)  # while all sending of the unit is stopped
AT_ONCE = 200


def mail(at: datetime) -> int:
    """What is due has left; returns how many mails did. Two of these at once share the work. A copy sends nothing."""
    if fence.problem() is not None:
        return 0
    ids = list(sign_ups.due(at).order_by("mail_after").values_list("pk", flat=True)[:AT_ONCE])
    return sum(_mail_one(pk, at) for pk in ids)


@transaction.atomic
def _mail_one(pk: int, at: datetime) -> int:
    """The row is locked while its mail goes out: it goes twice only if this process dies just then."""
    rows = sign_ups.due(at).select_for_update(skip_locked=True, of=("self",))
    sign_up = rows.select_related("service__unit", "text", "profile__unit").filter(pk=pk).first()
    if sign_up is None:
        return 0
    of = sign_up.service or sign_up.profile
    if of is not None and Halt.objects.covering(of.unit).exists():
        sign_up.mail_after = at + HALTED
    elif not sign_ups.may_be_mailed(sign_up) or not _is_as_activated(sign_up):
        sign_up.tries = MOST_TRIES
    else:
        _try(sign_up, at)
    sign_up.save(update_fields=["tries", "mailed_at", "mail_after"])
    return 1 if sign_up.mailed_at else 0


def _try(sign_up: SignUp, at: datetime) -> None:
    sign_up.tries += 1
    of = sign_up.service or sign_up.profile
    sender = relaying.sender_of(of.unit) if of is not None else None
    try:
        if sender is None:
            message(sign_up).send()
        else:
            relaying.send(message(sign_up, sender=sender), sender=sender)
        sign_up.mailed_at = at
    except (OSError, SMTPException, ValueError) as error:  # ValueError: an address that no header takes
        logger.warning("sign-up %s could not be mailed (%s)", sign_up.pk, type(error).__name__)
        sign_up.mail_after = at + PATIENCE * sign_up.tries**2


def _is_as_activated(sign_up: SignUp) -> bool:
    """Whether its words are those that somebody activated; a mail without a service has none of its own."""
    if sign_up.text is None:
        return sign_up.service is None
    if sign_up.text.activated_at is not None and texts.is_whole(sign_up.text):
        return True
    logger.error("sign-up %s is not mailed: its words are not those that were activated", sign_up.pk)
    return False


def message(sign_up: SignUp, *, sender: Sender | None = None) -> EmailMessage:
    """The mail, with the link that confirms: from the unit's sender, or without one from the installation's address."""
    name = ""
    if sign_up.text is not None and sign_up.service is not None:
        language, words = texts.in_language(sign_up.text, sign_up.language)
        subject, body, name = words["subject"], words["body"], sign_up.service.public_name
    else:
        language = sign_up.language or settings.LANGUAGE_CODE
        with translation.override(language):
            subject, body = _measuring(sign_up) if sign_up.tracking else _taking_back()
    with translation.override(language):
        last = _t("If it was not you, nothing needs to be done.")
    lines = [body, "", link(sign_up), "", last]
    own_name, own_address = parseaddr(settings.NOTICES_FROM)
    if sender is not None:
        own_name, own_address = sender.name, sender.address
    return EmailMessage(
        " ".join(subject.split()),
        "\n".join(lines),
        from_email=formataddr((name or own_name, own_address)),
        to=[sign_up.address],
        headers={"Auto-Submitted": "auto-generated"},
        reply_to=[sender.reply_to] if sender is not None and sender.reply_to else None,
    )


def link(sign_up: SignUp) -> str:
    """Where whoever reads the mail confirms."""
    return f"{settings.PUBLIC_URL}/k/{default_signer().sign(Purpose.CONFIRM, sign_up.key, 0)}"


def _taking_back() -> tuple[str, str]:
    return _t("Please confirm: emails to this address"), _t(
        "Somebody, probably you, asked on the page of an earlier email that emails come to this address again.\n\n"
        "Confirm it by the link below. Without that none come."
    )


def _measuring(sign_up: SignUp) -> tuple[str, str]:
    body = _t(
        "Somebody, probably you, asked on the page of an earlier email that this may be measured: %(what)s.\n\n"
        "Confirm it by the link below. Without that it is not."
    )
    what = ", ".join(tracking.labels(sign_up.tracking))
    return _t("Please confirm: what may be measured of your emails"), body % {"what": what}
