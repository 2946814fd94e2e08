"""How many people each audience had when it was last counted, for lists: no list counts a million profiles.

Where somebody decides, and on an audience's own page, it is counted anew.
"""

import logging
import time
from collections.abc import Collection, Iterable
from datetime import datetime, timedelta

from django.db import transaction

from audiences import queues
from audiences.models import Audience
from audiences.rules import targeting
from audiences.rules.rules import RuleError
from campaign.lib import in_time

logger = logging.getLogger(__name__)

FRESH = timedelta(hours=1)
PATIENCE = 20_000  # milliseconds for one audience
MOST_SECONDS = 120  # for one job; what is left is asked for again by whoever still looks
MOST_ASKED = 100


def is_stale(audience: Audience, *, at: datetime) -> bool:
    """Whether its count is missing or so old that it is counted anew once somebody looks."""
    return audience.counted_at is None or audience.counted_at < at - FRESH


def ask(audiences: Iterable[Audience], *, at: datetime) -> bool:
    """Ask a worker to count those whose counts are stale; return whether there are any. Nothing is counted here."""
    wanted = [audience.pk for audience in audiences if is_stale(audience, at=at)][:MOST_ASKED]
    if wanted:
        queues.COUNT.enqueue(job_id=f"count-audiences-{wanted[0]}-{len(wanted)}", audience_ids=wanted)
    return bool(wanted)


def count_stale(audience_ids: Collection[int], *, at: datetime) -> None:
    """Of these audiences the counts are fresh, as far as that can be done within MOST_SECONDS."""
    end = time.monotonic() + MOST_SECONDS
    rows = Audience.objects.filter(pk__in=list(audience_ids)[:MOST_ASKED]).select_related("unit")
    for audience in rows.order_by("pk"):
        if time.monotonic() > end:
            return
        if is_stale(audience, at=at):
            note(audience, _count(audience), at=at)


def _count(audience: Audience) -> int | None:
    """None where its rule makes no sense any more, or counting takes too long."""
    try:
        with in_time.at_most(PATIENCE):
            return targeting.count(audience)
    except RuleError:
        return None
    except in_time.TooSlow:
        logger.warning("counting the audience %s took too long", audience.pk)
        return None


def note(audience: Audience, number: int | None, *, at: datetime) -> None:
    """It had so many people at that moment. Where it was changed meanwhile, or is now, nothing is noted."""
    as_it_was = {"changed_at": audience.changed_at, "counted_at": audience.counted_at}
    rows = Audience.objects.filter(pk=audience.pk, **as_it_was)
    with transaction.atomic():  # nobody waits for an import that fills the list
        free = list(rows.select_for_update(skip_locked=True, no_key=True).values_list("pk", flat=True))
        Audience.objects.filter(pk__in=free).update(counted=number, counted_at=at)


def forget(audience_id: int) -> None:
    """Something about it has changed: its count is shown until there is another."""
    Audience.objects.filter(pk=audience_id).update(counted_at=None)
