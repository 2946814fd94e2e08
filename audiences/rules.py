"""The rules of audiences: a tree of conditions, checked, said in plain words and turned into a query.

    {"all": [rule, ...]}   every one holds; with an empty list: everybody
    {"any": [rule, ...]}   at least one holds
    {"not": rule}
    {"field": "city", "is": "contains", "value": "são"}

Texts are compared without regard to letter case, and to whether an accent is a character of its own. A profile without
a value is not "equal to", not "above", not "before" anything; so "is not Recife" holds for it.
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation
from functools import reduce
from operator import and_, or_
from typing import Any

from django.db.models import DateField, Func, Q, TextField, Value
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

from audiences import fields as profile_fields
from audiences.fields import DATE, NUMBER, TEXT, YES_NO, ProfileField
from campaign.lib.refusals import Refusal

Rule = dict[str, Any]

DEEPEST = 10
MOST_CONDITIONS = 200  # and groups
MOST_TEXTS = 1_000
LONGEST_TEXT = 1_000
LONGEST_RULE = 200_000  # characters of a rule that is written as text
MOST_DAYS = 36_500


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
        Operator("yes", _("is yes"), (YES_NO,), "none", _("%(field)s is yes")),
        Operator("no", _("is no"), (YES_NO,), "none", _("%(field)s is no")),
        Operator("empty", _("is empty"), (*ALL_KINDS, YES_NO), "none", _("%(field)s is empty")),
        Operator("not_empty", _("is not empty"), (*ALL_KINDS, YES_NO), "none", _("%(field)s is not empty")),
    )
}


def operators(kind: str) -> list[Operator]:
    """What a field of this kind can be asked."""
    return [operator for operator in OPERATORS.values() if kind in operator.kinds]


def validated(rule: Any, *, known: dict[str, ProfileField] | None = None) -> Rule:
    """The rule in its stored form; raises RuleError, which names the place, where it makes no sense."""
    known = profile_fields.by_name() if known is None else known
    if rule in ({}, None):
        return {}
    budget = iter(range(MOST_CONDITIONS))
    return _Reader(known, budget).read(rule, place=_t("the rule"), depth=1)


def condition(rule: Rule, *, known: dict[str, ProfileField] | None = None) -> Q:
    """What a profile must meet, for `Profile.objects.filter`; everybody meets an empty rule."""
    known = profile_fields.by_name() if known is None else known
    return _condition(validated(rule, known=known), known)


def in_words(rule: Rule, *, known: dict[str, ProfileField] | None = None) -> str:
    """The rule as a sentence of the reader's language."""
    known = profile_fields.by_name() if known is None else known
    rule = validated(rule, known=known)
    return _words(rule, known, inner=False) if rule else _t("Everybody")


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
                place=place, reason=_t("there is no field “%(name)s”.") % {"name": _shortened(name)}
            )
        operator = OPERATORS.get(code) if isinstance(code, str) else None
        if operator is None or field.kind not in operator.kinds:
            slots = {"field": field.label, "code": _shortened(code)}
            raise RuleError(place=place, reason=_t("%(field)s can't be asked “%(code)s”.") % slots)
        leaf = {"field": name, "is": code}
        takes = field.kind if operator.takes == "own" else operator.takes
        if takes != "none":
            try:
                leaf["value"] = _VALUES[takes](value)
            except (TypeError, ValueError, InvalidOperation):
                slots = {"field": field.label, "value": _shortened(value), "expected": _EXPECTED[takes]}
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


def _shortened(value: Any) -> str:
    """What somebody wrote, as far as a sentence can quote it."""
    text = (
        value
        if isinstance(value, str)
        else _t("this")
        if isinstance(value, dict | list | int)
        else str(value)
    )
    return text.replace("\0", "")[:80]


def _text(value: Any) -> str:
    if not isinstance(value, str) or not 0 < len(value.strip()) <= LONGEST_TEXT or "\0" in value:
        raise ValueError
    return value.strip()


def _texts(value: Any) -> list[str]:
    found = [_text(item) for item in value] if isinstance(value, list) and len(value) <= MOST_TEXTS else []
    if not found:
        raise ValueError
    return found


def _number(value: Any) -> int | float:
    if isinstance(value, bool):
        raise TypeError
    text = str(value).strip() if not isinstance(value, int) or abs(value) < 10**15 else ""
    if len(text) > LONGEST_TEXT:
        raise ValueError
    number = Decimal(text)
    if not number.is_finite() or abs(number) >= Decimal(10) ** 15:
        raise ValueError
    return int(number) if number == number.to_integral_value() else float(number)


