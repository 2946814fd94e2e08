"""Load the demo."""

import time
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError

from accounts import audit
from accounts import demo as people
from campaign.lib.helped import HelpedCommand
from deliveries.demo import relay, stage, story


class Command(HelpedCommand):
    help = (
        "Load the demo: people, customers, and a delivery in each status, reached by the real steps. "
        "Only on the embedded database of `make run`; what stands already stays."
    )
    example = "manage.py load_demo --people"
    exit_codes = "0 loaded, 1 refused"

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--people", action="store_true", help="only the units, the people and their roles"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Load the demo, or its people only. Raise CommandError on any database but the embedded one."""
        if not (settings.IS_EMBEDDED or settings.TESTING):
            raise CommandError("Refused: demo data belong on the embedded database of `make run` alone.")
        if options["people"]:
            people.load()
            return
        began = time.monotonic()
        with audit.entered("command", os_user=audit.system_user()), relay.running(), stage.rehearsal():
            story.tell(lambda text: self.stdout.write(f"  {text}"))
        self.stdout.write(self.style.SUCCESS(f"The demo is loaded ({time.monotonic() - began:.0f} s)."))
