"""List the pictures that you may see, or remove one."""

from argparse import ArgumentParser
from typing import Any

from accounts.models import User
from campaign.lib import numbers
from campaign.lib.helped import row_count
from deliveries.commands.base import USAGE, DeliveriesCommand
from deliveries.drafting import library, picture_uses

MOST = 2_000


class Command(DeliveriesCommand):
    help = "List pictures, their addresses and how many deliveries and templates show each; --remove takes one away."
    example = "manage.py list_pictures --as ana\n  manage.py list_pictures --remove 7 --as ana"

    def add_options(self, parser: ArgumentParser) -> None:
        parser.add_argument("--limit", type=row_count, default=100, help="how many at most (default: 100)")
        parser.add_argument("--remove", metavar="PICTURE", help="the number of a picture that nothing shows")

    def act(self, *, by: User | None, options: dict[str, Any]) -> Any:
        assert by is not None
        if options["remove"]:
            return self._removed(options["remove"], by=by)
        rows = list(library.seen_by(by)[: max(0, min(options["limit"], MOST))])
        uses = picture_uses.uses_of([each.sha256 for each in rows])
        found = [
            {
                "picture": each.pk, "name": each.name, "alt": each.alt, "unit": each.unit.label,
                "address": each.address,
                "width": each.width, "height": each.height, "size": each.size, "shown_in": uses.get(each.sha256, 0),
            }
            for each in rows
        ]  # fmt: skip
        for each in found:
            self.say(
                f"{each['picture']}  {each['name']}  ({each['unit']}, shown in {each['shown_in']})  {each['address']}"
            )
        return {"pictures": found}

    def _removed(self, text: str, *, by: User) -> Any:
        picture = library.seen_by(by).filter(pk=numbers.key(text)).first()
        if picture is None:
            self.fail("no_such_picture", f"There is no picture “{text}”.", exit_code=USAGE)
        key = picture.pk
        library.remove(picture=picture, by=by)
        self.say(f"“{picture.name}” is removed.")
        return {"picture": key, "removed": True}
