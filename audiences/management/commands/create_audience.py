"""Make an audience by rule from a file."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from accounts.commands import PersonCommand
from accounts.models import OrganizationalUnit, User
from accounts.roles import root
from audiences.rules import rules, targeting
from audiences.targets import combining, definitions, named_parts

KNOWN = {"label", "rule", "unit", "description", "with", "without"}


class Command(PersonCommand):
    help = (
        'Make an audience from a JSON file: {"label": …, "rule": …, "unit": label or id, "description": …}; '
        'in place of the rule "with" and "without" may name lists and rules, by label or id.'
    )
    example = "manage.py create_audience docs/tutorial/regulars.json --as ana"

    def add_options(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path, metavar="FILE", help="the JSON file")

    def act(self, *, by: User | None, options: dict[str, Any]) -> dict[str, Any]:
        assert by is not None
        wanted = self._read(options["file"])
        unit = self._unit(wanted.get("unit"), by)
        audience = definitions.create_rule(
            label=str(wanted.get("label", "")),
            rule=self._rule(wanted, unit, by),
            unit=unit,
            description=str(wanted.get("description", "")),
            by=by,
        )
        parts = combining.parts_of(audience)
        for part in parts:
            sign, number = "without" if part.without else "with", part.count
            self.say(f"  {sign:<8}{part.audience.label}: {'–' if number is None else f'{number:,}'} profiles")
        count, words = targeting.count(audience), rules.in_words(audience.rule)
        self.say(f"{audience.label} (id {audience.pk}): {words}: {count:,} profiles")
        named = [
            {"audience": part.audience.pk, "without": part.without, "count": part.count} for part in parts
        ]
        return {
            "audience": audience.pk, "label": audience.label, "words": words, "count": count, "parts": named,
        }  # fmt: skip

    def _rule(self, wanted: dict[str, Any], unit: OrganizationalUnit, by: User) -> Any:
        """The rule that is written, or the one that combines the lists and rules that are named."""
        if not set(named_parts.KEYS) & set(wanted):
            return wanted.get("rule", {})
        if "rule" in wanted:
            self.fail("bad_file", "Give a rule, or “with” and “without”, not both.", exit_code=2)
        return combining.rule_of(named_parts.parts(wanted, unit=unit, by=by))

    def _read(self, path: Path) -> dict[str, Any]:
        try:
            wanted = rules.from_text(path.read_text(encoding="utf-8"))
        except (OSError, ValueError, rules.RuleError) as error:
            self.fail("bad_file", f"{path} can't be read: {error}", exit_code=2)
        if not isinstance(wanted, dict) or set(wanted) - KNOWN:
            self.fail(
                "bad_file", f"{path} must hold one object with: {', '.join(sorted(KNOWN))}.", exit_code=2
            )
        return wanted

    def _unit(self, wanted: Any, by: User) -> OrganizationalUnit:
        if wanted is None:
            return by.home_unit or root()
        return self.unit(str(wanted), by=by)
