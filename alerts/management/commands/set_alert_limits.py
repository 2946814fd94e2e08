"""Say above what a unit is alerted."""

from argparse import ArgumentParser
from dataclasses import asdict
from decimal import Decimal, InvalidOperation
from typing import Any

from accounts.commands import UnitCommand
from accounts.models import User
from alerts import limits as limiting
from alerts.models import AlertLimits
from campaign.lib.helped import of_field

RATES = ("bounces", "complaints", "opt_outs", "times_typical")
NUMBERS = ("least", "late", "not_moving", "waiting")
ABOVE = "above"


class Command(UnitCommand):
    help = (
        "Keep the limits of a unit's alerts, for it and all below: rates in per cent, times in minutes. “above” as a "
        "value: as the units above have it. Without an option, show what holds."
    )
    example = "manage.py set_alert_limits Brasil --bounces 5 --late 15 --holds yes --as diego"

    def add_unit_options(self, parser: ArgumentParser) -> None:
        for name in (*RATES, *NUMBERS):
            option, meaning = f"--{name.replace('_', '-')}", of_field(AlertLimits, name)
            parser.add_argument(option, metavar="NUMBER", help=f"{meaning}; or {ABOVE}")
        parser.add_argument("--holds", choices=["yes", "no", ABOVE], help="hold a send that passes a limit")

    def act(self, *, by: User | None, options: dict[str, Any]) -> Any:
        assert by is not None
        unit = self.unit(options["unit"], by=by)
        values = {
            name: self._value(name, options[name]) for name in (*RATES, *NUMBERS) if options[name] is not None
        }
        if options["holds"] is not None:
            values["holds"] = {"yes": True, "no": False}.get(options["holds"])
        limiting.save(unit=unit, by=by, **values)
        held = asdict(limiting.of_unit(unit))
        self.say(f"In “{unit}” holds:")
        for name, value in held.items():
            self.say(f"  {name}: {value}")
        return {"unit": unit.label, "holds": held}

    def _value(self, name: str, text: str) -> Decimal | int | None:
        if text == ABOVE:
            return None
        try:
            value = Decimal(text)
        except InvalidOperation:
            value = Decimal("NaN")
        if not value.is_finite() or (name in NUMBERS and value != value.to_integral_value()):
            self.fail(
                "unfit_limit", f"--{name.replace('_', '-')}: “{text}” is no number that fits.", exit_code=2
            )
        return int(value) if name in NUMBERS else value