def _date(value: Any) -> str:
    return date.fromisoformat(str(value).strip()).isoformat()


def _days(value: Any) -> int:
    days = _number(value)
    if not isinstance(days, int) or not 0 < days <= MOST_DAYS:
        raise ValueError
    return days


_VALUES: dict[str, Callable[[Any], Any]] = {
    "text": _text,
    "texts": _texts,
    "number": _number,
    "date": _date,
    "days": _days,
}
_EXPECTED = {
    "text": _("a text"),
    "texts": _("a list of texts"),
    "number": _("a number"),
    "date": _("a date such as 2026-12-31"),
    "days": _("a number of days"),
}


def _condition(rule: Rule, known: dict[str, ProfileField]) -> Q:
    match rule:
        case {"all": parts}:
            return reduce(and_, (_solid(_condition(part, known)) for part in parts), Q())
        case {"any": parts}:
            return reduce(or_, (_solid(_condition(part, known)) for part in parts))
        case {"not": part}:
            return ~_solid(_condition(part, known))
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
        return _date_condition(field, code, value)
    asked: Any = profile_fields.expression(field)
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


_ORDERS: dict[str, Any] = {
    "above": GreaterThan,
    "below": LessThan,
    "at_least": GreaterThanOrEqual,
    "at_most": LessThanOrEqual,
    "after": GreaterThan,
    "before": LessThan,
}


def _present(asked: Any, comparison: Any) -> Q:
    """False, not NULL, where there is no value: so that `not` turns it into true."""
    return Q(IsNull(asked, False)) & Q(comparison)


def _date_condition(field: ProfileField, code: str, value: Any) -> Q:
    asked: Any = profile_fields.expression(field)
    match code:
        case "empty":
            return Q(IsNull(asked, True))
        case "not_empty":
            return Q(IsNull(asked, False))
        case "not_equal":
            return ~_date_condition(field, "equal", value)
        case "equal":
            return _present(asked, Exact(asked, _moment(field, value)))
        case "last_days":
            first, last = _Today(value, field=field), _Today(0, field=field)
            return _present(asked, GreaterThan(asked, first)) & Q(LessThanOrEqual(asked, last))
        case _:
            return _present(asked, _ORDERS[code](asked, _moment(field, value)))


def _moment(field: ProfileField, value: str) -> Value:
    return Value(date.fromisoformat(value), DateField()) if field.column else Value(value, TextField())


class _Today(Func):
    """The day so many days ago, by the database's clock, as the field's own type."""

    def __init__(self, days: int, *, field: ProfileField) -> None:
        template = "(sinete_now()::date - %(expressions)s::int)"
        if not field.column:
            template = f"to_char({template}, 'YYYY-MM-DD')"
        super().__init__(Value(days), template=template, output_field=profile_fields.date_field(field))


def _words(rule: Rule, known: dict[str, ProfileField], *, inner: bool) -> str:
    match rule:
        case {"all": []}:
            return _t("everybody")
        case {"all": parts}:
            return _group(parts, known, _t("and"), inner)
        case {"any": parts}:
            return _group(parts, known, _t("or"), inner)
        case {"not": part}:
            return _t("not (%(rule)s)") % {"rule": _words(part, known, inner=False)}
    field, operator = known[rule["field"]], OPERATORS[rule["is"]]
    return str(operator.words) % {
        "field": field.label,
        "value": _value_words(rule.get("value"), operator, field),
    }


def _group(parts: list[Rule], known: dict[str, ProfileField], word: str, inner: bool) -> str:
    said = f" {word} ".join(_words(part, known, inner=len(parts) > 1) for part in parts)
    return f"({said})" if inner and len(parts) > 1 else said


def _value_words(value: Any, operator: Operator, field: ProfileField) -> str:
    if operator.takes == "days":
        return ngettext("%(days)d day", "%(days)d days", value) % {"days": value}
    if isinstance(value, list):
        return ", ".join(f"“{item}”" for item in value)
    if field.kind == DATE and value:
        return date_format(date.fromisoformat(value), "SHORT_DATE_FORMAT")
    if isinstance(value, int | float):
        return number_format(Decimal(str(value)), use_l10n=True, force_grouping=True)
    return f"“{value}”"
