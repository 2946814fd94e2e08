"""List folders and campaigns."""

from argparse import ArgumentParser
from typing import Any

from django.db.models import Count, Q

from accounts.models import User
from campaign.lib.helped import row_count
from deliveries.commands.base import DeliveriesCommand
from deliveries.folders import naming
from deliveries.models import Delivery, Folder


class Command(DeliveriesCommand):
    help = (
        "List folders and campaigns, with the deliveries right in each; with --as what that person may see."
    )
    example = "manage.py list_folders --text summer --campaigns --as ana"
    requires_person = False

    def add_options(self, parser: ArgumentParser) -> None:
        parser.add_argument("--text", default="", help="only those whose path has this in it")
        parser.add_argument("--campaigns", action="store_true", help="only campaigns")
        parser.add_argument("--limit", type=row_count, default=200, help="at most so many (default: 200)")

    def act(self, *, by: User | None, options: dict[str, Any]) -> list[dict[str, Any]]:
        rows = Folder.objects.select_related("unit", "owner")
        deliveries = Delivery.objects.all()
        if by is not None:
            rows, deliveries = rows.visible_to(by), deliveries.visible_to(by)
        counted = Count("deliveries", filter=Q(deliveries__in=deliveries.order_by().values("pk")))
        found = [
            one
            for one in naming.in_order(rows.annotate(deliveries_in=counted))
            if options["text"].casefold() in one.in_words.casefold()
            and (one.is_campaign or not options["campaigns"])
        ][: options["limit"]]
        for one in found:
            kind = "campaign" if one.is_campaign else ""
            self.say(f"{one.pk:>6}  {one.deliveries_in:>6,}  {one.unit.label:<20} {kind:<9} {one.in_words}")
        self.say(f"{len(found):,} folder{'' if len(found) == 1 else 's'}.")
        return [
            {
                "folder": one.pk, "label": one.label, "path": one.in_words, "unit": one.unit.label,
                "campaign": one.is_campaign, "starts_on": one.starts_on, "ends_on": one.ends_on,
                "owner": one.owner and one.owner.username, "goal": one.goal_figure or None,
                "goal_value": one.goal_value, "deliveries": one.deliveries_in,
            }
            for one in found
        ]  # fmt: skip
