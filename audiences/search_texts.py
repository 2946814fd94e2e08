"""The text by which people are found: looked through beside the profiles, and written after an import.

Triggers of PostgreSQL write the texts of a few new or changed profiles in the same transaction. Of thousands they, or
the import, write down the ids alone; `fill` writes these texts a part at a time. Until then the profiles themselves
are looked through, so that nobody is ever not found.
"""

import time
from collections.abc import Sequence

from django.db import connection, models, transaction
from django.db.models import F, Func, Q, QuerySet, Value
from django.db.models.functions import Concat

from audiences import queues
from audiences.models import Profile, SearchBacklog, SearchText
from audiences.models.profile import plain

SHORT = 3  # letters that the index of trigrams needs to find any part of a word
PARTS = 4  # parts of the backlog, of 5,000 profiles each, that are written in one transaction
JOB = "search-texts"
LOCK = 4177206  # the triggers have it too
FEW = 500  # changed profiles whose texts an import leaves to the triggers
# Until the transaction ends the triggers leave out whoever changes, so whoever says so notes their ids.
LATER = "SELECT set_config('sinete.search_later', 'on', true)"
NOTE = """
    INSERT INTO audiences_searchbacklog (profile_ids) SELECT array_agg(id) FROM (
        SELECT id, (row_number() OVER () - 1) / 5000 AS part FROM {changed}
    ) AS ids GROUP BY part
"""

_TEXT = Func(
    *(F(name) for name in ("external_id", "email", "first_name", "last_name", "city", "phone")),
    function="audiences_search_text",
    output_field=models.TextField(),
)


def with_word(name: str, word: str) -> Q:
    """The condition that a text of `sinete_plain` holds the word: a short one where a word begins, others anywhere.

    So the index finds the short ones too, and a search for "li" shows Lia and not Julia.
    """
    if len(word) >= SHORT or not word.isalnum():
        return Q(**{f"{name}__contains": plain(word)})
    return Q(**{f"{name}__regex": Concat(Value("(^|[^[:alnum:]])"), plain(word))})


def holding(profiles: QuerySet[Profile], words: Sequence[str]) -> QuerySet[Profile]:
    """The profiles whose text holds each of these. A question more is asked: whether texts are yet to be written."""
    if not words:
        return profiles
    if not is_anything_waiting():
        for word in words:
            profiles = profiles.filter(with_word("search_text__text", word))
        return profiles
    ids = Func("profile_ids", function="unnest", set_returning=True, output_field=models.BigIntegerField())
    waiting = Profile.objects.filter(pk__in=SearchBacklog.objects.annotate(each=ids).values("each"))
    waiting, written = waiting.order_by().alias(told=_TEXT), SearchText.objects.all()
    for word in words:
        written = written.filter(with_word("text", word))
        waiting = waiting.filter(with_word("told", word))
        # What was written may be of before.
        profiles = profiles.alias(told=_TEXT).filter(with_word("told", word))
    return profiles.filter(pk__in=written.values("pk").union(waiting.values("pk"), all=True))


def is_anything_waiting() -> bool:
    """Whether the texts of some profiles are yet to be written."""
    return SearchBacklog.objects.exists()


def fill(*, seconds: float) -> int:
    """The texts that wait are written, as many as the time allows; how many profiles were seen to.

    Each transaction writes those of some thousands, so what a crash or the end of the time leaves is done by the next.
    """
    until, done = time.monotonic() + seconds, 0
    while time.monotonic() < until and (some := _fill_some()):
        done += some
    return done


def wake() -> None:
    """A worker is asked for where texts wait."""
    if is_anything_waiting():
        queues.SEARCH_TEXTS.enqueue(job_id=JOB)


@transaction.atomic
def _fill_some() -> int:
    """0 where nothing waits, or somebody who writes or deletes a text just now has yet to commit."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [LOCK])
        if not cursor.fetchone()[0]:
            return 0
        cursor.execute("SELECT set_config('work_mem', '64MB', true)")
        cursor.execute("SELECT id, profile_ids FROM audiences_searchbacklog ORDER BY id LIMIT %s", [PARTS])
        parts = cursor.fetchall()
        if not parts:
            return 0
        profile_ids = sorted({profile_id for _part, ids in parts for profile_id in ids})
        cursor.execute("DELETE FROM audiences_searchtext WHERE profile_id = ANY(%s)", [profile_ids])
        cursor.execute(
            """
            INSERT INTO audiences_searchtext (profile_id, text)
            SELECT id, audiences_search_text(external_id, email, first_name, last_name, city, phone)
            FROM audiences_profile WHERE id = ANY(%s) ORDER BY id
            """,
            [profile_ids],
        )
        cursor.execute(
            "DELETE FROM audiences_searchbacklog WHERE id = ANY(%s)", [[part for part, _ids in parts]]
        )
    return len(profile_ids)
