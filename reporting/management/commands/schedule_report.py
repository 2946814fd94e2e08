"""Have a report mailed again and again; list, change, leave or delete such."""

from argparse import ArgumentParser
from datetime import datetime, time
from typing import Any

from django.utils import timezone

from accounts.models import User
from campaign.lib import clock, numbers
from campaign.lib.helped import row_count
from deliveries.commands.base import USAGE, DeliveriesCommand
from reporting.management.commands.report import add_subject_options, subject_in
from reporting.models import ScheduledReport
from reporting.reports import kinds
from reporting.scheduled import definitions
from reporting.scheduled.forms import FIELDS

ACTIONS = ("list", "change", "leave", "delete")


def described(report: ScheduledReport) -> dict[str, Any]:
    """What commands answer about a scheduled report."""
    return {
        "scheduled": report.pk,
        "report": report.kind,
        "unit": report.unit.label,
        "folder": report.folder_id,
        "deliveries": [f"DM{pk}" for pk in report.deliveries.order_by("pk").values_list("pk", flat=True)],
        "days": report.days,
        "to": list(report.recipients.order_by("username").values_list("username", flat=True)),
        "rhythm": report.rhythm,
        "weekday": report.weekday,
        "month_day": report.month_day,
        "at": f"{report.at_time:%H:%M}",
        "zone": report.time_zone,
        "is_on": report.is_on,
        "next": report.next_at,
    }


def found_by(command: DeliveriesCommand, text: str, *, by: User) -> ScheduledReport:
    """The scheduled report of this number, if the person may see it. Raise CommandError."""
    found = definitions.shown_to(by).filter(pk=numbers.key(text)).first()
    if found is None:
        command.fail("no_such_report", f"There is no scheduled report “{text}”.", exit_code=USAGE)
    return found


class Command(DeliveriesCommand):
    help = (
        "Mail a report to people each day, week or month; each gets what they may see themselves. list: those there "
        "are. change, delete, leave (get it no more): of one, by its number; what change is not told stays."
    )
    example = (
        "manage.py schedule_report folder --folder Summer --to ana --to carla --every weekly --weekday 1"
        " --at 08:00 --zone America/Sao_Paulo --as ines\n"
        "  manage.py schedule_report list --as ines\n"
        "  manage.py schedule_report change 3 --at 07:30 --as ines\n"
        "  manage.py schedule_report delete 3 --as ines"
    )

    def add_options(self, parser: ArgumentParser) -> None:
        add_subject_options(parser, more=ACTIONS)
        parser.add_argument("--to", action="append", metavar="USER", help="a user name; may be repeated")
        parser.add_argument("--every", choices=ScheduledReport.Rhythm.values, help="default: weekly")
        parser.add_argument(
            "--weekday", type=int, metavar="N", help="1 (Monday) to 7, of each week (default: 1)"
        )
        parser.add_argument("--month-day", type=int, metavar="N", help="1 to 31, of each month (default: 1)")
        parser.add_argument(
            "--at", metavar="HH:MM", help="as the clocks in the zone show it (default: 08:00)"
        )
        parser.add_argument("--zone", metavar="NAME", help="America/Sao_Paulo; default: your own, else UTC")
        parser.add_argument("--active", choices=["yes", "no"], help="change: whether it is mailed")
        parser.add_argument(
            "--limit", type=row_count, default=200, help="list: at most so many (default: 200)"
        )

    def act(self, *, by: User | None, options: dict[str, Any]) -> Any:
        assert by is not None
        if options["report"] == "list":
            return self._listed(by, options["limit"])
        if options["report"] in ACTIONS:
            report = self._named(options["deliveries"], by)
            return getattr(self, f"_{options['report']}")(report, by, options)
        kind = kinds.named(options["report"])
        if options["active"] is not None:
            self.fail(
                "usage", "--active is of one that there is: change NUMBER --active no.", exit_code=USAGE
            )
        begun = {"rhythm": "weekly", "weekday": 1, "month_day": 1, "at_time": time(8), "recipients": []}
        report = definitions.create(
            kind=kind.code, subject=subject_in(self, kind, options, by=by), by=by, at=clock.now(),
            **begun | {"time_zone": by.time_zone or "UTC"} | self._said(options),
        )  # fmt: skip
        return self._shown(report)

    def _said(self, options: dict[str, Any]) -> dict[str, Any]:
        """What the options say of when and to whom, as the verbs take it; what they don't name is left out."""
        named = {"rhythm": "every", "weekday": "weekday", "month_day": "month_day", "time_zone": "zone"}
        found = {name: options[option] for name, option in named.items() if options[option] is not None}
        if options["at"] is not None:
            found["at_time"] = self._time(options["at"])
        if options["to"]:
            found["recipients"] = [self._user(name) for name in dict.fromkeys(options["to"])]
        return found

    def _shown(self, report: ScheduledReport) -> dict[str, Any]:
        when = f"next at {_in_zone(report.next_at)}" if report.next_at else "off"
        self.say(f"Scheduled report {report.pk}: {when}.")
        return described(report)

    def _listed(self, by: User, limit: int) -> list[dict[str, Any]]:
        found = [described(one) for one in definitions.shown_to(by)[:limit]]
        for one in found:
            next_at = _in_zone(one["next"]) if one["next"] else "off"
            self.say(
                f"{one['scheduled']:>6}  {one['report']:<11} {one['rhythm']:<8} {next_at:<21} {', '.join(one['to'])}"
            )
        self.say(f"{len(found):,} scheduled report{'' if len(found) == 1 else 's'}.")
        return found

    def _named(self, texts: list[str], by: User) -> ScheduledReport:
        if len(texts) != 1:
            self.fail(
                "no_such_report",
                "Say which: its number, as `schedule_report list` shows it.",
                exit_code=USAGE,
            )
        return found_by(self, texts[0], by=by)

    def _change(self, report: ScheduledReport, by: User, options: dict[str, Any]) -> dict[str, Any]:
        kept = {name: getattr(report, name) for name in FIELDS}
        kept |= {"recipients": list(report.recipients.all()), "is_on": report.is_on}
        if options["active"] is not None:
            kept["is_on"] = options["active"] == "yes"
        changed = definitions.change(report=report, by=by, at=clock.now(), **kept | self._said(options))
        return self._shown(changed)

    def _leave(self, report: ScheduledReport, by: User, options: dict[str, Any]) -> dict[str, Any]:
        definitions.leave(report=report, by=by)
        self.say(f"{by.username} gets scheduled report {report.pk} no more.")
        return {"scheduled": report.pk, "left": True}

    def _delete(self, report: ScheduledReport, by: User, options: dict[str, Any]) -> dict[str, Any]:
        pk = report.pk
        definitions.delete(report=report, by=by)
        self.say(f"Scheduled report {pk} is deleted.")
        return {"scheduled": pk, "deleted": True}

    def _user(self, name: str) -> User:
        if (found := User.objects.filter(username=name.replace("\0", ""), is_active=True).first()) is None:
            self.fail("no_such_person", f"--to: there is no active user “{name}”.", exit_code=USAGE)
        return found

    def _time(self, text: str) -> time:
        try:
            return time.fromisoformat(text).replace(tzinfo=None)
        except ValueError:
            self.fail("bad_time", f"--at: “{text}” is no time; write one like 08:00.", exit_code=USAGE)


def _in_zone(at: datetime) -> str:
    """The moment as clocks show it where the person is."""
    return f"{timezone.localtime(at):%Y-%m-%d %H:%M %Z}"
