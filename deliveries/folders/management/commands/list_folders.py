"""List folders and campaigns."""

from typing import Any

from django.db.models import Count, Q

from accounts.models import User
from deliveries.commands.base import DeliveriesCommand
from deliveries.folders import naming
from deliveries.models import Delivery, Folder


class Command(DeliveriesCommand):
    help = (
        "List folders and campaigns, with the deliveries right in each; with --as what that person may see."
    )
    example = "manage.py list_folders --as ana"
    requires_person = False

    def act(self, *, by: User | None, options: dict[str, Any]) -> list[dict[str, Any]]:
        rows = Folder.objects.select_related("unit", "owner")
        deliveries = Delivery.objects.all()
        if by is not None:
            rows, deliveries = rows.visible_to(by), deliveries.visible_to(by)
        counted = Count("deliveries", filter=Q(deliveries__in=deliveries.order_by().values("pk")))
        found = naming.in_order(rows.annotate(deliveries_in=counted))
        for one in found:
            kind = "campaign" if one.is_campaign else ""
            self.say(f"{one.pk:>6}  {one.deliveries_in:>6,}  {one.unit.label:<20} {kind:<9} {one.in_words}")
        self.say(f"{len(found):,} folders.")
        return [
            {
                "folder": one.pk, "label": one.label, "path": one.in_words, "unit": one.unit.label,
                "campaign": one.is_campaign, "starts_on": one.starts_on, "ends_on": one.ends_on,
                "owner": one.owner and one.owner.username, "goal": one.goal_figure or None,
                "goal_value": one.goal_value, "deliveries": one.deliveries_in,
            }
            for one in found
        ]  # fmt: skip
