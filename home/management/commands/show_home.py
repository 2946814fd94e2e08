"""What needs a person, what goes out today, how the last ones did, what is unwell: Home, printed."""

from argparse import ArgumentParser
from typing import Any

from django.utils import timezone

from accounts.commands import PersonCommand
from accounts.models import User
from campaign.lib import clock
from deliveries.overview import state
from home import guide, standing
from home.leaving import Leaving
from home.standing import Cell, Result


class Command(PersonCommand):
    help = "Say what needs a person, what goes out today, how the last deliveries did and what is unwell, as Home does."
    example = "manage.py show_home --as carla"

    def add_options(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--guide",
            choices=["show", "dismiss"],
            help="have the guide to a first delivery shown, or put it aside",
        )

    def act(self, *, by: User | None, options: dict[str, Any]) -> dict[str, Any]:
        """Print the parts; return them as `--json` prints them."""
        assert by is not None
        if options["guide"]:
            (guide.show if options["guide"] == "show" else guide.dismiss)(by=by)
        found, first = standing.of(by, at=clock.now()), guide.of(by, at=clock.now())
        if first is not None:
            lines = [f"{'done' if step.is_done else '    '}  {step.title}" for step in first.steps]
            self._part("Your first delivery", lines)
        self._part("Needs you", [f"{need.title}: {need.number}" for need in found.needs])
        self._part("Goes out today", [_leaving(row) for row in found.today.rows])
        self._part("How the last ones did", [_result(each) for each in found.lately])
        unwell = [f"{one.name} {one.label}: {state.of(one).words}" for one in found.unwell]
        self._part("What is unwell", unwell)
        steps = None if first is None else [step.as_dict() for step in first.steps]
        return found.as_dict() | {"first_delivery": steps}

    def _part(self, title: str, lines: list[str]) -> None:
        self.say(title)
        for line in lines or ["Nothing."]:
            self.say(f"  {line}")


def _leaving(row: Leaving) -> str:
    people = "" if row.people is None else f" · {row.people:,}"
    what = f"{row.delivery.name} {row.delivery.label}"
    return f"{timezone.localtime(row.at):%H:%M}  {what}{people} ({row.certainty.label})"


def _result(each: Result) -> str:
    shown = ", ".join(f"{cell.kpi.definition.label} {_figure(cell)}" for cell in each.cells if cell.is_known)
    return f"{each.delivery.name} {each.delivery.label}: {shown}"


def _figure(cell: Cell) -> str:
    if not cell.is_rate:
        return f"{cell.kpi.number:,}"
    return "–" if cell.kpi.rate is None else f"{cell.kpi.rate} %"
