"""Several lists and rules as one audience: whoever is in one of these, and in none of those."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.utils.translation import gettext_lazy as _

from accounts.models import OrganizationalUnit, User
from audiences.models import Audience
from audiences.rules import rules, targeting
from audiences.rules.rules import IN_AUDIENCE, Rule
from audiences.targets import definitions
from campaign.lib.refusals import Refusal

MOST_PARTS = 20
LONGEST_LABEL = 128


class NothingToBeginWith(Refusal):
    message = _("Choose at least one list or rule whose people it is.")
    code = "nothing_to_combine"


class TooManyParts(Refusal):
    message = _("At most %(most)s lists and rules can be combined.")
    code = "too_many_parts"


@dataclass(frozen=True)
class Part:
    """One list or rule: its people are taken, or left out."""

    audience: Audience
    without: bool = False
    count: int | None = None


def rule_of(parts: Sequence[Part]) -> Rule:
    """The rule that combines them; raise NothingToBeginWith where nobody is taken, and TooManyParts."""
    if len(parts) > MOST_PARTS:
        raise TooManyParts(most=MOST_PARTS)
    taken = list(dict.fromkeys(part.audience.pk for part in parts if not part.without))
    left_out = list(dict.fromkeys(part.audience.pk for part in parts if part.without))
    if not taken:
        raise NothingToBeginWith()
    first = _leaf(taken[0]) if len(taken) == 1 else {"any": [_leaf(pk) for pk in taken]}
    if not left_out:
        return first
    return {"all": [first, *({"not": _leaf(pk)} for pk in left_out)]}


def _leaf(pk: int) -> Rule:
    return {"field": rules.AUDIENCE_FIELD.name, "is": IN_AUDIENCE, "value": pk}


def label_of(parts: Sequence[Part]) -> str:
    """A name for the whole: A + B − C."""
    words = [f"{'−' if part.without else '+'} {part.audience.label}" for part in parts]
    return " ".join(words).removeprefix("+ ")[:LONGEST_LABEL]


def make(*, parts: Sequence[Part], label: str, unit: OrganizationalUnit, by: User) -> Audience:
    """An audience by rule of those parts; raise what `rule_of` and `definitions.create_rule` raise."""
    rule = rule_of(parts)
    return definitions.create_rule(label=label.strip() or label_of(parts), rule=rule, unit=unit, by=by)


def parts_of(audience: Audience, *, unit: OrganizationalUnit | None = None) -> list[Part]:
    """The lists and rules that an audience names itself, each with its present count within the unit; [] for none."""
    signs = rules.named_audiences(audience.rule) if audience.kind == Audience.Kind.RULE else {}
    found = Audience.objects.select_related("unit").in_bulk(list(signs)[:MOST_PARTS])
    parts = [
        Part(found[pk], without, _count(found[pk], unit)) for pk, without in signs.items() if pk in found
    ]
    return sorted(parts, key=lambda part: part.without)


def counted(parts: Sequence[Part], unit: OrganizationalUnit | None) -> list[Part]:
    """The parts, each with how many profiles it has now within the unit."""
    return [Part(part.audience, part.without, _count(part.audience, unit)) for part in parts]


def whole(parts: Sequence[Part], unit: OrganizationalUnit) -> int:
    """How many profiles the whole has now, as an audience of the unit."""
    return targeting.in_unit(unit).filter(targeting.condition(rule_of(parts))).count()


def _count(audience: Audience, unit: OrganizationalUnit | None) -> int | None:
    """None where its rule makes no sense any more."""
    try:
        return targeting.count(audience, unit=unit)
    except rules.RuleError:
        return None
