"""The rules of audiences: a tree of conditions, checked, said in plain words and turned into a query.

    {"all": [rule, ...]}   every one holds; with an empty list: everybody
    {"any": [rule, ...]}   at least one holds
    {"not": rule}
    {"field": "city", "is": "contains", "value": "são"}
    {"field": "@service", "is": "subscribed", "value": 3}

Texts are compared without regard to letter case, and to whether an accent is a character of its own. A profile without
a value is not "equal to", not "above", not "before" anything; so "is not Recife" holds for it.
"""

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation
from functools import reduce
from operator import and_, or_
from typing import Any

from django.db.models import Func, Q, QuerySet, TextField, Value
from django.db.models.functions import Cast, Coalesce
from django.db.models.lookups import (
    Contains,
    Exact,
    GreaterThan,
    GreaterThanOrEqual,
    IsNull,
    LessThan,
    LessThanOrEqual,
    StartsWith,
)
from django.utils.formats import date_format, number_format
from django.utils.functional import Promise
from django.utils.translation import gettext as _t
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from audiences import tracking
from audiences.fields import fields as profile_fields
from audiences.fields import value_names
from audiences.fields.fields import DATE, NUMBER, TEXT, YES_NO, ProfileField
from audiences.models import Audience, Service, Subscription
from audiences.rules import date_rules
from audiences.rules.rule_values import AUDIENCE, EXPECTED, SERVICE, VALUES, shortened
from campaign.lib.refusals import Refusal

Rule = dict[str, Any]
Labels = dict[Any, str]  # of audiences by their ids, of services by (SERVICE, id)

DEEPEST = 10
MOST_CONDITIONS = 200  # and groups
LONGEST_RULE = 200_000  # characters of a rule that is written as text


class RuleError(Refusal):
    message = _("The rule can't be used, at %(place)s: %(reason)s")
    code = "bad_rule"


@dataclass(frozen=True, slots=True)
class Operator:
    """A way to compare. `takes` says what its value is: "none", "text", "texts", "number", "date" or "days"."""

    code: str
    label: str | Promise
    kinds: tuple[str, ...]
    takes: str
    words: str | Promise


# No attribute can have these names.
AUDIENCE_FIELD = ProfileField("@audience", _("Audience"), AUDIENCE, False)
SERVICE_FIELD = ProfileField("@service", _("Service"), SERVICE, False)
# What somebody said of tracking: yes, no, or empty where they were not asked.
TRACKING_FIELDS = tuple(
    ProfileField(f"@{column}", purpose.label, YES_NO, False) for purpose, column in tracking.COLUMNS.items()
)
BESIDE_PROFILES = (AUDIENCE_FIELD, SERVICE_FIELD, *TRACKING_FIELDS)
IN_AUDIENCE, SUBSCRIBED = "in_audience", "subscribed"
ALL_KINDS = (TEXT, NUMBER, DATE)
OPERATORS = {
    operator.code: operator
    for operator in (
        Operator("equal", _("is"), ALL_KINDS, "own", _("%(field)s is %(value)s")),
        Operator("not_equal", _("is not"), ALL_KINDS, "own", _("%(field)s is not %(value)s")),
        Operator("contains", _("contains"), (TEXT,), "text", _("%(field)s contains %(value)s")),
        Operator("begins_with", _("begins with"), (TEXT,), "text", _("%(field)s begins with %(value)s")),
        Operator("one_of", _("is one of"), (TEXT,), "texts", _("%(field)s is one of %(value)s")),
        Operator("above", _("is above"), (NUMBER,), "number", _("%(field)s is above %(value)s")),
        Operator("below", _("is below"), (NUMBER,), "number", _("%(field)s is below %(value)s")),
        Operator("at_least", _("is at least"), (NUMBER,), "number", _("%(field)s is at least %(value)s")),
        Operator("at_most", _("is at most"), (NUMBER,), "number", _("%(field)s is at most %(value)s")),
        Operator("before", _("is before"), (DATE,), "date", _("%(field)s is before %(value)s")),
        Operator("after", _("is after"), (DATE,), "date", _("%(field)s is after %(value)s")),
        Operator(
            "last_days", _("is in the last … days"), (DATE,), "days", _("%(field)s is in the last %(value)s")
        ),
        Operator(
            "next_days", _("is in the next … days"), (DATE,), "days", _("%(field)s is in the next %(value)s")
        ),
        Operator("this_month", _("is in this month"), (DATE,), "none", _("%(field)s is in this month")),
        Operator(
            "anniversary_next_days",
            _("birthday or anniversary is in the next … days"),
            (DATE,),
            "days",
            _("%(field)s: the birthday or anniversary is in the next %(value)s"),
        ),
        Operator(
            "anniversary_this_month",
            _("birthday or anniversary is this month"),
            (DATE,),
            "none",
            _("%(field)s: the birthday or anniversary is this month"),
        ),
        Operator(
            "anniversary_today",
            _("birthday or anniversary is today"),
            (DATE,),
            "none",
            _("%(field)s: the birthday or anniversary is today"),
        ),
        Operator(IN_AUDIENCE, _("is"), (AUDIENCE,), AUDIENCE, _("in the audience %(value)s")),
        Operator("not_in_audience", _("is not"), (AUDIENCE,), AUDIENCE, _("not in the audience %(value)s")),
        Operator(SUBSCRIBED, _("is subscribed to"), (SERVICE,), SERVICE, _("subscribed to %(value)s")),
        Operator(
            "not_subscribed",
            _("is not subscribed to"),
            (SERVICE,),
            SERVICE,
            _("not subscribed to %(value)s"),
        ),
        Operator("yes", _("is yes"), (YES_NO,), "none", _("%(field)s is yes")),
        Operator("no", _("is no"), (YES_NO,), "none", _("%(field)s is no")),
        Operator("empty", _("is empty"), (*ALL_KINDS, YES_NO), "none", _("%(field)s is empty")),
        Operator("not_empty", _("is not empty"), (*ALL_KINDS, YES_NO), "none", _("%(field)s is not empty")),
    )
}


