"""What somebody is writing is kept while they write: beside the versions, theirs alone, until they save it."""

import re
import secrets
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from accounts import access, audit
from accounts.models import User
from accounts.rights import Right
from campaign.lib.refusals import Refusal
from deliveries.drafting.drafts import NotEditable
from deliveries.lifecycle import groups
from deliveries.models import ContentDraft, Delivery, Status
from deliveries.models.content import PARTS

MOST = 3  # of one person for one delivery: so many windows may be written in; the oldest goes first
MOST_LETTERS = 2 * 1024 * 1024  # of each part
KEPT = timedelta(days=30)
_KEY = re.compile(r"[0-9a-f]{16}")


class DraftTooLong(Refusal):
    message = _("This is too long to be kept while you write: save it.")
    code = "draft_too_long"


def new_key() -> str:
    """What names a page on which somebody begins to write."""
    return secrets.token_hex(8)


def of(delivery: Delivery, *, by: User) -> QuerySet[ContentDraft]:
    """What the person wrote on this delivery and did not save, latest first."""
    return ContentDraft.objects.filter(delivery=delivery, person=by).order_by("-kept_at", "-pk")


@transaction.atomic
def keep(
    *, delivery: Delivery, key: str, base: int, by: User, at: datetime, **parts: str
) -> ContentDraft | None:
    """Keep what stands on the person's page; None, and nothing kept, where it is what the latest version says.

    Raise NotAllowed without the right to write it, NotEditable where it can't be changed now, DraftTooLong.
    """
    access.require(by, Right.PREPARE, delivery)
    delivery = Delivery.objects.select_related("content").get(pk=delivery.pk)
    if delivery.status not in groups.EDITABLE:
        raise NotEditable(delivery=delivery, status=Status(delivery.status).label)
    said = {part: parts.get(part, "").replace("\0", "") for part in PARTS}
    if any(len(value) > MOST_LETTERS for value in said.values()):
        raise DraftTooLong()
    if not _KEY.fullmatch(key):
        return None
    if _says_no_more(delivery, said):
        of(delivery, by=by).filter(key=key).delete()
        return None
    more = {"base": base, "kept_at": at, **said}
    draft, is_new = ContentDraft.objects.update_or_create(
        delivery=delivery, person=by, key=key, defaults=more
    )
    if is_new:
        newest = list(of(delivery, by=by).values_list("pk", flat=True)[: MOST * 2])
        ContentDraft.objects.filter(pk__in=newest[MOST:]).delete()
        audit.record("keep_draft", by=by, target=delivery)
    return draft


def _says_no_more(delivery: Delivery, said: dict[str, str]) -> bool:
    content = delivery.content
    return said == {part: getattr(content, part) if content else "" for part in PARTS}


@transaction.atomic
def throw_away(*, delivery: Delivery, key: str, by: User) -> None:
    """What the person wrote on that page is gone, if it is there."""
    gone, _rows = _named(delivery, key, by=by).delete()
    if gone:
        audit.record("throw_draft_away", by=by, target=delivery)


def saved(*, delivery: Delivery, key: str, by: User) -> None:
    """It is a version now, and no draft any more."""
    _named(delivery, key, by=by).delete()


def _named(delivery: Delivery, key: str, *, by: User) -> QuerySet[ContentDraft]:
    rows = of(delivery, by=by).order_by()
    return rows.filter(key=key) if _KEY.fullmatch(key) else rows.none()


def forget(at: datetime) -> int:
    """Drafts that nobody touched for KEPT are gone; return how many."""
    return ContentDraft.objects.filter(kept_at__lte=at - KEPT).delete()[0]
