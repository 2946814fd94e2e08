"""Which values a field has in the profiles that somebody may see, and how often: no code must be known by heart.

Bounded in what is looked at, how long it takes and how much is shown.
"""

import logging
from dataclasses import dataclass

from django.db.models import Count, F

from accounts.models import OrganizationalUnit, User
from audiences import sight
from audiences.fields import fields as profile_fields
from audiences.fields import value_names
from audiences.fields.fields import TEXT, ProfileField
from audiences.models import Profile
from audiences.rules import targeting
from campaign.lib import in_time

logger = logging.getLogger(__name__)

MOST_SHOWN = 50
LONGEST_SHOWN = 100  # characters of a value
LOOKED_AT = 100_000  # profiles, the newest
PATIENCE = 2_000  # milliseconds
# Whose values tell of persons, each another one.
PERSONAL = frozenset({"external_id", "email", "phone", "first_name", "last_name"})


@dataclass(frozen=True)
class StoredValue:
    """A value as it is stored, what people call it, and how many profiles have it."""

    value: str
    name: str
    number: int

    @property
    def shown(self) -> str:
        """What stands in the form: name and code."""
        return self.name


def has_values(field: ProfileField) -> bool:
    """Whether the values of this field are few enough kinds of thing to be offered."""
    return field.kind == TEXT and field.name not in PERSONAL


def of(field: ProfileField, *, user: User, unit: OrganizationalUnit | None = None) -> list[StoredValue]:
    """The most frequent values of a field, of the profiles that the person may see, of the unit and below.

    Of very many profiles the newest count. None where it takes too long.
    """
    if not has_values(field):
        return []
    seen = sight.people(user)
    rows = (targeting.in_unit(unit) & seen if unit else seen).order_by("-pk")
    newest = Profile.objects.filter(pk__in=rows.values("pk")[:LOOKED_AT])
    counted = newest.annotate(found=profile_fields.expression(field)).exclude(found="").order_by()
    by_number = counted.values("found").annotate(number=Count("pk")).order_by("-number", F("found"))
    try:
        with in_time.at_most(PATIENCE):
            found = list(by_number.values_list("found", "number")[:MOST_SHOWN])
    except in_time.TooSlow:
        logger.warning("counting the values of %s took too long", field.name)
        return []
    short = [(value, number) for value, number in found if len(value) <= LONGEST_SHOWN]
    return [StoredValue(value, value_names.shown(field.name, value), number) for value, number in short]
