"""Say how long a unit keeps what is about single people."""

from argparse import ArgumentParser
from typing import Any

from accounts.commands import UnitCommand
from accounts.models import User
from deliveries.models import RetentionKind
from deliveries.retention import periods


class Command(UnitCommand):
    help = (
        "Keep rows of a unit, and of all below it, for so many days after a delivery ended; then they go, and figures,"
        " seals and the audit trail stay. Without any option: say what holds. A kind takes 30 to 3650 days, `ever`, or"
        " `above`: as the unit above has it."
    )
    example = (
        "manage.py set_retention Brasil --recipients 400 --reactions 400 --mail 90 --proofs 90 --as diego\n"
        "manage.py set_retention Brasil --as diego"
    )

    def add_unit_options(self, parser: ArgumentParser) -> None:
        for kind in RetentionKind:
            parser.add_argument(f"--{kind.value}", metavar="DAYS", help=str(periods.MEANINGS[kind]))

    def act(self, *, by: User | None, options: dict[str, Any]) -> Any:
        """Save what is given; say what holds. Raise CommandError for a period that is none."""
        assert by is not None
        unit = self.unit(options["unit"], by=by)
        wanted = {
            kind.value: self._days(kind, options[kind.value]) for kind in RetentionKind if options[kind.value]
        }
        if wanted:
            periods.save(unit=unit, days=wanted, by=by)
        held = periods.of_unit(unit)
        for each in held:
            by_whom = f", set by “{each.set_by}”" if each.set_by else ""
            self.say(f"{each.kind.label}: {each.words}{by_whom} (suggested: {each.suggested} days)")
        return {"unit": unit.label, "days": {each.kind.value: each.days for each in held}}

    def _days(self, kind: RetentionKind, text: str) -> int | None:
        if text in ("above", "ever"):
            return None if text == "above" else 0
        if not (text.isascii() and text.isdecimal() and len(text) < 7):
            self.fail(
                "days_out_of_range", f"--{kind.value} {text}: give days, `ever` or `above`.", exit_code=2
            )
        return int(text)
