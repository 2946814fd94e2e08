"""The rule of an audience as a form: groups of conditions, and back.

A form holds what a page can show without scripts: groups side by side, each with its conditions, each of them
negated or not. A rule that is nested deeper is edited as text.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.utils.datastructures import MultiValueDict

from audiences.fields import value_names
from audiences.fields.fields import ProfileField
from audiences.rules import rules
from audiences.rules.rules import Operator, Rule
from audiences.rules.stored_values import StoredValue

ALL, ANY = "all", "any"
MOST_ROWS = 50
MOST_GROUPS = 20


class TooDeep(Exception):
    """The rule is nested deeper than the form shows, or has more groups or conditions."""


@dataclass(slots=True)
class ConditionRow:
    """One condition as it stands on the page."""

    known: Mapping[str, ProfileField]
    field: str = ""
    code: str = ""
    value: str = ""
    stored: Sequence[StoredValue] = ()  # the values of the field, to choose from

    @property
    def typed(self) -> str:
        """What stands in the field of the form: names for codes, and of a list what is not to be ticked."""
        if self.takes == "texts":
            pickable = {one.value for one in self.pickable}
            return ", ".join(
                value_names.shown(self.field, value) for value in self.values if value not in pickable
            )
        if self.operator is not None and self.operator.code in rules.WHOLE_VALUES:
            return value_names.shown(self.field, self.value)
        return self.value

    @property
    def suggested(self) -> Sequence[StoredValue]:
        """The values that are offered while one types: of a text that is compared as a whole."""
        is_whole = self.operator is not None and self.operator.code in rules.WHOLE_VALUES
        return self.stored if is_whole and self.takes == "text" else ()

    @property
    def pickable(self) -> list[StoredValue]:
        """The values that can be ticked: a comma would end one."""
        return [one for one in self.stored if "," not in one.value] if self.takes == "texts" else []

    @property
    def operators(self) -> list[Operator]:
        chosen = self.known.get(self.field)
        return rules.operators(chosen.kind) if chosen else []

    @property
    def operator(self) -> Operator | None:
        """The chosen one, or the first that the field can be asked: another field may have been chosen since."""
        found = self.operators
        return next(
            (operator for operator in found if operator.code == self.code), found[0] if found else None
        )

    @property
    def takes(self) -> str:
        """What the value is: "none", "text", "texts", "number", "date", "days"."""
        operator = self.operator
        if operator is None:
            return "none"
        return self.known[self.field].kind if operator.takes == "own" else operator.takes

    @property
    def is_blank(self) -> bool:
        """Whether the field was chosen and its value was not: nothing to complain of yet."""
        return self.takes != "none" and not self.value.strip()

    @property
    def values(self) -> list[str]:
        """The single texts of a list."""
        return [word.strip() for word in self.value.split(",") if word.strip()]

    def rule(self) -> Rule | None:
        operator = self.operator
        if operator is None:
            return None
        leaf = {"field": self.field, "is": operator.code}
        match self.takes:
            case "none":
                return leaf
            case "texts":
                return leaf | {"value": self.values}
            case "number" | "days":
                return leaf | {"value": self.value.strip().replace(",", ".")}
        return leaf | {"value": self.value}


@dataclass(slots=True)
class Group:
    rows: list[ConditionRow]
    combine: str = ALL
    negated: bool = False

    def rule(self, *, finished: bool = False) -> Rule | None:
        rows = [row for row in self.rows if not (finished and row.is_blank)]
        parts = [rule for row in rows if (rule := row.rule())]
        if not parts:
            return None
        inner = parts[0] if len(parts) == 1 else {self.combine: parts}
        return {"not": inner} if self.negated else inner


@dataclass(slots=True)
class RuleForm:
    known: Mapping[str, ProfileField]
    shown: Sequence[
        ProfileField
    ] = ()  # what the page offers; the fields of the rule itself are always among them
    groups: list[Group] = field(default_factory=list)
    combine: str = ALL
    values: dict[str, Sequence[StoredValue]] = field(
        default_factory=dict
    )  # of the fields that the rule is about
    audiences: Sequence[tuple[int, str]] = ()
    services: Sequence[tuple[int, str]] = ()

    @property
    def fields(self) -> list[ProfileField]:
        """What a condition can be about, as far as the page offers it, and what the rule is about already."""
        offered = {field.name: field for field in self.shown or self.known.values()}
        used = {row.field for group in self.groups for row in group.rows} - set(offered)
        return [*offered.values(), *(self.known[name] for name in sorted(used) if name in self.known)]

    @property
    def is_full(self) -> bool:
        """No rule has more conditions, and no page sends more fields than are taken."""
        return sum(len(group.rows) for group in self.groups) >= rules.MOST_CONDITIONS

    @property
    def rows(self) -> list[ConditionRow]:
        return [row for group in self.groups for row in group.rows]

    @property
    def unfinished(self) -> int:
        """How many conditions have a field and no value yet."""
        return sum(row.operator is not None and row.is_blank for row in self.rows)

    def rule(self, *, finished: bool = False) -> Rule:
        """What the form says, or only what is `finished` of it; raises nothing, `rules.validated` does."""
        parts = [rule for group in self.groups if (rule := group.rule(finished=finished))]
        if not parts:
            return {}
        return parts[0] if len(parts) == 1 else {self.combine: parts}

    def act(self, action: str) -> None:
        """Do what a button says that changes the form itself: add-row-0, remove-row-0-2, add-group, remove-group-1."""
        verb, _, rest = action.partition("-")
        what, *numbers = rest.split("-")
        places = [int(number) for number in numbers if number.isdecimal()]
        match verb, what, places:
            case "add", "group", [] if not self.is_full and len(self.groups) < MOST_GROUPS:
                self.groups.append(Group([ConditionRow(self.known)]))
            case "add", "row", [group] if group < len(self.groups) and not self.is_full:
                if len(self.groups[group].rows) < MOST_ROWS:
                    self.groups[group].rows.append(ConditionRow(self.known))
            case "remove", "group", [group] if group < len(self.groups):
                del self.groups[group]
            case "remove", "row", [group, row] if group < len(self.groups) and row < len(
                self.groups[group].rows
            ):
                del self.groups[group].rows[row]
        self._never_empty()

    def _never_empty(self) -> None:
        self.groups = [group for group in self.groups if group.rows] or [Group([ConditionRow(self.known)])]


def from_rule(rule: Rule, known: Mapping[str, ProfileField]) -> RuleForm:
    """The form that shows a rule; TooDeep where none can."""
    form = RuleForm(known)
    match rule:
        case {"all": parts} | {"any": parts} if not all("field" in part for part in parts):
            form.combine = ALL if "all" in rule else ANY
            form.groups = [_group(part, known) for part in parts]
        case {}:
            if rule:
                form.groups = [_group(rule, known)]
    if len(form.groups) > MOST_GROUPS or any(len(group.rows) > MOST_ROWS for group in form.groups):
        raise TooDeep
    form._never_empty()
    return form


def _group(rule: Rule, known: Mapping[str, ProfileField]) -> Group:
    match rule:
        case {"not": {"not": _inner}}:
            raise TooDeep
        case {"not": inner}:
            group = _group(inner, known)
            group.negated = True
            return group
        case {"all": parts} | {"any": parts}:
            if not parts:
                raise TooDeep
            return Group([_row(part, known) for part in parts], ALL if "all" in rule else ANY)
    return Group([_row(rule, known)])


def _row(rule: Rule, known: Mapping[str, ProfileField]) -> ConditionRow:
    if "field" not in rule:
        raise TooDeep
    value = rule.get("value", "")
    text = ", ".join(value) if isinstance(value, list) else str(value)
    if isinstance(value, list) and any("," in word for word in value):
        raise TooDeep
    return ConditionRow(known, rule["field"], rule["is"], text)


def _value(post: Mapping[str, Any], row: str) -> str:
    """What was typed, and what was ticked beside it."""
    typed = post.get(f"{row}-value", "")
    ticked = post.getlist(f"{row}-pick") if isinstance(post, MultiValueDict) else []
    return ", ".join([*ticked, *([typed] if typed.strip() else [])]) if ticked else typed


def from_post(post: Mapping[str, Any], known: Mapping[str, ProfileField]) -> RuleForm:
    """The form as it was sent."""
    form = RuleForm(known, combine=ANY if post.get("combine") == ANY else ALL)
    for group in range(MOST_GROUPS):
        rows = [
            ConditionRow(
                known,
                post.get(f"g{group}r{row}-field", ""),
                post.get(f"g{group}r{row}-is", ""),
                _value(post, f"g{group}r{row}"),
            )
            for row in range(MOST_ROWS)
            if f"g{group}r{row}-field" in post
        ]
        if rows:
            combine = ANY if post.get(f"g{group}-combine") == ANY else ALL
            form.groups.append(Group(rows, combine, bool(post.get(f"g{group}-not"))))
    form._never_empty()
    return form
