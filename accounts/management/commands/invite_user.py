"""Make an account and invite its owner by mail."""

from argparse import ArgumentParser
from typing import Any

from accounts.commands import PersonCommand
from accounts.models import OrganizationalUnit, User
from accounts.people import people


class Command(PersonCommand):
    help = (
        "Make an account and send its owner a link to choose a password; of an account that is there and has no "
        "password yet, send the link again. Exit code 0: on its way; 1: refused; 2: wrong usage."
    )

    def add_options(self, parser: ArgumentParser) -> None:
        parser.add_argument("username")
        parser.add_argument("--email", help="where the link goes; left away: send it again")
        parser.add_argument("--unit", help="label or id of the home unit; yours if left away")
        parser.add_argument("--first-name", default="")
        parser.add_argument("--last-name", default="")

    def act(self, *, by: User | None, options: dict[str, Any]) -> dict[str, Any]:
        assert by is not None
        user = User.objects.filter(username=options["username"]).first()
        if user is None:
            user = self._make(by, options)
        elif options["email"]:
            self.fail("name_taken", f"There is a user “{user.username}” already.", exit_code=2)
        else:
            people.invite(user=user, by=by)
        self.say(f"An invitation for {user.username} is on its way to {user.email}.")
        return {"user": user.username, "email": user.email, "unit": str(user.home_unit)}

    def _make(self, by: User, options: dict[str, Any]) -> User:
        return people.create_user(
            username=options["username"],
            email=options["email"] or "",
            first_name=options["first_name"],
            last_name=options["last_name"],
            home_unit=self._unit(options["unit"], by),
            by=by,
        )

    def _unit(self, named: str | None, by: User) -> OrganizationalUnit:
        if named is None and by.home_unit is not None:
            return by.home_unit
        return self.unit(named or "", by=by)
