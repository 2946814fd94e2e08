"""What a person was told: which deliveries wait for a confirmation, which expired."""

from argparse import ArgumentParser
from typing import Any

from django.utils import timezone

from accounts.models import User
from campaign.lib import clock
from campaign.lib.helped import row_count
from deliveries.commands.base import DeliveriesCommand
from deliveries.lifecycle import notices
from deliveries.models import Notice


class Command(DeliveriesCommand):
    help = "List what a person was told, the newest first; --seen marks it all as seen."
    example = "manage.py list_notices --as carla\n  manage.py list_notices --as carla --seen --json"

    def add_options(self, parser: ArgumentParser) -> None:
        parser.add_argument("--limit", type=row_count, default=50, help="at most so many (default: 50)")
        parser.add_argument("--seen", action="store_true", help="mark all of them as seen afterwards")

    def act(self, *, by: User | None, options: dict[str, Any]) -> Any:
        assert by is not None
        rows = [_row(notice) for notice in notices.shown_to(by)[: max(1, options["limit"])]]
        for row in rows:
            new = " " if row["seen"] else "*"
            at = timezone.localtime(row["at"])
            self.say(f"{new} {at:%Y-%m-%d %H:%M}  {row['delivery']:<9} {row['kind']}: {row['label']}")
        if not rows:
            self.say("No notices.")
        marked = notices.mark_seen(by=by, at=clock.now()) if options["seen"] else 0
        return {"notices": rows, "marked": marked}


def _row(notice: Notice) -> dict[str, Any]:
    return {
        "at": notice.at,
        "kind": notice.kind,
        "delivery": notice.delivery.name,
        "label": notice.delivery.label,
        "text": notice.text,
        "seen": notice.seen_at is not None,
        "mailed": notice.mailed_at is not None,
    }
