"""Read stored mail anew, after a rule was changed."""

from argparse import ArgumentParser
from datetime import datetime
from typing import Any

from django.utils import timezone

from accounts.commands import PersonCommand
from accounts.models import User
from campaign.lib import clock
from feedback.intake import reclassifying
from feedback.models import Reclassification


class Command(PersonCommand):
    help = (
        "Read the mail between --since and --until anew and say what would change of messages and "
        "addresses; nothing is changed. With --apply N or --undo N: what was found counts, or no more."
    )
    example = (
        "manage.py reclassify_mail --since 2026-12-14 --until 2026-12-15 --as diego\n"
        "manage.py reclassify_mail --apply 3 --as diego"
    )

    def add_options(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--since", metavar="DATE", help="2026-12-14 or 2026-12-14T20:00, by your own clocks"
        )
        parser.add_argument("--until", metavar="DATE", help="the same")
        what = parser.add_mutually_exclusive_group()
        what.add_argument(
            "--apply", type=int, metavar="N", help="the number of a re-classification that is ready"
        )
        what.add_argument("--undo", type=int, metavar="N", help="the number of one that was applied")

    def act(self, *, by: User | None, options: dict[str, Any]) -> dict[str, Any]:
        assert by is not None
        if options["apply"] or options["undo"]:
            run = Reclassification.objects.filter(pk=options["apply"] or options["undo"]).first()
            if run is None:
                self.fail("no_such_run", "There is no re-classification of this number.", exit_code=2)
            verb = reclassifying.apply if options["apply"] else reclassifying.undo
            run = verb(run=run, by=by)
        else:
            span = {name: self._moment(options[name] or "") for name in ("since", "until")}
            run = reclassifying.start(**span, by=by, at=clock.now())
        reclassifying.work_off()
        run.refresh_from_db()
        self.say(f"Re-classification {run.pk}: {run.get_status_display()}")
        self.say(f"{run.mails:,} mails read, {run.changed:,} of them otherwise than before.")
        for name, moves in (("messages", run.messages), ("addresses", run.addresses)):
            for move, number in sorted(moves.items()):
                self.say(f"  {number:>8,} {name}: {move}")
        return {
            "number": run.pk, "status": run.status, "mails": run.mails, "changed": run.changed,
            "messages": run.messages, "addresses": run.addresses,
        }  # fmt: skip

    def _moment(self, text: str) -> datetime:
        try:
            moment = datetime.fromisoformat(text)
        except ValueError:
            self.fail("no_date", "Say --since DATE and --until DATE, or --apply N, or --undo N.", exit_code=2)
        return moment if moment.tzinfo else timezone.make_aware(moment)
