"""Remove an attribute of profiles, with every value of it."""

from argparse import ArgumentParser
from typing import Any

from accounts import access
from accounts.commands import PersonCommand
from accounts.models import User
from accounts.rights import Right
from accounts.roles import root
from audiences.fields import attributes
from audiences.models import Attribute


class Command(PersonCommand):
    help = (
        "Show what would be lost with an attribute; with --confirm NAME remove it and every value of it. Refused while "
        "an audience or a delivery refers to it."
    )
    example = (
        "manage.py remove_attribute favourite_roast --as ines\n"
        "manage.py remove_attribute favourite_roast --confirm favourite_roast --as ines"
    )

    def add_options(self, parser: ArgumentParser) -> None:
        parser.add_argument("name", help="as list_attributes names it")
        parser.add_argument("--confirm", default="", metavar="NAME", help="the name once more: remove it")

    def act(self, *, by: User | None, options: dict[str, Any]) -> dict[str, Any]:
        assert by is not None
        access.require(by, Right.DECLARE, root())
        name, confirmed = options["name"], options["confirm"]
        attribute = Attribute.objects.filter(name=name).first()
        if attribute is None:
            self.fail("no_such_attribute", f"There is no attribute “{name}”.", exit_code=2)
        if confirmed:
            loss = attributes.remove(attribute=attribute, by=by, confirmed=confirmed)
        else:
            loss = attributes.loss(attribute, by)
        self._tell(name, loss, is_removed=bool(confirmed))
        return {
            "name": name,
            "removed": bool(confirmed),
            "profiles": loss.profiles,
            "test_profiles": loss.test_profiles,
            "uses": [str(use) for use in loss.uses],
        }

    def _tell(self, name: str, loss: attributes.Loss, *, is_removed: bool) -> None:
        had = "had" if is_removed else "have"
        self.say(
            f"{name}: {loss.profiles:,} profiles and {loss.test_profiles:,} test profiles {had} a value."
        )
        for use in loss.uses:
            self.say(f"still used: {use}")
        self.say("Removed." if is_removed else f"Nothing was removed. To remove it: --confirm {name}")
