"""List alerts."""

from argparse import ArgumentParser
from typing import Any

from accounts.commands import PersonCommand
from accounts.models import User
from alerts import choices, words
from alerts.models import Alert
from campaign.lib import clock, reader_zone
from campaign.lib.helped import row_count

MOST = 500


class Command(PersonCommand):
    help = "List the open alerts about the deliveries that the person may see, newest first."
    example = "manage.py list_alerts --mine --as carla"
    exit_codes = "0 listed, whether there are any or not; 2 wrong usage"

    def add_options(self, parser: ArgumentParser) -> None:
        parser.add_argument("--all", action="store_true", help="those that are over, too")
        parser.add_argument(
            "--mine", action="store_true", help="only those that the person was told of and has not seen"
        )
        parser.add_argument(
            "--seen", action="store_true", help="mark all that the person was told of as seen"
        )
        parser.add_argument(
            "--limit", type=row_count, default=100, help=f"so many at most (default 100, most {MOST})"
        )

    def act(self, *, by: User | None, options: dict[str, Any]) -> Any:
        assert by is not None
        rows = Alert.objects.visible_to(by).select_related("delivery__unit").order_by("-pk")
        if not options["all"]:
            rows = rows.open()
        if options["mine"]:
            rows = rows.filter(pk__in=choices.told_to(by).filter(seen_at=None).values("alert"))
        found = list(rows[: min(max(options["limit"], 0), MOST)])
        for alert in found:
            since = reader_zone.in_words(alert.opened_at, alert.delivery.zone)
            self.say(
                f"{since}  {alert.delivery.name} {alert.delivery.label}: {alert.get_condition_display()}"
            )
            self.say(f"    {words.sentence(alert)}")
        if not found:
            self.say("No alert.")
        if options["seen"]:
            choices.mark_seen(by=by, at=clock.now())
        return {"alerts": [words.as_dict(alert) for alert in found]}
