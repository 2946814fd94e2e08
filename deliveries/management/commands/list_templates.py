"""List the templates that a content can begin with."""

from argparse import ArgumentParser
from typing import Any

from accounts.models import User
from campaign.lib.helped import row_count
from deliveries.commands.base import DeliveriesCommand
from deliveries.drafting import content_templates, shipped

MOST = 1000


class Command(DeliveriesCommand):
    help = (
        "List the templates that you may see, and those that come with Sinete, by what begin_content takes."
    )
    example = "manage.py list_templates --as ana"

    def add_options(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--limit", type=row_count, default=100, help="how many of the units' at most (default: 100)"
        )

    def act(self, *, by: User | None, options: dict[str, Any]) -> Any:
        assert by is not None
        rows = content_templates.seen_by(by).defer("html", "text").order_by("-changed_at", "-pk")
        found = [
            {
                "template": row.pk,
                "label": row.label,
                "unit": row.unit.label,
                "subject": row.subject,
                "changed_at": row.changed_at,
            }
            for row in rows[: max(0, min(options["limit"], MOST))]
        ]
        found += [
            {
                "template": each.key,
                "label": each.label,
                "unit": None,
                "subject": each.subject,
                "changed_at": None,
            }
            for each in shipped.offered()
        ]
        for each in found:
            self.say(f"{each['template']}  {each['label']}  ({each['unit'] or 'comes with Sinete'})")
        return {"templates": found}
