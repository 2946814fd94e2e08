"""Make a unit below another one."""

from argparse import ArgumentParser
from typing import Any

from accounts.commands import PersonCommand
from accounts.models import ApprovalPolicy, User
from accounts.roles import root
from accounts.units import units


class Command(PersonCommand):
    help = (
        "Make an organisational unit below another one. It asks for as much approval as that unless you say more. "
        "Exit code 0: made; 1: refused; 2: wrong usage."
    )

    def add_options(self, parser: ArgumentParser) -> None:
        parser.add_argument("label")
        parser.add_argument("--under", metavar="UNIT", help="label or id; the topmost unit if left away")
        parser.add_argument("--approval", choices=ApprovalPolicy.values, help="what it asks for itself")
        parser.add_argument(
            "--grace-seconds", type=int, metavar="N", help="how long “at once” waits after the confirmation"
        )

    def act(self, *, by: User | None, options: dict[str, Any]) -> dict[str, Any]:
        assert by is not None
        unit = units.create_unit(
            label=options["label"],
            parent=self.unit(options["under"], by=by) if options["under"] else root(),
            approval_policy=options["approval"],
            grace_seconds=options["grace_seconds"],
            by=by,
        )
        self.say(f"“{unit}” is made below “{unit.parent}”. Approval: {unit.policy.label}.")
        return {"unit": unit.label, "id": unit.pk, "under": unit.parent.label, "approval": unit.policy.value}
