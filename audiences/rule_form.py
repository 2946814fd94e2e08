"""The rule of an audience as a form: groups of conditions, and back.

A form holds what a page can show without scripts: groups side by side, each with its conditions, each of them
negated or not. A rule that is nested deeper is edited as text.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from audiences import rules
from audiences.fields import ProfileField
from audiences.rules import Operator, Rule

ALL, ANY = "all", "any"
MOST_ROWS = 50
MOST_GROUPS = 20


class TooDeep(Exception):
    """The rule is nested deeper than the form shows, or has more groups or conditions."""


@dataclass(slots=True)
class Row:
    """One condition as it stands on the page."""

    known: Mapping[str, ProfileField]
    field: str = ""
    code: str = ""
    value: str = ""

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

    def rule(self) -> Rule | None:
        operator = self.operator
        if operator is None:
            return None
        leaf = {"field": self.field, "is": operator.code}
        match self.takes:
            case "none":
                return leaf
            case "texts":
                return leaf | {"value": [word.strip() for word in self.value.split(",") if word.strip()]}
            case "number" | "days":
                return leaf | {"value": self.value.strip().replace(",", ".")}
        return leaf | {"value": self.value}


@dataclass(slots=True)
class Group:
    rows: list[Row]
    combine: str = ALL
    negated: bool = False

    def rule(self) -> Rule | None:
        parts = [rule for row in self.rows if (rule := row.rule())]
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

    def rule(self) -> Rule:
        """What the form says; raises nothing, `rules.validated` does."""
        parts = [rule for group in self.groups if (rule := group.rule())]
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
                self.groups.append(Group([Row(self.known)]))
            case "add", "row", [group] if group < len(self.groups) and not self.is_full:
                if len(self.groups[group].rows) < MOST_ROWS:
                    self.groups[group].rows.append(Row(self.known))
            case "remove", "group", [group] if group < len(self.groups):
                del self.groups[group]
            case "remove", "row", [group, row] if group < len(self.groups) and row < len(
                self.groups[group].rows
            ):
                del self.groups[group].rows[row]
        self._never_empty()

    def _never_empty(self) -> None:
        self.groups = [group for group in self.groups if group.rows] or [Group([Row(self.known)])]


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


def _row(rule: Rule, known: Mapping[str, ProfileField]) -> Row:
    if "field" not in rule:
        raise TooDeep
    value = rule.get("value", "")
    text = ", ".join(value) if isinstance(value, list) else str(value)
    if isinstance(value, list) and any("," in word for word in value):
        raise TooDeep
    return Row(known, rule["field"], rule["is"], text)


def from_post(post: Mapping[str, Any], known: Mapping[str, ProfileField]) -> RuleForm:
    """The form as it was sent."""
    form = RuleForm(known, combine=ANY if post.get("combine") == ANY else ALL)
    for group in range(MOST_GROUPS):
        rows = [
            Row(
                known,
                post.get(f"g{group}r{row}-field", ""),
                post.get(f"g{group}r{row}-is", ""),
                post.get(f"g{group}r{row}-value", ""),
            )
            for row in range(MOST_ROWS)
            if f"g{group}r{row}-field" in post
        ]
        if rows:
            combine = ANY if post.get(f"g{group}-combine") == ANY else ALL
            form.groups.append(Group(rows, combine, bool(post.get(f"g{group}-not"))))
    form._never_empty()
    return form
