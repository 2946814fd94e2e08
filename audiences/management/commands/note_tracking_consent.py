"""Note whether opens and clicks of a person may be measured."""

from argparse import ArgumentParser
from typing import Any

from django.db import transaction

from accounts.commands import PersonCommand
from accounts.models import User
from audiences import addresses, sight, tracking
from audiences.consent import tracking_consents
from audiences.models import Profile
from audiences.services.subscribing import Origin
from campaign.lib import clock


class Command(PersonCommand):
    help = (
        "Note what the people with an address said: whether their opens and clicks may be measured. A no holds from "
        "now on for mails that have left, too; a yes for what is prepared from now on."
    )
    example = "manage.py note_tracking_consent joao@example.com no --purpose opens --as ines"

    def add_options(self, parser: ArgumentParser) -> None:
        parser.add_argument("address", metavar="ADDRESS", help="such as joao@example.com")
        parser.add_argument("answer", choices=["yes", "no"], help="whether they may be measured")
        parser.add_argument(
            "--purpose", choices=tracking.Purpose.values, help="of these alone (default: of both)"
        )

    def act(self, *, by: User | None, options: dict[str, Any]) -> dict[str, Any]:
        assert by is not None
        address, may = options["address"], options["answer"] == "yes"
        key = addresses.read(address)[1]
        having = sight.people(by, Profile.objects.filter(email_key=key)) if key else Profile.objects.none()
        ids = list(having.order_by("pk").values_list("pk", flat=True))
        if not ids:
            self.fail("no_such_profile", f"There is no profile with the address “{address}”.", exit_code=2)
        purposes = {options["purpose"]: may} if options["purpose"] else tracking.both(may)
        origin = Origin(clock.now(), "command", by=by)
        with transaction.atomic():
            for pk in ids:
                tracking_consents.say(profile_id=pk, purposes=purposes, origin=origin)
        self.say(f"{address}: {', '.join(purposes)} may {'' if may else 'not '}be measured.")
        return {"address": address, **purposes}
