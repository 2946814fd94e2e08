"""Alerts by mail: of one person all that is due goes in one letter, be it one alert or a day's."""

import logging
from datetime import datetime, timedelta
from smtplib import SMTPException

from django.conf import settings
from django.core.mail import EmailMessage
from django.db import transaction
from django.db.models import QuerySet
from django.urls import reverse
from django.utils import translation
from django.utils.translation import gettext as _t
from django.utils.translation import ngettext

from accounts.models import User
from alerts import choices, words
from alerts.models import AlertNotice

logger = logging.getLogger(__name__)

MOST_TRIES = 5
PATIENCE = timedelta(minutes=5)  # after the first failure; then 20, 45, 80 minutes
STALE = timedelta(days=2)  # older ones are not mailed any more
AT_ONCE = 200  # people of one run
LISTED = 50  # alerts of one letter; of the rest their number


def due(at: datetime) -> QuerySet[AlertNotice]:
    """Return what should have been mailed by now."""
    return AlertNotice.objects.filter(
        mailed_at=None, mail_after__lte=at, mail_tries__lt=MOST_TRIES, at__gt=at - STALE, user__is_active=True
    ).exclude(user__email="")


def mail(at: datetime) -> int:
    """Mail what is due; return how many letters left. Two of these at once share the work."""
    people = due(at).order_by("user").values_list("user", flat=True).distinct()[:AT_ONCE]
    return sum(_mail_one(pk, at) for pk in people)


@transaction.atomic
def _mail_one(user_id: int, at: datetime) -> int:
    """The rows are locked while the letter goes out: it goes twice only if this process dies just then."""
    rows = due(at).filter(user=user_id).select_for_update(skip_locked=True, of=("self",))
    notices = list(rows.order_by("-pk"))
    if not notices:
        return 0
    user = User.objects.get(pk=user_id)
    # Who may not see a delivery any more is told nothing of it.
    told = choices.told_to(user).filter(pk__in=[one.pk for one in notices]).order_by("-pk")
    shown = list(told.select_related("alert__delivery__unit"))
    left, mail_after = _send(user, shown, at, tries=max(one.mail_tries for one in notices) + 1)
    for one in notices:
        one.mail_tries += 1
        one.mailed_at, one.mail_after = (at, one.mail_after) if left else (None, mail_after)
    AlertNotice.objects.bulk_update(notices, ["mail_tries", "mailed_at", "mail_after"])
    return 1 if left and shown else 0


def _send(user: User, shown: list[AlertNotice], at: datetime, *, tries: int) -> tuple[bool, datetime]:
    """Whether nothing is left to do, and when to try again otherwise."""
    try:
        if shown:
            _letter(user, shown).send()
        return True, at
    except (OSError, SMTPException, ValueError) as error:  # ValueError: an address that no header takes
        logger.warning("alerts of user %s could not be mailed (%s)", user.pk, type(error).__name__)
        return False, at + PATIENCE * tries**2


def _letter(user: User, shown: list[AlertNotice]) -> EmailMessage:
    with translation.override(settings.LANGUAGE_CODE):
        lines = []
        for notice in shown[:LISTED]:
            alert = notice.alert
            lines += [
                f"{alert.get_condition_display()}: {alert.delivery.label}",
                words.sentence(alert),
                f"{alert.delivery.name} · {alert.delivery.unit}",
                settings.PUBLIC_URL + reverse("deliveries:dashboard", args=[alert.delivery_id]),
                "",
            ]
        if len(shown) > LISTED:
            more = len(shown) - LISTED
            lines += [ngettext("And %(n)s alert more.", "And %(n)s alerts more.", more) % {"n": more}, ""]
        lines += [_t("Choose here how you are told:"), settings.PUBLIC_URL + reverse("alerts:choices")]
        return EmailMessage(
            " ".join(_subject(shown).split()), "\n".join(lines), from_email=settings.NOTICES_FROM, to=[user.email],
            headers={"Auto-Submitted": "auto-generated"},
        )  # fmt: skip


def _subject(shown: list[AlertNotice]) -> str:
    if len(shown) == 1:
        alert = shown[0].alert
        return f"{alert.get_condition_display()}: {alert.delivery.label}"
    return ngettext("%(n)s alert of your deliveries", "%(n)s alerts of your deliveries", len(shown)) % {
        "n": len(shown)
    }
