"""Subscribe whom an audience holds to a service."""

from argparse import ArgumentParser
from typing import Any

from accounts import access
from accounts.commands import PersonCommand
from accounts.models import User
from audiences.models import Audience, Service
from audiences.services import subscribing
from campaign.lib import clock


class Command(PersonCommand):
    help = (
        "Subscribe the people of an audience who agreed to it elsewhere. Nobody who left the service before, opted "
        "out, is held or in quarantine is subscribed so."
    )
    example = "manage.py subscribe_audience 2 14 --welcome --as ana"

    def add_options(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "service", type=int, metavar="SERVICE", help="its number, as list_services names it"
        )
        parser.add_argument(
            "audience", type=int, metavar="AUDIENCE", help="its number, as list_audiences names it"
        )

        parser.add_argument("--welcome", action="store_true", help="they get the welcome mails too")

    def act(self, *, by: User | None, options: dict[str, Any]) -> dict[str, Any]:
        assert by is not None
        service = (
            access.visible(by, Service.objects.select_related("unit")).filter(pk=options["service"]).first()
        )
        audience = (
            access.visible(by, Audience.objects.select_related("unit")).filter(pk=options["audience"]).first()
        )
        if service is None or audience is None:
            self.fail("no_such", "There is no such service or audience.", exit_code=2)
        number = subscribing.subscribe_audience(
            service=service, audience=audience, by=by, at=clock.now(), is_welcomed=options["welcome"]
        )
        self.say(f"{number:,} newly subscribed to “{service}”.")
        return {"service": service.pk, "audience": audience.pk, "subscribed": number}
