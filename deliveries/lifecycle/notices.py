"""Telling people: a row for each person, shown in the app and mailed once."""

import logging
from datetime import datetime, timedelta
from smtplib import SMTPException

from django.conf import settings
from django.core.mail import EmailMessage
from django.db import transaction
from django.db.models import Q, QuerySet
from django.urls import NoReverseMatch, reverse
from django.utils import translation
from django.utils.translation import gettext as _t

from accounts import access
from accounts.models import User
from accounts.rights import Right
from deliveries.models import Delivery, Notice, NoticeKind

logger = logging.getLogger(__name__)

MOST_MAIL_TRIES = 5
PATIENCE = timedelta(minutes=5)  # after the first failure; then 20, 45, 80 minutes
STALE = timedelta(days=1)  # older notices are not mailed any more
SHOWN = 50


def tell(delivery: Delivery, kind: NoticeKind, *, right: Right, at: datetime, text: str = "") -> int:
    """Give a notice to everybody who holds the right on the delivery, in the caller's transaction."""
    people = access.holders(right, delivery)
    return len(
        Notice.objects.bulk_create(
            Notice(user=person, delivery=delivery, kind=kind, text=text[:300], at=at) for person in people
        )
    )


def shown_to(user: User) -> QuerySet[Notice]:
    """Return the person's notices about deliveries that they may still see, newest first."""
    visible = Delivery.objects.visible_to(user).order_by().values("pk")
    return (
        Notice.objects.filter(user=user, delivery__in=visible)
        .select_related("delivery", "delivery__unit")
        .order_by("-id")
    )


def mark_seen(*, by: User, at: datetime) -> int:
    """Mark the person's own notices as seen."""
    return Notice.objects.filter(user=by, seen_at=None).update(seen_at=at)


def to_mail(at: datetime) -> QuerySet[Notice]:
    """The notices whose mail is due: to active people with an address, neither stale nor tried too often."""
    due = Q(mail_after=None) | Q(mail_after__lte=at)
    return Notice.objects.filter(
        due, mailed_at=None, mail_tries__lt=MOST_MAIL_TRIES, at__gt=at - STALE, user__is_active=True
    ).exclude(user__email="")


def mail(at: datetime) -> int:
    """Mail what was not mailed yet; returns how many were. Two of these at once share the work."""
    done = 0
    for pk in to_mail(at).order_by("id").values_list("pk", flat=True)[:500]:
        done += _mail_one(pk, at)
    return done


def _mail_one(pk: int, at: datetime) -> int:
    """Mail one notice, its row locked meanwhile: it is mailed twice only if this process ends at just that moment."""
    with transaction.atomic():
        notice = (
            to_mail(at)
            .select_for_update(skip_locked=True, of=("self",))
            .select_related("user", "delivery", "delivery__unit")
            .filter(pk=pk)
            .first()
        )
        if notice is None:
            return 0
        notice.mail_tries += 1
        try:
            _message(notice).send()
            notice.mailed_at = at
        except (OSError, SMTPException) as error:
            logger.warning("notice %s could not be mailed (%s)", pk, type(error).__name__)
            notice.mail_after = at + PATIENCE * notice.mail_tries**2
        notice.save(update_fields=["mail_tries", "mailed_at", "mail_after"])
        return 1 if notice.mailed_at else 0


def _message(notice: Notice) -> EmailMessage:
    with translation.override(settings.LANGUAGE_CODE):
        delivery = notice.delivery
        kind = NoticeKind(notice.kind).label
        lines = [
            f"{kind}: {delivery.label}",
            *([_in_words(notice)] if notice.text else []),
            f"{delivery.name} · {delivery.unit}",
            _address(delivery),
            "",
            _t("You get this because you may act on this delivery in Sinete."),
        ]
        subject = " ".join(f"{kind}: {delivery.label}".split())
        return EmailMessage(
            subject, "\n".join(lines), from_email=settings.NOTICES_FROM, to=[notice.user.email],
            headers={"Auto-Submitted": "auto-generated"},
        )  # fmt: skip


def _in_words(notice: Notice) -> str:
    return _t(notice.text)


def _address(delivery: Delivery) -> str:
    try:
        return settings.PUBLIC_URL.rstrip("/") + reverse("deliveries:dashboard", args=[delivery.pk])
    except NoReverseMatch:
        return settings.PUBLIC_URL
