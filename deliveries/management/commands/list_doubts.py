"""List the messages of a delivery whose outcome is unknown."""

from argparse import ArgumentParser
from typing import Any

from django.utils import timezone

from accounts.models import User
from audiences import sight
from campaign.lib.helped import row_count
from deliveries.commands.base import DeliveriesCommand
from deliveries.operations import doubts


class Command(DeliveriesCommand):
    help = "List the messages whose outcome is unknown, in the order of sending, each with since when and its note."
    example = "manage.py list_doubts DM95 --json"
    requires_person = False

    def add_options(self, parser: ArgumentParser) -> None:
        parser.add_argument("delivery", metavar="DELIVERY", help="its ID: DM95, or 95")
        parser.add_argument("--limit", type=row_count, default=1000, help="at most so many (default: 1000)")
        parser.add_argument("--after", type=int, default=0, metavar="N", help="go on behind this number")

    def act(self, *, by: User | None, options: dict[str, Any]) -> Any:
        delivery = self.find(options["delivery"], by=by)
        limit = max(1, options["limit"])
        listed = doubts.listed(delivery, user=by).filter(seq__gt=options["after"])
        found = list(listed.order_by("seq")[: limit + 1])
        rows = [
            {
                "seq": doubt.seq,
                "address": str(sight.address(doubt)),
                "since": doubt.since,
                "tries": doubt.tries,
                "note": doubt.note,
                "again_from": doubts.again_from(doubt.since),
            }
            for doubt in found[:limit]
        ]
        number = doubts.number(delivery)
        self.say(f"{delivery.name} “{delivery.label}”: {number:,} with unknown outcome")
        zone = timezone.get_current_timezone_name()
        for row in rows:
            since, again = (
                f"{timezone.localtime(row[name]):%Y-%m-%d %H:%M:%S}" for name in ("since", "again_from")
            )
            self.say(
                f"{row['seq']:>9}  {row['address']:<40} since {since} {zone}, may be sent again from {again}"
                f"  {row['note']}".rstrip()
            )
        after = rows[-1]["seq"] if len(found) > limit else None
        if after is not None:
            self.say(f"More: --after {after}")
        return {
            "delivery": delivery.name,
            "id": delivery.pk,
            "number": number,
            "doubts": rows,
            "after": after,
        }
