"""Say that an account is its owner's again."""

from argparse import ArgumentParser
from typing import Any

from accounts.commands import PersonCommand
from accounts.models import User
from accounts.people import people


class Command(PersonCommand):
    help = (
        "Give Start and Approve back to an account that was made by somebody else, or whose password or address "
        "somebody else set. Takes an administrator whose own right that person did not give. Exit code 0: given "
        "back; 1: refused; 2: wrong usage."
    )

    def add_options(self, parser: ArgumentParser) -> None:
        parser.add_argument("username")

    def act(self, *, by: User | None, options: dict[str, Any]) -> dict[str, Any]:
        assert by is not None
        user = User.objects.filter(username=options["username"]).first()
        if user is None:
            self.fail("no_such_person", f"There is no user “{options['username']}”.", exit_code=2)
        given = people.give_back(user=user, by=by)
        self.say(f"{user.username} is in nobody else's hands. Given back: {', '.join(given) or 'no role'}.")
        return {"user": user.username, "given_back": given}
