"""Send what is due of scheduled reports, or look at the mails that one would send now."""

from argparse import ArgumentParser
from typing import Any

from accounts.models import User
from campaign.lib import clock
from campaign.lib.refusals import Refusal
from deliveries.commands.base import USAGE, DeliveriesCommand
from reporting.management.commands.schedule_report import found_by
from reporting.models import ScheduledReport
from reporting.scheduled import letters, mailing


class Command(DeliveriesCommand):
    help = (
        "Mail what is due of the scheduled reports now, as the worker does each quarter of a minute; with --dry-run "
        "and a number show what its people would get now, and mail nothing."
    )
    example = "manage.py send_report\n  manage.py send_report 3 --dry-run --as ines"
    requires_person = False

    def add_options(self, parser: ArgumentParser) -> None:
        parser.add_argument("scheduled", nargs="?", metavar="NUMBER", help="of a scheduled report")
        parser.add_argument("--dry-run", action="store_true", help="mail nothing")

    def act(self, *, by: User | None, options: dict[str, Any]) -> Any:
        if options["dry_run"]:
            return self._looked_at(options["scheduled"], by=by)
        if options["scheduled"]:
            self.fail(
                "not_sure",
                "A single one is shown with --dry-run; what is due is sent all together.",
                exit_code=USAGE,
            )
        sent = mailing.send_due(clock.now())
        self.say(f"{sent:,} mails have left.")
        return {"mailed": sent}

    def _looked_at(self, text: str | None, *, by: User | None) -> Any:
        if not text or by is None:
            self.fail(
                "no_such_report",
                "Say which, and who looks: send_report 3 --dry-run --as USER.",
                exit_code=USAGE,
            )
        report = found_by(self, text, by=by)
        return {
            "scheduled": report.pk,
            "mails": [self._mail(report, user) for user in report.recipients.order_by("pk")],
        }

    def _mail(self, report: ScheduledReport, user: User) -> dict[str, Any]:
        """What this person would get; only its size is told, as they may see more than who looks."""
        try:
            message = letters.message(report, user=user, at=clock.now(), is_rehearsal=True)
        except Refusal as refusal:
            self.say(f"{user.username}: nothing ({refusal})")
            return {"to": user.username, "error": refusal.code, "message": str(refusal)}
        text = str(message.body)
        self.say(
            f"{user.username}: “{message.subject}”, {len(text.splitlines())} lines, {len(message.attachments)} files"
        )
        return {"to": user.username, "subject": str(message.subject), "files": len(message.attachments)}