# They compare a text as a whole, not a part of it.
WHOLE_VALUES = frozenset({"equal", "not_equal", "one_of"})


def operators(kind: str) -> list[Operator]:
    """What a field of this kind can be asked."""
    return [operator for operator in OPERATORS.values() if kind in operator.kinds]


def known_fields() -> dict[str, ProfileField]:
    """What a rule can ask: fields of profiles, other audiences that they are in, subscriptions, tracking; one query."""
    return profile_fields.by_name() | {field.name: field for field in BESIDE_PROFILES}


def validated(rule: Any, *, known: dict[str, ProfileField] | None = None) -> Rule:
    """The rule in its stored form; raises RuleError, which names the place, where it makes no sense."""
    known = known_fields() if known is None else known
    if rule in ({}, None):
        return {}
    budget = iter(range(MOST_CONDITIONS))
    return _Reader(known, budget).read(rule, place=_t("the rule"), depth=1)


Members = Callable[[int], Any]  # from the id of an audience to the query of its profiles' ids


def condition(
    rule: Rule, *, known: dict[str, ProfileField] | None = None, members: Members | None = None
) -> Q:
    """What a profile must meet, for `Profile.objects.filter`; everybody meets an empty rule.

    `members` tells who is in an audience that the rule names; raise RuleError for one where that is not known.
    """
    known = known_fields() if known is None else known
    return _condition(validated(rule, known=known), known, members or _unknown)


def _unknown(pk: int) -> Any:
    raise RuleError(place=_t("the rule"), reason=_t("an audience can't be asked here."))


def in_words(
    rule: Rule, *, known: dict[str, ProfileField] | None = None, labels: Labels | None = None
) -> str:
    """The rule as a sentence of the reader's language; `labels` are those of the audiences that it names."""
    known = known_fields() if known is None else known
    rule = validated(rule, known=known)
    labels = labels_of([rule]) if labels is None else labels
    return _words(rule, known, labels, inner=False) if rule else _t("Everybody")


def named_audiences(rule: Rule, *, without: bool = False) -> dict[int, bool]:
    """The audiences that a rule names, in their order, and whether it leaves their people out."""
    found: dict[int, bool] = {}
    match rule:
        case {"all": parts} | {"any": parts}:
            for part in parts:
                for pk, left_out in named_audiences(part, without=without).items():
                    found.setdefault(pk, left_out)
        case {"not": part}:
            return named_audiences(part, without=not without)
        case {"field": AUDIENCE_FIELD.name, "is": code, "value": pk}:
            return {pk: without is (code == IN_AUDIENCE)}
    return found


def named_services(rule: Rule) -> set[int]:
    """The services whose subscriptions a rule asks about."""
    match rule:
        case {"all": parts} | {"any": parts}:
            return set().union(*(named_services(part) for part in parts))
        case {"not": part}:
            return named_services(part)
        case {"field": SERVICE_FIELD.name, "value": pk}:
            return {pk}
    return set()


def labels_of(found: Iterable[Rule]) -> Labels:
    """The labels of all audiences and services that these rules name, in a query each; none where they name none."""
    found = list(found)
    named = {pk for rule in found for pk in named_audiences(rule)}
    asked = {pk for rule in found for pk in named_services(rule)}
    labels: Labels = dict(Audience.objects.filter(pk__in=named).values_list("pk", "label")) if named else {}
    return labels | service_labels(Service.objects.filter(pk__in=asked)) if asked else labels


