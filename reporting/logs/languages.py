"""Rows of the sending log by the language of their profiles, as it is now: for figures, and for the log's filter.

Whose profile a person may not see is told apart by no language either.
"""

from typing import Any

from django.db.models import Case, CharField, Count, OuterRef, QuerySet, Subquery, Value, When
from django.db.models.functions import Coalesce, Lower, NullIf

from audiences.models import Profile
from reporting.logs.providers import UNSEEN

LONGEST = 16
TOP = 100  # languages that have a line of their own; more are mistakes of a file
NONE = "-"  # of a profile without one, or that is gone

Rows = QuerySet[Any]


def named(marked: Rows) -> Rows:
    """The rows, which `sight.marked` has marked, each with its language."""
    own = Profile.objects.filter(pk=OuterRef("profile_id")).values(code=Lower("language"))[:1]
    known = Coalesce(NullIf(Subquery(own), Value("")), Value(NONE), output_field=CharField())
    return marked.annotate(
        language=Case(When(is_seen=True, then=known), default=Value(UNSEEN), output_field=CharField())
    )


def counted(marked: Rows, **counts: Count) -> list[dict[str, Any]]:
    """The languages with the most rows, each with these counts beside `number`."""
    groups = named(marked).order_by().values("language").annotate(number=Count("seq"), **counts)
    return list(groups.order_by("-number", "language")[:TOP])


def chosen(text: str) -> str:
    """What an address names as a language; empty where it can be none."""
    plain = text.replace("\x00", "").strip().lower()
    return plain if len(plain) <= LONGEST else ""


def of(marked: Rows, language: str) -> Rows:
    """Of these rows those of a language."""
    return named(marked).filter(language=language)
