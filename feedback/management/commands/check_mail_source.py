"""Whether a source of mail that comes back can be reached."""

from argparse import ArgumentParser
from typing import Any

from accounts.commands import PersonCommand
from accounts.models import User
from feedback.intake import sources
from feedback.models import MailSource


class Command(PersonCommand):
    help = (
        "Reach a source as a fetch would and count what waits; nothing is stored, marked or removed. Run it "
        "where the workers run, with their environment."
    )
    example = "manage.py check_mail_source Returns --as diego"
    exit_codes = "0 reached, 1 it can't be reached, 2 wrong usage"

    def add_options(self, parser: ArgumentParser) -> None:
        parser.add_argument("source", metavar="SOURCE", help="its label")

    def act(self, *, by: User | None, options: dict[str, Any]) -> dict[str, Any]:
        assert by is not None
        source = MailSource.objects.filter(label=options["source"]).first()
        if source is None:
            self.fail("no_such_source", f"There is no source “{options['source']}”.", exit_code=2)
        check = sources.check_source(source=source, by=by)
        if check.problem:
            self.fail("source_away", f"{source.label}: {check.problem}")
        self.say(f"{source.label} can be reached: {check.waiting:,} wait there.")
        return {"source": source.label, "waiting": check.waiting}