def service_labels(services: QuerySet[Service]) -> Labels:
    """The labels of these services, as `in_words` takes them beside those of audiences."""
    return {(SERVICE, pk): label for pk, label in services.values_list("pk", "label")}


def used_fields(rule: Rule) -> set[str]:
    """The names of the fields that a rule looks at."""
    match rule:
        case {"all": parts} | {"any": parts}:
            return set().union(*(used_fields(part) for part in parts))
        case {"not": part}:
            return used_fields(part)
        case {"field": name}:
            return {name}
    return set()


class _Reader:
    def __init__(self, known: dict[str, ProfileField], budget: Iterator[int]) -> None:
        self.known, self.budget = known, budget

    def read(self, rule: Any, *, place: str, depth: int) -> Rule:
        if next(self.budget, None) is None:
            raise RuleError(place=place, reason=_t("there are too many conditions."))
        if depth > DEEPEST:
            raise RuleError(place=place, reason=_t("groups are nested too deep."))
        if not isinstance(rule, dict):
            raise RuleError(place=place, reason=_t("a condition or a group was expected."))
        match rule:
            case {"all": parts, **rest} if not rest:
                return {"all": self._parts(parts, "all", place, depth)}
            case {"any": parts, **rest} if not rest:
                return {"any": self._parts(parts, "any", place, depth)}
            case {"not": part, **rest} if not rest:
                return {"not": self.read(part, place=f"{place} › not", depth=depth + 1)}
            case {"field": name, "is": code, **rest} if set(rest) <= {"value"}:
                return self._leaf(name, code, rest.get("value"), place)
        raise RuleError(place=place, reason=_t("it has neither all, any, not, nor a field with an operator."))

    def _parts(self, parts: Any, word: str, place: str, depth: int) -> list[Rule]:
        if not isinstance(parts, list):
            raise RuleError(place=place, reason=_t("a list of conditions was expected."))
        if word == "any" and not parts:
            raise RuleError(place=place, reason=_t("an empty group of which any must hold is met by nobody."))
        return [
            self.read(part, place=f"{place} › {word} {number}", depth=depth + 1)
            for number, part in enumerate(parts, start=1)
        ]

    def _leaf(self, name: Any, code: Any, value: Any, place: str) -> Rule:
        field = self.known.get(name) if isinstance(name, str) else None
        if field is None:
            raise RuleError(
                place=place, reason=_t("there is no field “%(name)s”.") % {"name": shortened(name)}
            )
        operator = OPERATORS.get(code) if isinstance(code, str) else None
        if operator is None or field.kind not in operator.kinds:
            slots = {"field": field.label, "code": shortened(code)}
            raise RuleError(place=place, reason=_t("%(field)s can't be asked “%(code)s”.") % slots)
        leaf = {"field": name, "is": code}
        takes = field.kind if operator.takes == "own" else operator.takes
        if takes != "none":
            try:
                leaf["value"] = VALUES[takes](value)
            except (TypeError, ValueError, InvalidOperation):
                slots = {"field": field.label, "value": shortened(value), "expected": EXPECTED[takes]}
                reason = _t("%(field)s: “%(value)s” is not %(expected)s.") % slots
                raise RuleError(place=place, reason=reason) from None
        return leaf


def from_text(text: str) -> Any:
    """The rule that somebody wrote as JSON; RuleError where it is none, or too long or too deep to be read."""
    if len(text) > LONGEST_RULE:
        reason = _t("it is longer than %(most)s characters.") % {"most": LONGEST_RULE}
        raise RuleError(place=_t("the text"), reason=reason)
    try:
        return json.loads(text)
    except RecursionError:
        raise RuleError(place=_t("the text"), reason=_t("groups are nested too deep.")) from None
    except ValueError as error:
        raise RuleError(place=_t("the text"), reason=str(error)) from None


def _condition(rule: Rule, known: dict[str, ProfileField], members: Members) -> Q:
    match rule:
        case {"all": parts}:
            return reduce(and_, (_solid(_condition(part, known, members)) for part in parts), Q())
        case {"any": parts}:
            return reduce(or_, (_solid(_condition(part, known, members)) for part in parts))
        case {"not": part}:
            return ~_solid(_condition(part, known, members))
        case {"field": AUDIENCE_FIELD.name, "is": code, "value": pk}:
            asked = Q(pk__in=members(pk))
            return asked if code == IN_AUDIENCE else ~asked
        case {"field": SERVICE_FIELD.name, "is": code, "value": pk}:
            rows = Subscription.objects.filter(service_id=pk, ended_at=None)
            asked = Q(pk__in=rows.order_by().values("profile_id"))
            return asked if code == SUBSCRIBED else ~asked
        case {"field": name, "is": code}:
            return _leaf_condition(known[name], code, rule.get("value"))
    return Q()


