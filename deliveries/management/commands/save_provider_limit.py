"""Limit what goes to a mailbox provider by a route, without a browser."""

from argparse import ArgumentParser
from typing import Any

from accounts.models import User
from deliveries.management.routes import RouteCommand
from deliveries.models import ProviderLimit, Route
from deliveries.operations import route_settings
from deliveries.routing import limits


class Command(RouteCommand):
    help = (
        "Set how many messages an hour a mailbox provider gets by a route, all its domains together; or take the "
        "limit away. It acts from the next window on."
    )
    example = (
        "manage.py save_provider_limit Newsletters Gmail --domains gmail.com,googlemail.com --per-hour 5000"
        " --as diego\n"
        "manage.py save_provider_limit Newsletters Gmail --per-hour none --as diego"
    )

    def add_options(self, parser: ArgumentParser) -> None:
        parser.add_argument("route", metavar="ROUTE", help="the route's label")
        parser.add_argument(
            "provider", metavar="PROVIDER", help="the provider's name: a new one makes a limit"
        )
        parser.add_argument(
            "--domains", metavar="D,D,…", help="the domains of its addresses: gmail.com,googlemail.com"
        )
        parser.add_argument("--per-hour", metavar="N", help="messages an hour; none takes the limit away")

    def on(self, route: Route, *, by: User, options: dict[str, Any]) -> dict[str, Any]:
        name = options["provider"]
        limit = route.provider_limits.filter(name=name).first() or ProviderLimit(route=route, name=name)
        answer = {"route": route.label, "provider": name}
        if options["per_hour"] in limits.NONE:
            if limit.pk is None:
                self.fail("no_such_limit", f"“{route}” has no limit “{name}”.", exit_code=2)
            route_settings.remove_provider_limit(limit=limit, by=by)
            self.say(f"“{route}” no longer limits {name}.")
            return answer | {"domains": [], "limit_per_hour": None}
        route_settings.save_provider_limit(
            limit=limit, by=by, name=name,
            domains=limit.domains or [] if options["domains"] is None else options["domains"].split(","),
            limit_per_hour=limit.limit_per_hour if options["per_hour"] is None else options["per_hour"],
        )  # fmt: skip
        self.say(
            f"{name} ({', '.join(limit.domains)}) gets at most {limit.limit_per_hour:,} an hour by “{route}”."
        )
        return answer | {"domains": limit.domains, "limit_per_hour": limit.limit_per_hour}
