"""Say what goes by the retention periods of units, or have it go."""

from argparse import ArgumentParser
from typing import Any

from accounts.commands import PersonCommand
from accounts.models import OrganizationalUnit, User
from campaign.lib import clock
from deliveries.models import RetentionKind
from reporting.retention import applying, planning


class Command(PersonCommand):
    help = (
        "Delete rows that were kept for as long as their units say, of the units that the person administers; "
        "with --dry-run only say what would go, by delivery and kind. A job does the same each night."
    )
    example = "manage.py apply_retention --dry-run --unit Brasil --as diego"
    exit_codes = "0 done, 1 some of it stays for the next run, or its books don't balance; 2 wrong usage"

    def add_options(self, parser: ArgumentParser) -> None:
        parser.add_argument("--dry-run", action="store_true", help="only say what would go")
        parser.add_argument("--unit", metavar="UNIT", help="of this unit and below alone: its label or id")
        parser.add_argument(
            "--seconds",
            type=float,
            default=applying.SECONDS_AT_MOST,
            help="stop after so long; the next run goes on",
        )

        parser.add_argument(
            "--full-speed", action="store_true", help="don't rest between slices while messages leave"
        )

    def act(self, *, by: User | None, options: dict[str, Any]) -> Any:
        """Delete, or say what would go; raise CommandError where some of it had to stay."""
        assert by is not None
        unit = self.unit(options["unit"], by=by) if options["unit"] else None
        if options["dry_run"]:
            return self._plan(by, unit)
        done = applying.apply(
            at=clock.now(), by=by, unit=unit, seconds=options["seconds"], full_speed=options["full_speed"]
        )
        for kind, number in sorted(done.rows.items()):
            self.say(f"{RetentionKind(kind).label}: {number:,} rows are gone")
        for name in done.ranges:
            self.say(f"{name}: went at once, with their partitions")
        self.say(
            f"{len(done.deliveries):,} deliveries; {'done' if done.is_done else 'the next run goes on'}."
        )
        if done.passed_over or not done.is_done:
            why = "; ".join(f"DM{pk}: {text}" for pk, text in list(done.passed_over.items())[:20])
            self.fail("not_all", why or "The time is over: the next run goes on.")
        return {
            "rows": dict(done.rows),
            "ranges": done.ranges,
            "deliveries": len(done.deliveries),
            "done": done.is_done,
        }

    def _plan(self, by: User, unit: OrganizationalUnit | None) -> dict[str, Any]:
        lines = planning.plan(at=clock.now(), units=planning.administered(by, unit=unit))
        for line in lines:
            what = (
                f"{line.delivery.name} “{line.delivery.label}”"
                if line.delivery
                else f"Unit “{line.unit.label}”"
                if line.unit
                else "Mail about no delivery"
            )
            at_once = "; at once, with their partition" if line.goes_at_once else ""
            self.say(
                f"{what}: {line.kind.label}: {line.rows:,} rows ({line.days} days, “{line.set_by}”{at_once})"
            )
        total = sum(line.rows for line in lines)
        self.say(f"{total:,} rows would go.")
        return {"rows": total, "lines": [line.as_dict() for line in lines]}