class Folded(Func):
    """A text as texts are compared: composed, and without letter case; ß is ss, as it is in capitals."""

    function = "sinete_folded"
    output_field = TextField()


def _solid(condition_: Q) -> Q:
    """Django drops an empty Q when it combines or negates; "everybody" must stay a condition."""
    return condition_ or Q(Exact(Value(1), Value(1)))


def _leaf_condition(field: ProfileField, code: str, value: Any) -> Q:
    if field.kind == DATE:
        return date_rules.condition(field, code, value)
    asked: Any = _answer(field) if field in TRACKING_FIELDS else profile_fields.expression(field)
    match code:
        case "empty":
            return Q(IsNull(asked, True) if field.kind == NUMBER else Exact(asked, Value("")))
        case "not_empty":
            return ~_leaf_condition(field, "empty", None)
        case "not_equal":
            return ~_leaf_condition(field, "equal", value)
        case "equal" if field.kind == NUMBER:
            return _present(asked, Exact(asked, Decimal(str(value))))
        case "equal":
            return Q(Exact(Folded(asked), Folded(Value(value))))
        case "contains":
            return Q(Contains(Folded(asked), Folded(Value(value))))
        case "begins_with":
            return Q(StartsWith(Folded(asked), Folded(Value(value))))
        case "one_of":
            any_of, folded = Q(), Folded(asked)
            for item in value:
                any_of |= Q(Exact(folded, Folded(Value(item))))
            return any_of
        case "yes" | "no":
            return Q(Exact(asked, Value("true" if code == "yes" else "false")))
        case _:
            return _present(asked, _ORDERS[code](asked, Decimal(str(value))))


def _answer(field: ProfileField) -> Coalesce:
    """What somebody said of tracking, as the text of a yes or no; empty where they said nothing."""
    return Coalesce(Cast(field.name.removeprefix("@"), TextField()), Value(""), output_field=TextField())


_ORDERS: dict[str, Any] = {
    "above": GreaterThan,
    "below": LessThan,
    "at_least": GreaterThanOrEqual,
    "at_most": LessThanOrEqual,
}


def _present(asked: Any, comparison: Any) -> Q:
    """False, not NULL, where there is no value: so that `not` turns it into true."""
    return Q(IsNull(asked, False)) & Q(comparison)


def _words(rule: Rule, known: dict[str, ProfileField], labels: Labels, *, inner: bool) -> str:
    match rule:
        case {"all": []}:
            return _t("everybody")
        case {"all": parts}:
            return _group(parts, known, labels, _t("and"), inner)
        case {"any": parts}:
            return _group(parts, known, labels, _t("or"), inner)
        case {"not": part}:
            return _t("not (%(rule)s)") % {"rule": _words(part, known, labels, inner=False)}
    field, operator = known[rule["field"]], OPERATORS[rule["is"]]
    value = rule.get("value")
    if field.kind in (AUDIENCE, SERVICE):
        label = labels.get(value if field.kind == AUDIENCE else (SERVICE, value))
        return str(operator.words) % {"value": f"“{label}”" if label else _t("that is gone")}
    return str(operator.words) % {"field": field.label, "value": _value_words(value, operator, field)}


def _group(parts: list[Rule], known: dict[str, ProfileField], labels: Labels, word: str, inner: bool) -> str:
    said = f" {word} ".join(_words(part, known, labels, inner=len(parts) > 1) for part in parts)
    return f"({said})" if inner and len(parts) > 1 else said


def _value_words(value: Any, operator: Operator, field: ProfileField) -> str:
    if operator.takes == "days":
        return ngettext("%(days)d day", "%(days)d days", value) % {"days": value}
    if isinstance(value, list):
        return ", ".join(f"“{_named(item, operator, field)}”" for item in value)
    if field.kind == DATE and value:
        return date_format(date.fromisoformat(value), "SHORT_DATE_FORMAT")
    if isinstance(value, int | float):
        return number_format(Decimal(str(value)), use_l10n=True, force_grouping=True)
    return f"“{_named(value, operator, field)}”"


def _named(value: Any, operator: Operator, field: ProfileField) -> str:
    """A code by its name, where it is compared as a whole."""
    if not isinstance(value, str) or operator.code not in WHOLE_VALUES:
        return str(value)
    return value_names.name_of(field.name, value)
