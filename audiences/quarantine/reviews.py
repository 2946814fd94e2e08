"""Review of the quarantine: who has been held for months is given another chance, when a person asks for it.

Mailboxes come back and domains change hands. What is let go begins anew: the next hard error holds it again. The
denylist, and what a person or a list holds, never leaves by itself nor by this.
"""

from calendar import monthrange
from datetime import datetime

from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet
from django.db.models.functions import Coalesce
from django.utils.translation import gettext_lazy as _

from accounts import access, audit
from accounts.models import User
from accounts.rights import Right
from accounts.roles import root
from audiences.models import Quarantine
from audiences.quarantine.outages import LISTED, SHOWN, Affected, by_errors, let_go
from campaign.lib.refusals import Refusal

MOST_MONTHS = 1_200


class NoMonths(Refusal):
    message = _("Say after how many months: a whole number from 1 to %(most)s.")
    code = "no_months"


def usual_months() -> int:
    """After how many months an address is reviewed, where nobody says otherwise."""
    return int(settings.SINETE["quarantine_review_months"])


def months_before(at: datetime, months: int) -> datetime:
    """The same moment so many months earlier; of a month that is too short its last day."""
    number = at.year * 12 + at.month - 1 - months
    year, month = divmod(number, 12)
    return at.replace(year=year, month=month + 1, day=min(at.day, monthrange(year, month + 1)[1]))


def entries(*, months: int, at: datetime) -> QuerySet[Quarantine]:
    """Who is in quarantine by errors, the last of them so many months before `at`; raise NoMonths."""
    if not 1 <= months <= MOST_MONTHS:
        raise NoMonths(most=MOST_MONTHS)
    last = Coalesce("last_error_at", "created_at")
    rows = by_errors(status=Quarantine.Status.QUARANTINE).alias(last=last)
    return rows.filter(last__lte=months_before(at, months)).order_by("address_key")


def foresee(*, months: int, by: User, at: datetime) -> Affected:
    """Whom a review would let go; nothing is changed. Raise NoMonths."""
    access.require(by, Right.ADMINISTER, root())
    rows = entries(months=months, at=at)
    return Affected(rows.count(), list(rows[:SHOWN]))


@transaction.atomic
def review(*, months: int, by: User, at: datetime) -> int:
    """These addresses may be used again, their errors up to now forgotten; returns how many. Raise NoMonths."""
    access.require(by, Right.ADMINISTER, root())
    ids = let_go(entries(months=months, at=at), at=at)
    audit.record("review_quarantine", by=by, number=len(ids), months=months, entries=ids[:LISTED])
    return len(ids)
