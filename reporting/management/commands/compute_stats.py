"""Recount a delivery's figures from its logs."""

from argparse import ArgumentParser
from typing import Any

from accounts.models import User
from campaign.lib import clock
from deliveries.commands.base import StepCommand
from deliveries.models import Delivery
from reporting.counting import statistics


class Command(StepCommand):
    help = "Recount everything from sending and tracking logs, show old, new and difference, and repair."
    example = "manage.py compute_stats DM95 --as ana --json"

    def add_step_options(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--queue",
            action="store_true",
            help="leave it to a worker and come back at once, without the figures",
        )

    def step(self, *, delivery: Delivery, by: User, options: dict[str, Any]) -> Any:
        run = statistics.ask(delivery=delivery, by=by, at=clock.now())
        if options["queue"]:
            self.say("Queued.")
            return {"delivery": delivery.name, "id": delivery.pk, "status": run.status}
        # The same as the worker does; whichever of the two comes second finds it done.
        run = statistics.compute(run_id=run.pk)
        self.say(f"{delivery.name} “{delivery.label}”")
        self.say(f"{'':32}{'old':>12}{'new':>12}{'difference':>12}")
        for row in statistics.in_words(run):
            self.say(f"{row['label']!s:32}{row['old']:>12,}{row['new']:>12,}{row['delta']:>+12,}")
        return {
            "delivery": delivery.name,
            "id": delivery.pk,
            "status": run.status,
            "old": run.old,
            "new": run.new,
            "difference": run.difference,
            "chunks_repaired": run.chunks_repaired,
        }
