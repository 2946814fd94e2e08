"""List what people can subscribe to."""

from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.db.models import Count, Q

from accounts import access
from accounts.commands import PersonCommand
from accounts.models import User
from audiences.models import Service
from campaign.lib.helped import row_count


class Command(PersonCommand):
    help = "List the services that a person may see: how many are subscribed, and where their forms are."
    example = "manage.py list_services --unit Brasil --limit 20 --as ana"

    def add_options(self, parser: ArgumentParser) -> None:
        parser.add_argument("--text", default="", help="only those whose label has this in it")
        parser.add_argument("--unit", metavar="UNIT", help="only this unit's: its label or id")
        parser.add_argument("--limit", type=row_count, default=200, help="at most so many (default: 200)")

    def act(self, *, by: User | None, options: dict[str, Any]) -> list[dict[str, Any]]:
        assert by is not None
        rows = access.visible(by, Service.objects.select_related("unit", "text"))
        if options["unit"]:
            rows = rows.filter(unit=self.unit(options["unit"], by=by))
        rows = rows.filter(label__icontains=options["text"])
        rows = rows.annotate(current=Count("subscriptions", filter=Q(subscriptions__ended_at=None)))
        found = [
            {
                "service": one.pk,
                "label": one.label,
                "unit": one.unit.label,
                "subscribed": one.current,
                "takes_sign_ups": one.takes_sign_ups,
                "double_opt_in": one.double_opt_in,
                "text_in_force": one.text.number if one.text else None,
                "form": f"{settings.PUBLIC_URL}/s/{one.key}",
            }
            for one in rows[: options["limit"]]
        ]
        for row in found:
            self.say(f"{row['service']:>6}  {row['label']:<40}  {row['subscribed']:>10,}  {row['form']}")
        self.say(f"{len(found):,} services.")
        return found
