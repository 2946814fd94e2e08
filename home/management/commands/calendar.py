"""What leaves when: a month or a week."""

from argparse import ArgumentParser
from typing import Any

from django.utils import timezone

from accounts.commands import PersonCommand
from accounts.models import User
from campaign.lib import clock
from campaign.lib.helped import row_count
from home import leaving, months


class Command(PersonCommand):
    help = (
        "List what leaves when, in a month or a week: deliveries, waves, local hours, runs of series; by the clocks of"
        " whoever --as names."
    )
    example = "manage.py calendar --month 2026-12 --unit Brasil --as ana"

    def add_options(self, parser: ArgumentParser) -> None:
        span = parser.add_mutually_exclusive_group()
        span.add_argument("--month", default="", metavar="YYYY-MM", help="default: this month")
        span.add_argument("--week", default="", metavar="YYYY-Www", help="an ISO week, as 2026-W49")
        parser.add_argument("--unit", metavar="UNIT", help="label or id: only this unit and those below it")
        parser.add_argument("--limit", type=row_count, help="the first so many (default: all)")

    def act(self, *, by: User | None, options: dict[str, Any]) -> dict[str, Any]:
        """Print a line for each; return them as `--json` prints them. Raise CommandError for what names no span."""
        assert by is not None
        at = clock.now()
        month, week = options["month"], options["week"]
        sheet = months.sheet(month=month, week=week, today=timezone.localtime(at).date())
        if (month or week) and sheet.name != (month or week):
            self.fail("no_such_span", "Name a month as 2026-12, or a week as 2026-W49.", exit_code=2)
        unit = self.unit(options["unit"], by=by) if options["unit"] else None
        span = leaving.between(sheet.since, sheet.until, user=by, at=at, unit=unit)
        most = len(span.rows) if options["limit"] is None else options["limit"]
        rows = span.rows[:most]
        self.say(f"{sheet.title} ({timezone.get_current_timezone_name()})")
        for row in rows:
            people = "" if row.people is None else f", {row.people:,}"
            part = f" {row.number}/{row.of}" if row.of > 1 else ""
            what = f"{row.delivery.name}{part} {row.delivery.label}"
            self.say(f"{timezone.localtime(row.at):%Y-%m-%d %H:%M}  {what} ({row.certainty.label}{people})")
        if not rows:
            self.say("Nothing leaves.")
        return {
            "span": sheet.name, "since": span.since, "until": span.until,
            "cut": span.is_cut or len(rows) < len(span.rows),
            "rows": [row.as_dict() for row in rows],
        }  # fmt: skip
