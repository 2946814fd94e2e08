"""Make an audience by rule from a file."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from accounts.commands import PersonCommand
from accounts.models import OrganizationalUnit, User
from accounts.roles import root
from audiences import definitions, rules, targeting

KNOWN = {"label", "rule", "unit", "description"}


class Command(PersonCommand):
    help = (
        'Make an audience from a JSON file: {"label": …, "rule": …, "unit": label or id, "description": …}.'
    )

    def add_options(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path)

    def act(self, *, by: User | None, options: dict[str, Any]) -> dict[str, Any]:
        assert by is not None
        wanted = self._read(options["file"])
        audience = definitions.create_rule(
            label=str(wanted.get("label", "")),
            rule=wanted.get("rule", {}),
            unit=self._unit(wanted.get("unit"), by),
            description=str(wanted.get("description", "")),
            by=by,
        )
        count, words = targeting.count(audience), rules.in_words(audience.rule)
        self.say(f"{audience.label} (id {audience.pk}): {words}: {count:,} profiles")
        return {"audience": audience.pk, "label": audience.label, "words": words, "count": count}

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
        name = {"pk": wanted} if str(wanted).isdigit() else {"label": wanted}
        found = list(OrganizationalUnit.objects.filter(**name)[:2])
        if len(found) != 1:
            self.fail("no_unit", f"There is no such unit, or more than one: “{wanted}”.", exit_code=2)
        return found[0]
