"""In what orders deliveries are listed, and what a search in them finds: the same on the page and by command."""

from datetime import UTC, datetime, timedelta
from typing import Any

from django.db.models import Case, DateTimeField, F, IntegerField, Q, Value, When
from django.db.models.functions import Coalesce, Lower
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from campaign.lib import numbers
from deliveries.lifecycle import groups
from deliveries.models import Status

ATTENTION = "attention"
FRESH = timedelta(days=7)  # so long a send that failed stands among what needs somebody
NEVER = datetime(1, 1, 3, tzinfo=UTC)

_LIFE = {status: place for place, status in enumerate(Status)}


def attention(at: datetime) -> Any:
    """How much it asks for somebody as of `at`: most what runs or fails, then what waits, what comes, the rest."""
    failed = Q(status__in=groups.CUT_SHORT, ended_at__gte=at - FRESH)
    runs = Q(status__in=groups.UNDER_WAY | groups.BEING_PREPARED | groups.COULD_NOT_BE_PREPARED)
    return Case(
        When(runs | failed, then=Value(3)),
        When(status__in=groups.UNDECIDED, then=Value(2)),
        When(status__in=groups.RELEASED | groups.ACTIVATED, then=Value(1)),
        default=Value(0),
        output_field=IntegerField(),
    )


# By name: what it is called, an expression that is never null, and whether the largest comes first.
ORDERS: dict[str, tuple[str | Promise, Any, bool]] = {
    "new": (_("Newest first"), F("pk"), True),
    "label": (_("Label"), Lower("label"), False),
    "status": (
        _("Status"),
        Case(*(When(status=status, then=Value(place)) for status, place in _LIFE.items()), output_field=IntegerField()),
        False,
    ),
    "audience": (_("Audience"), Coalesce(Lower("audience__label"), Value("")), False),
    "when": (
        _("When"),
        Coalesce("started_at", "first_moment", "contact_date", Value(NEVER), output_field=DateTimeField()),
        True,
    ),
    "size": (_("To deliver"), Coalesce("preparation__to_deliver", Value(-1), output_field=IntegerField()), True),
    "by": (_("By"), Coalesce(Lower("created_by__first_name"), Value("")), False),
}  # fmt: skip


def matches(text: str) -> Q:
    """Deliveries whose label, description, subject or ID has this text in it."""
    condition = (
        Q(label__icontains=text) | Q(description__icontains=text) | Q(content__subject__icontains=text)
    )
    return condition | Q(pk=numbers.key(text.upper().removeprefix("DM")))
