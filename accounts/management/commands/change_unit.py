"""Move or rename a unit, or change its approval."""

import sys
from argparse import ArgumentParser
from dataclasses import asdict
from typing import Any

from accounts.commands import UnitCommand
from accounts.models import Affected, ApprovalPolicy, User
from accounts.units import units


class Command(UnitCommand):
    help = (
        "Put a unit below another one, rename it, or change the approval that it asks for. The tightest of a unit and "
        "all above holds. It says before how many deliveries must be approved anew, and how many leave as they were "
        "confirmed."
    )
    example = (
        "manage.py change_unit Europe --approval four_eyes --look --as diego\n"
        "manage.py change_unit Lisboa --under Europe --yes --as diego"
    )

    def add_unit_options(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--under", metavar="UNIT", default="", help="the unit that it stands below from now on"
        )
        parser.add_argument("--label", metavar="TEXT", help="what it is called from now on")
        parser.add_argument("--approval", choices=ApprovalPolicy.values, help="what it asks for itself")
        parser.add_argument("--yes", action="store_true", help="don't ask")
        parser.add_argument("--look", action="store_true", help="only say what it would mean")

    def act(self, *, by: User | None, options: dict[str, Any]) -> Any:
        assert by is not None
        unit = self.unit(options["unit"], by=by)
        parent = self.unit(options["under"], by=by) if options["under"] else None
        policy = options["approval"] or unit.approval_policy
        before = units.foresee(unit=unit, approval_policy=policy, parent=parent, by=by)
        self.say(before)
        if not options["look"]:
            self._ask(before, options)
            unit = units.change_unit(
                unit=unit, label=options["label"] or unit.label, approval_policy=policy,
                grace_seconds=unit.grace_seconds, parent=parent, by=by,
            )  # fmt: skip
            self.say(f"“{unit}” is saved. {unit.affected}")
        return {
            "unit": unit.label,
            "approval": unit.policy.value,
            "affected": asdict(unit.affected or before),
        }

    def _ask(self, before: Affected, options: dict[str, Any]) -> None:
        """Where deliveries are concerned, go on only after a yes."""
        if options["yes"] or not before:
            return
        if self.as_json or not sys.stdin.isatty():
            self.fail("not_asked", f"{before} Say --yes to go on.")
        if input("Go on? [y/N] ").strip().lower() not in {"y", "yes"}:
            self.fail("not_now", "Nothing was changed.")
