"""Commands on a whole unit."""

from argparse import ArgumentParser

from accounts import access
from accounts.models import OrganizationalUnit, User
from deliveries.commands.base import USAGE, DeliveriesCommand


class UnitCommand(DeliveriesCommand):
    """A command about a unit: the topmost one unless another is named."""

    def add_options(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--unit", default="", metavar="UNIT", help="its label (default: the one above all)"
        )

    def unit(self, label: str, *, by: User) -> OrganizationalUnit:
        readable = access.readable_units(by)
        found = list(readable.filter(label__iexact=label) if label else readable.filter(parent=None))
        if len(found) != 1:
            self.fail("no_such_unit", f"There is no unit “{label}”, or more than one.", exit_code=USAGE)
        return found[0]
