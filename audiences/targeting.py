"""From an audience to the query of its profiles, counted afresh at each use."""

from typing import Any

from django.db.models import QuerySet

from accounts.models import OrganizationalUnit
from audiences import rules
from audiences.models import Audience, Profile


def profiles(audience: Audience, *, unit: OrganizationalUnit | None = None) -> QuerySet[Profile]:
    """The audience's profiles, of its unit and below; with a `unit`, of those only the ones of it and below.

    So a delivery writes to nobody outside its own unit, though the audience may belong to a unit above.
    """
    within = in_unit(audience.unit)
    if unit is not None and unit.pk != audience.unit_id:
        within = within.filter(pk__in=in_unit(unit).values("pk"))
    if audience.kind == Audience.Kind.LIST:
        return within.filter(pk__in=audience.members.values("profile"))
    return within.filter(rules.condition(audience.rule))


def query_sql(audience: Audience) -> tuple[str, tuple[Any, ...]]:
    """A SELECT of the profiles' ids, in no order, with its parameters; for use inside a set-based statement."""
    sql, params = profiles(audience).order_by().values("pk").query.sql_with_params()
    return sql, tuple(params)


def count(audience: Audience, *, unit: OrganizationalUnit | None = None) -> int:
    """How many profiles the audience has now; with a `unit`, for a delivery of that unit."""
    return profiles(audience, unit=unit).count()


def in_unit(unit: OrganizationalUnit) -> QuerySet[Profile]:
    """The profiles of a unit and of all below it."""
    below = OrganizationalUnit.objects.filter(path__startswith=unit.path)
    return Profile.objects.filter(unit__in=below.values("pk"))
