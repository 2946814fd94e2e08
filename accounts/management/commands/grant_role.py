"""Give somebody a role in a unit, or take it back."""

from argparse import ArgumentParser
from typing import Any

from accounts import access
from accounts.commands import PersonCommand
from accounts.models import OrganizationalUnit, Role, RoleGrant, User
from accounts.roles import SHIPPED


class Command(PersonCommand):
    help = (
        "Give somebody a role in a unit and all below it, or take it back. Nobody gives Start or Approve to "
        "themselves."
    )
    example = (
        "manage.py grant_role carla start Brasil --as diego\n"
        "manage.py grant_role carla start Brasil --take-back --as diego"
    )

    def add_options(self, parser: ArgumentParser) -> None:
        parser.add_argument("username", help="who gets it")
        parser.add_argument("role", choices=SHIPPED, metavar="ROLE", help=f"one of {', '.join(SHIPPED)}")
        parser.add_argument("unit", metavar="UNIT", help="label or id of the unit where it acts")
        parser.add_argument("--take-back", action="store_true", help="take it back instead, at once")

    def act(self, *, by: User | None, options: dict[str, Any]) -> dict[str, Any]:
        """Give the role or take it back; raise UnknownPerson, and what `access.grant` raises."""
        assert by is not None
        user = User.objects.filter(username=options["username"]).first()
        if user is None:
            raise access.UnknownPerson(user=options["username"])
        unit, role = self.unit(options["unit"], by=by), Role.objects.get(code=options["role"])
        if options["take_back"]:
            self._take_back(user, role, unit, by=by)
            self.say(f"{user.username} no longer has “{role}” in “{unit}”.")
            return {"user": user.username, "role": role.code, "unit": unit.label, "has_it": False}
        given = access.grant(user=user, role=role, unit=unit, by=by)
        self.say(f"{user.username} has “{role}” in “{unit}” and below.")
        if given.withheld:
            self.say("Start and Approve are withheld until an independent administrator gives them back.")
        return {
            "user": user.username, "role": role.code, "unit": unit.label, "has_it": True, "withheld": given.withheld,
        }  # fmt: skip

    def _take_back(self, user: User, role: Role, unit: OrganizationalUnit, *, by: User) -> None:
        given = RoleGrant.objects.filter(user=user, role=role, unit=unit).first()
        if given is None:
            self.fail("not_held", f"{user.username} does not have “{role}” in “{unit}”.")
        access.revoke(grant=given, by=by)
