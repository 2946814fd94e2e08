"""Make or change a route without a browser."""

from argparse import ArgumentParser, BooleanOptionalAction
from typing import Any

from accounts.commands import PersonCommand
from accounts.models import User
from campaign.lib.helped import of_field
from deliveries.models import Route
from deliveries.operations import route_settings

TEXTS = (
    "host", "username", "password_variable", "ca_file", "return_path_domain",
    "dkim_domain", "dkim_selector", "dkim_key_variable", "dkim_key_file",
)  # fmt: skip
NUMBERS = ("port", "connections", "messages_per_connection")
YES_NO = ("is_default", "auth_in_clear")


class Command(PersonCommand):
    help = (
        "Make a route, or change what is named of it; what is left out stays as it is. Passwords and private keys "
        "are never given here: name the environment variable, or the key's file. A resting route is woken."
    )
    example = (
        "manage.py save_route Newsletters --host relay.example.com --port 587 --tls starttls --username sinete "
        "--password-variable RELAY_PASSWORD --as diego"
    )

    def add_options(self, parser: ArgumentParser) -> None:
        parser.add_argument("route", metavar="ROUTE", help="its label")
        for name in TEXTS:
            parser.add_argument(_option(name), dest=name, help=of_field(Route, name))
        for name in NUMBERS:
            parser.add_argument(_option(name), dest=name, type=int, help=of_field(Route, name))
        parser.add_argument(
            "--limit-per-hour", metavar="N", help=f"{of_field(Route, 'limit_per_hour')}. “none” takes it away"
        )
        parser.add_argument("--tls", choices=Route.Tls.values, help=of_field(Route, "tls"))
        for name in YES_NO:
            parser.add_argument(
                _option(name), dest=name, action=BooleanOptionalAction, help=of_field(Route, name)
            )

    def act(self, *, by: User | None, options: dict[str, Any]) -> dict[str, Any]:
        assert by is not None
        given = {
            name: options[name] for name in (*TEXTS, *NUMBERS, "tls", *YES_NO) if options[name] is not None
        }
        if any(given[name] < 0 for name in NUMBERS if name in given):
            self.fail("bad_number", "A number can't be less than 0.", exit_code=2)
        if options["limit_per_hour"] is not None:
            given["limit_per_hour"] = options["limit_per_hour"]
        label = options["route"]
        route = Route.objects.filter(label=label).first() or Route(label=label)
        route_settings.save_route(route=route, by=by, label=label, **given)
        self.say(f"Route “{label}” is saved.")
        shown = (*TEXTS, *NUMBERS, "tls", *YES_NO, "limit_per_hour")
        return {"route": label, **{name: getattr(route, name) for name in shown}}


def _option(name: str) -> str:
    return "--" + name.replace("_", "-")
