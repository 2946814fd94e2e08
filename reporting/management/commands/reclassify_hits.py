"""Judge opens and clicks anew, after a rule, the list of robots or the networks changed."""

from argparse import ArgumentParser
from typing import Any

from accounts.models import User
from campaign.lib import clock
from deliveries.commands.base import DeliveriesCommand
from reporting.counting import reclassifying
from reporting.models import HitReclassification


class Command(DeliveriesCommand):
    help = (
        "Say what today's rules would make of the hits of a delivery, or of --all, and of its figures; nothing is "
        "changed. With --apply N: what was found counts. With --yes: look and apply at once."
    )
    example = "manage.py reclassify_hits DM95 --as diego\n  manage.py reclassify_hits --apply 3 --as diego"

    def add_options(self, parser: ArgumentParser) -> None:
        parser.add_argument("delivery", metavar="DELIVERY", nargs="?", help="its ID: DM95, or 95")
        parser.add_argument("--all", action="store_true", dest="of_all", help="the hits of all deliveries")
        parser.add_argument("--apply", type=int, metavar="N", help="the number of one that is ready")
        parser.add_argument("--yes", action="store_true", help="apply what was found, without a look")

    def act(self, *, by: User | None, options: dict[str, Any]) -> dict[str, Any]:
        assert by is not None
        if sum([bool(options["delivery"]), options["of_all"], options["apply"] is not None]) != 1:
            self.fail("no_delivery", "Name a delivery, or --all, or --apply N.", exit_code=2)
        run = self._one(options["apply"]) if options["apply"] is not None else self._look(by, options)
        if (options["apply"] is not None) or (options["yes"] and run.may_be_applied):
            reclassifying.apply(run=run, by=by)
            run = self._worked_off(run)
        self._say(run)
        return {
            "number": run.pk, "status": run.status, "hits": run.hits, "changed": run.changed, "moves": run.moves,
            "figures": run.figures,
        }  # fmt: skip

    def _one(self, pk: int) -> HitReclassification:
        found = HitReclassification.objects.filter(pk=pk).first() if 0 < pk < 2**63 else None
        if found is None:
            self.fail("no_such_run", "There is no re-classification of hits of this number.", exit_code=2)
        return found

    def _look(self, by: User, options: dict[str, Any]) -> HitReclassification:
        delivery = None if options["of_all"] else self.find(options["delivery"], by=by)
        return self._worked_off(reclassifying.start(delivery=delivery, by=by, at=clock.now()))

    def _worked_off(self, run: HitReclassification) -> HitReclassification:
        """The same as the worker does; whichever of the two comes second finds it done."""
        reclassifying.work(run_id=run.pk)
        run.refresh_from_db()
        return run

    def _say(self, run: HitReclassification) -> None:
        self.say(f"Re-classification of hits {run.pk}: {run.get_status_display()}")
        self.say(f"{run.hits:,} hits looked at, {run.changed:,} of another class than before.")
        for kind, was, now, number in reclassifying.moves_in_words(run):
            self.say(f"  {number:>10,} {kind}: {was} → {now}")
        for row in reclassifying.figures_in_words(run):
            self.say(f"  {row['label']!s:24}{row['old']:>12,}{row['new']:>12,}{row['delta']:>+12,}")
