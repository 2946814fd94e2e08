"""Add a picture to a unit's library."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from accounts.models import User
from campaign.lib import clock
from deliveries.commands.base import USAGE
from deliveries.commands.units import UnitCommand
from deliveries.drafting import library


class Command(UnitCommand):
    help = (
        "Add a picture (PNG, JPEG, GIF, WebP; up to 5 MB) that contents of the unit and of those below can show by its "
        "address. An empty --alt says that it is mere ornament."
    )
    example = 'manage.py add_picture hero.png --alt "Coffee cherries on a branch" --unit Brasil --as ana'

    def add_options(self, parser: ArgumentParser) -> None:
        super().add_options(parser)
        parser.add_argument("file", type=Path, metavar="FILE", help="the picture")
        parser.add_argument("--alt", required=True, help="what somebody hears who does not see it")
        parser.add_argument("--name", default="", help="what it is called (default: as the file)")

    def act(self, *, by: User | None, options: dict[str, Any]) -> Any:
        assert by is not None
        unit, path = self.unit(options["unit"], by=by), options["file"]
        try:
            with path.open("rb") as file:
                made = library.add(
                    unit=unit, name=options["name"] or path.stem[:128], alt=options["alt"], file=file, by=by,
                    at=clock.now(),
                )  # fmt: skip
        except OSError as error:
            self.fail("no_such_file", f"{path}: {error.strerror}", exit_code=USAGE)
        self.say(f"{made.pk}  {made.address}  ({made.width} x {made.height}, {made.size} octets)")
        return {
            "picture": made.pk,
            "address": made.address,
            "width": made.width,
            "height": made.height,
            "size": made.size,
        }
