"""From an audience to the query of its profiles, counted afresh at each use."""

from typing import Any

from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _t

from accounts.models import OrganizationalUnit
from audiences.fields.fields import ProfileField
from audiences.models import Audience, Profile
from audiences.rules import rules

DEEPEST = 5  # audiences that name one another
MOST_NAMED = 100  # in one rule and those that it names


def profiles(audience: Audience, *, unit: OrganizationalUnit | None = None) -> QuerySet[Profile]:
    """The audience's profiles, of its unit and below; with a `unit`, of those only the ones of it and below.

    So a delivery writes to nobody outside its own unit, though the audience may belong to a unit above.
    """
    within = _Lookup().profiles(audience, path=(audience.pk,))
    if unit is not None and unit.pk != audience.unit_id:
        within = within.filter(pk__in=in_unit(unit).values("pk"))
    return within


def condition(
    rule: rules.Rule, *, known: dict[str, ProfileField] | None = None, path: tuple[int, ...] = ()
) -> Q:
    """What a profile must meet, the audiences that the rule names looked up; `path` are those that led here.

    Raise RuleError where one is gone, or they name one another too deep, too often or in a circle.
    """
    return _Lookup(known).condition(rule, path=path)


class _Lookup:
    """The audiences that one rule names, itself and by others: each read once, and so many at most."""

    def __init__(self, known: dict[str, ProfileField] | None = None) -> None:
        self.known = known
        self.read: dict[int, Audience | None] = {}
        self.budget = iter(range(MOST_NAMED))

    def condition(self, rule: rules.Rule, *, path: tuple[int, ...]) -> Q:
        if self.known is None:
            self.known = rules.known_fields()
        return rules.condition(rule, known=self.known, members=lambda pk: self._members(pk, path))

    def profiles(self, audience: Audience, *, path: tuple[int, ...]) -> QuerySet[Profile]:
        within = in_unit(audience.unit)
        if audience.kind == Audience.Kind.LIST:
            return within.filter(pk__in=audience.members.values("profile"))
        return within.filter(self.condition(audience.rule, path=path))

    def _members(self, pk: int, path: tuple[int, ...]) -> Any:
        if pk not in self.read:
            self.read[pk] = Audience.objects.select_related("unit").filter(pk=pk).first()
        found = self.read[pk]
        if found is None or pk in path or len(path) > DEEPEST or next(self.budget, None) is None:
            reason = _t("an audience that it names is gone, or names it in turn, or is nested too deep.")
            raise rules.RuleError(place=_t("the rule"), reason=reason)
        return self.profiles(found, path=(*path, pk)).order_by().values("pk")


def named_by(audience: Audience) -> list[Audience]:
    """All audiences that this one names, itself or by others, in the order of their ids."""
    found: dict[int, Audience] = {}
    ahead = [audience]
    while ahead and len(found) <= MOST_NAMED:
        asked = {
            pk
            for one in ahead
            if one.kind == Audience.Kind.RULE
            for pk in rules.named_audiences(one.rule)
            if pk not in found
        }
        ahead = list(Audience.objects.filter(pk__in=asked).order_by("pk")) if asked else []
        found |= {one.pk: one for one in ahead}
    return [found[pk] for pk in sorted(found)]


def count(audience: Audience, *, unit: OrganizationalUnit | None = None) -> int:
    """How many profiles the audience has now; with a `unit`, for a delivery of that unit."""
    return profiles(audience, unit=unit).count()


def in_unit(unit: OrganizationalUnit) -> QuerySet[Profile]:
    """The profiles of a unit and of all below it."""
    below = OrganizationalUnit.objects.filter(path__startswith=unit.path)
    return Profile.objects.filter(unit__in=below.values("pk"))
