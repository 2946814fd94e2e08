"""What the commands on routes have in common."""

from argparse import ArgumentParser
from typing import Any

from accounts import access
from accounts.commands import PersonCommand
from accounts.models import User
from accounts.rights import Right
from accounts.roles import root
from deliveries.models import Route
from deliveries.routing import routes


class RouteCommand(PersonCommand):
    """A command on one route, for administrators of the topmost unit. A subclass writes `on`."""

    def add_options(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "route", metavar="ROUTE", nargs="?", default="", help="its label; the default route if left out"
        )

    def act(self, *, by: User | None, options: dict[str, Any]) -> Any:
        assert by is not None
        access.require(by, Right.ADMINISTER, root())
        return self.on(self.find(options["route"]), by=by, options=options)

    def find(self, label: str) -> Route:
        found = Route.objects.filter(label=label).first() if label else routes.default_route()
        if found is None:
            known = ", ".join(f"“{each}”" for each in Route.objects.values_list("label", flat=True))
            self.fail("no_such_route", f"There is no route “{label}”; there are {known}.", exit_code=2)
        return found

    def on(self, route: Route, *, by: User, options: dict[str, Any]) -> Any:
        """Call the verb on the route; return what `--json` prints.

        Each command says how; without that, NotImplementedError is raised.
        """
        raise NotImplementedError
