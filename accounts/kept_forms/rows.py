"""Kept forms as rows: kept for a person and a browser, found again by both, thrown away, forgotten after a day."""

from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import QuerySet

from accounts import audit
from accounts.kept_forms.reading import Typed
from accounts.models import KeptForm, User

MOST_FORMS = 10  # of one person; the oldest goes first
KEPT = timedelta(hours=24)
MOST_LETTERS = 2000  # of an address


@transaction.atomic
def keep(*, user: User, browser: str, page: str, action: str, typed: Typed, at: datetime) -> KeptForm | None:
    """Keep what the person typed, in the place of what was kept of that form before; None for what is too long."""
    if len(page) > MOST_LETTERS or len(action) > MOST_LETTERS:
        return None
    said = {
        "page": page, "typed": typed.fields, "files": typed.files, "secrets": typed.secrets, "kept_at": at,
        "posted_at": None,
    }  # fmt: skip
    row, _made = KeptForm.objects.update_or_create(user=user, browser=browser, action=action, defaults=said)
    newest = KeptForm.objects.filter(user=user).order_by("-kept_at", "-pk").values_list("pk", flat=True)
    KeptForm.objects.filter(user=user, pk__in=list(newest[MOST_FORMS : MOST_FORMS * 2])).delete()
    audit.record("keep_form", by=None, target=user, page=row.path)
    return row


def of(*, user_id: int, browser: str, at: datetime) -> QuerySet[KeptForm]:
    """What is kept of this person in this browser, latest first."""
    rows = KeptForm.objects.filter(user_id=user_id, browser=browser, kept_at__gt=at - KEPT)
    return rows.order_by("-kept_at", "-pk")


@transaction.atomic
def throw_away(*, form: KeptForm, by: User) -> None:
    """What was kept is gone. The caller found the form among those of the person."""
    audit.record("throw_away_form", by=by, target=by, page=form.path)
    form.delete()


def posted(*, user_id: int, browser: str, action: str, went_well: bool, at: datetime) -> None:
    """Its owner posted the form themselves: it is gone; where a rule said no, it is filled in no more."""
    rows = of(user_id=user_id, browser=browser, at=at).filter(action=action)
    if went_well:
        rows.delete()
    else:
        rows.update(posted_at=at)


def forget(at: datetime) -> int:
    """What was kept for longer than KEPT is gone; return how many forms."""
    return KeptForm.objects.filter(kept_at__lte=at - KEPT).delete()[0]
