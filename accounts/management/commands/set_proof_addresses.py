"""Say where proofs of a unit may go."""

from argparse import ArgumentParser
from typing import Any

from accounts.commands import UnitCommand
from accounts.models import User
from accounts.units import proof_addresses


class Command(UnitCommand):
    help = (
        "Keep the list of addresses and domains that proofs of a unit, and of all below it, may go to. A unit below "
        "can only narrow it. Without any, the unit has no list of its own: then those above hold, and where none is, "
        "the domains of the unit's people. Everybody's own verified address is always allowed."
    )

    def add_unit_options(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "entries",
            metavar="ADDRESS",
            nargs="*",
            help="an address, or a domain: ana@example.com, example.com",
        )

    def act(self, *, by: User | None, options: dict[str, Any]) -> Any:
        assert by is not None
        unit = self.unit(options["unit"], by=by)
        proof_addresses.save(unit=unit, entries=options["entries"], by=by)
        allowed = proof_addresses.of_unit(unit)
        self.say(f"Proofs of “{unit}” go to: {proof_addresses.words(unit)}")
        return {"unit": unit.label, "own": unit.proof_addresses or [], "allowed": allowed.entries}
