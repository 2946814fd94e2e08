"""Whether a route works, before anything is sent by it."""

from typing import Any

from accounts.models import User
from deliveries.management.routes import RouteCommand
from deliveries.models import Route
from deliveries.operations import route_settings


class Command(RouteCommand):
    help = (
        "Connect to a route's relay, encrypt and sign in as a send would, and try the DKIM key; no message "
        "leaves. Run it where the workers run, with their environment."
    )
    example = "manage.py check_route Newsletters --as diego"
    exit_codes = "0 it works, 1 something is wrong, 2 wrong usage"

    def on(self, route: Route, *, by: User, options: dict[str, Any]) -> dict[str, Any]:
        found = route_settings.check_route(route=route, by=by)
        answer = {
            "route": route.label,
            "relay": found.relay,
            "tls": found.tls,
            "signs_in": found.signs_in,
            "signed_as": found.signed_as,
            "offers": sorted(_offers(found)),
            "problems": found.problems,
        }
        if found.problems:
            self.fail("route_does_not_work", f"{route.label} ({found.relay}): {'; '.join(found.problems)}")
        self.say(f"{route.label} ({found.relay}) works: encryption {found.tls}, "
                 f"{'signed in' if found.signs_in else 'no sign-in'}, "
                 f"{'messages signed as ' + found.signed_as if found.signed_as else 'messages not signed'}; "
                 f"the relay offers {', '.join(answer['offers']) or 'nothing'}.")  # fmt: skip
        return answer


def _offers(found: route_settings.RouteCheck) -> list[str]:
    offers = found.offers
    if offers is None:
        return []
    names = {"PIPELINING": offers.pipelining, "8BITMIME": offers.eight_bit, "SMTPUTF8": offers.smtputf8}
    return [name for name, is_there in names.items() if is_there] + (
        [f"SIZE {offers.size}"] if offers.size else []
    )
