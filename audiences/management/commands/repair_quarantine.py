"""Let addresses go that a provider's outage put into quarantine."""

from argparse import ArgumentParser
from datetime import datetime
from typing import Any

from django.utils import timezone

from accounts.commands import PersonCommand
from accounts.models import User
from audiences.quarantine import outages
from audiences.quarantine.outages import Outage
from campaign.lib import clock


class Command(PersonCommand):
    help = (
        "Let addresses be used again that a mailbox provider refused by its own fault: by the dates of the errors, and "
        "by domain, MX host or a part of the error text. Without --yes it only says how many and which. Complaints, "
        "and what a person or a list holds, stay."
    )
    example = (
        "manage.py repair_quarantine --since 2026-12-14T20:00 --until 2026-12-15 --mx-host outlook.com --as "
        "diego"
    )

    def add_options(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--since",
            required=True,
            metavar="DATE",
            help="2026-12-14 or 2026-12-14T20:00, by your own clocks",
        )
        parser.add_argument("--until", required=True, metavar="DATE", help="the same")
        parser.add_argument("--domain", default="", help="such as gmail.com")
        parser.add_argument(
            "--mx-host", default="", help="whose mail servers take the mail, such as outlook.com"
        )
        parser.add_argument("--text", default="", help="a part of the error text, such as 550-5.1.1")
        parser.add_argument("--yes", action="store_true", help="do it")

    def act(self, *, by: User | None, options: dict[str, Any]) -> dict[str, Any]:
        assert by is not None
        outage = Outage(
            self._moment(options["since"]), self._moment(options["until"]), options["domain"], options["text"],
            options["mx_host"],
        )  # fmt: skip
        if options["yes"]:
            number = outages.repair(outage, by=by, at=clock.now())
            self.say(f"{number:,} addresses may be used again.")
            return {"repaired": number}
        found = outages.foresee(outage, by=by)
        for entry in found.first:
            self.say(f"{entry.address_key}  {entry.get_reason_display()}  {entry.error_text[:80]}")
        self.say(f"{found.number:,} addresses would be used again. Say --yes to do it.")
        if found.unknown:
            self.say(f"Of {found.unknown:,} domains the MX host is not known yet: it is being looked up.")
        return {
            "would_be_repaired": found.number,
            "unknown_domains": found.unknown,
            "first": [entry.address_key for entry in found.first],
        }

    def _moment(self, text: str) -> datetime:
        try:
            moment = datetime.fromisoformat(text)
        except ValueError:
            self.fail("no_date", f"“{text}” is no date.", exit_code=2)
        return moment if moment.tzinfo else timezone.make_aware(moment)
