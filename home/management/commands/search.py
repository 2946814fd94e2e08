"""One search over deliveries, audiences and people."""

from argparse import ArgumentParser
from typing import Any

from accounts.commands import PersonCommand
from accounts.models import User
from audiences import sight
from home import search


class Command(PersonCommand):
    help = f"Find deliveries, audiences and people that a person may see by a part of their text; {search.SHOWN} each."
    example = "manage.py search harvest --as ana"

    def add_options(self, parser: ArgumentParser) -> None:
        parser.add_argument("text", help=f"at least {search.SHORTEST} characters")

    def act(self, *, by: User | None, options: dict[str, Any]) -> dict[str, Any]:
        """Print a line for each that is found. Raise CommandError for a text that is too short."""
        assert by is not None
        found = search.of(by, options["text"])
        if found.is_too_short:
            self.fail("too_short", f"Name at least {search.SHORTEST} characters.", exit_code=2)
        for delivery in found.deliveries:
            self.say(f"{delivery.name:<9} {delivery.label} · {delivery.unit}")
        for audience in found.audiences:
            self.say(f"audience {audience.pk} {audience.label} · {audience.unit}")
        for profile in found.people:
            self.say(f"profile {profile.pk} {profile} <{sight.email(profile)}> · {profile.unit}")
        for kind in sorted(found.more):
            self.say(f"There are more {kind}.")
        if not found.number:
            self.say("Nothing found.")
        return found.as_dict()
