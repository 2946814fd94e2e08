"""Declare an attribute of profiles."""

from argparse import ArgumentParser
from typing import Any

from accounts.commands import PersonCommand
from accounts.models import User
from audiences.fields import attributes
from audiences.models import Attribute


class Command(PersonCommand):
    help = "Declare an attribute that profiles may have beside their own fields."
    example = 'manage.py declare_attribute favourite_roast --label "Favourite roast" --as ines'

    def add_options(self, parser: ArgumentParser) -> None:
        parser.add_argument("name", help="small letters, digits and _; a content writes it after “profile.”")
        parser.add_argument("--label", default="", help="what people read; the name if left away")
        parser.add_argument(
            "--kind",
            choices=Attribute.Kind.values,
            default=Attribute.Kind.TEXT,
            help="what its values are (default: text)",
        )

    def act(self, *, by: User | None, options: dict[str, Any]) -> dict[str, Any]:
        assert by is not None
        label = options["label"] or options["name"]
        made = attributes.declare_one(name=options["name"], label=label, kind=options["kind"], by=by)
        self.say(f"{made.name} ({made.kind}) is declared; there is room for {attributes.room():,} more.")
        return {"name": made.name, "label": made.label, "kind": made.kind, "room": attributes.room()}
