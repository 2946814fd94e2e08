"""One search over deliveries, audiences and people: to each only what they may see."""

from dataclasses import dataclass, field
from typing import Any

from accounts import access
from accounts.models import User
from audiences import sight
from audiences.models import Audience, Profile
from audiences.profiles import people
from campaign.lib import numbers
from deliveries.models import Delivery
from deliveries.overview import ordering, state

SHORTEST, LONGEST, SHOWN = 2, 200, 8


@dataclass(frozen=True)
class Found:
    """The first of each kind, the newest first; `more` names the kinds of which there are others."""

    text: str
    deliveries: list[Delivery] = field(default_factory=list)
    audiences: list[Audience] = field(default_factory=list)
    people: list[Profile] = field(default_factory=list)
    more: frozenset[str] = frozenset()

    @property
    def is_too_short(self) -> bool:
        """Whether too little was typed to look for."""
        return len(self.text) < SHORTEST

    @property
    def number(self) -> int:
        return len(self.deliveries) + len(self.audiences) + len(self.people)

    def as_dict(self) -> dict[str, Any]:
        """For programs."""
        return {
            "deliveries": [
                {"delivery": one.name, "label": one.label, "unit": one.unit.label, "status": one.status}
                for one in self.deliveries
            ],
            "audiences": [
                {"audience": one.pk, "label": one.label, "unit": one.unit.label} for one in self.audiences
            ],
            "people": [
                {"profile": one.pk, "name": str(one), "email": sight.email(one), "unit": one.unit.label}
                for one in self.people
            ],
            "more": sorted(self.more),
        }


def of(user: User, text: str) -> Found:
    """What this person finds by the text; nothing by less than SHORTEST characters. Queries: one of each kind."""
    text = " ".join(text.replace("\0", "").split())[:LONGEST]
    found = Found(text)
    if found.is_too_short:
        return found
    kinds: dict[str, list[Any]] = {
        "deliveries": list(_deliveries(user, text)),
        "audiences": list(_audiences(user, text)),
        "people": list(_people(user, text)),
    }
    state.annotate(kinds["deliveries"][:SHOWN])
    more = frozenset(kind for kind, rows in kinds.items() if len(rows) > SHOWN)
    return Found(text, **{kind: rows[:SHOWN] for kind, rows in kinds.items()}, more=more)


def _deliveries(user: User, text: str) -> Any:
    rows = Delivery.objects.visible_to(user).filter(ordering.matches(text))
    heavy = ("preparation__compiled", "preparation__manifest")
    return rows.select_related("unit", "preparation").defer(*heavy).order_by("-pk")[: SHOWN + 1]


def _audiences(user: User, text: str) -> Any:
    rows = access.visible(user, Audience.objects.select_related("unit"))
    named = rows.filter(label__icontains=text) | rows.filter(description__icontains=text)
    return (named | rows.filter(pk=numbers.key(text))).order_by("-pk")[: SHOWN + 1]


def _people(user: User, text: str) -> Any:
    rows = sight.with_addresses(user, Profile.objects.select_related("unit"))
    return people.found(rows, text, user=user).order_by("-pk")[: SHOWN + 1]
