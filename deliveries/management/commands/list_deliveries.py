"""List deliveries."""

from argparse import ArgumentParser
from functools import reduce
from operator import or_
from typing import Any

from django.db.models import Q
from django.utils import timezone

from accounts.models import OrganizationalUnit, User
from campaign.lib import clock
from campaign.lib.helped import row_count
from campaign.lib.keyset import KeyPage, sorted_page
from deliveries.commands.base import DeliveriesCommand
from deliveries.folders import naming
from deliveries.models import Delivery, Status
from deliveries.overview import figures, ordering, state

COLUMNS = "{name:<9} {status:<32} {to_deliver:>11}  {when:<24} {unit:<20} {label}"


class Command(DeliveriesCommand):
    help = "List deliveries, the newest first or by --sort; with --as only those that the person may see."
    example = (
        "manage.py list_deliveries --status ready --status awaiting_approval --unit Brasil\n"
        "  manage.py list_deliveries --sort attention --limit 10 --as carla"
    )
    requires_person = False

    def add_options(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--status", action="append", choices=Status.values, metavar="STATUS",
            help=f"only those; may be repeated. One of {', '.join(Status.values)}",
        )  # fmt: skip
        parser.add_argument(
            "--unit", metavar="LABEL", help="only this unit's and those of the units below it"
        )
        parser.add_argument(
            "--folder",
            metavar="FOLDER",
            help="only what lies in it or in its folders: a number, label or path",
        )
        parser.add_argument(
            "--text", help="only those whose label, description, subject or ID has this in it"
        )
        parser.add_argument(
            "--sort", choices=[ordering.ATTENTION, *ordering.ORDERS], default="new", metavar="ORDER",
            help=f"one of {ordering.ATTENTION} (what runs, waits or fails first), {', '.join(ordering.ORDERS)}; "
            "default: new",
        )  # fmt: skip
        parser.add_argument("--reverse", action="store_true", help="the other way round")
        parser.add_argument("--limit", type=row_count, default=50, help="at most so many (default: 50)")
        parser.add_argument("--before", type=int, metavar="ID", help="go on behind this one")

    def act(self, *, by: User | None, options: dict[str, Any]) -> Any:
        page = _page(_chosen(by, options).select_related("unit", "preparation", "folder"), options)
        shown = page.rows
        if not shown:
            self.say("No deliveries.")
        else:
            self.say(
                COLUMNS.format(
                    name="ID",
                    status="STATUS",
                    to_deliver="TO DELIVER",
                    when=f"WHEN ({timezone.get_current_timezone_name()})",
                    unit="UNIT",
                    label="LABEL",
                )
            )
        state.annotate(shown)
        figures.annotate(shown)
        naming.annotate(shown)
        rows = [_row(delivery) for delivery in shown]
        for delivery, row in zip(shown, rows, strict=True):
            self.say(_line(row, str(state.of(delivery).words)))
        if page.older is not None:
            self.say(f"More: --before {page.older}")
        return {"deliveries": rows, "before": page.older}


def _page(rows: Any, options: dict[str, Any]) -> KeyPage:
    """So many rows in the order that was asked for, from behind the row that --before names."""
    if options["sort"] == ordering.ATTENTION:
        key, largest_first = ordering.attention(clock.now()), True
    else:
        _label, key, largest_first = ordering.ORDERS[options["sort"]]
    return sorted_page(
        rows, key=key, largest_first=largest_first != options["reverse"], before=options["before"], after=None,
        size=max(1, options["limit"]),
    )  # fmt: skip


def _chosen(by: User | None, options: dict[str, Any]) -> Any:
    deliveries = Delivery.objects.all() if by is None else Delivery.objects.visible_to(by)
    if options["status"]:
        deliveries = deliveries.filter(status__in=options["status"])
    if options["unit"]:
        paths = OrganizationalUnit.objects.filter(label__iexact=options["unit"]).values_list(
            "path", flat=True
        )
        below = [Q(unit__path__startswith=path) for path in paths]
        deliveries = deliveries.filter(reduce(or_, below)) if below else deliveries.none()
    if options["folder"]:
        folder = naming.named(options["folder"], by=by)
        deliveries = deliveries.filter(folder__path__startswith=folder.path)
    if options["text"]:
        deliveries = deliveries.filter(ordering.matches(options["text"].strip().replace("\0", "")))
    return deliveries


def _row(delivery: Delivery) -> dict[str, Any]:
    preparation = delivery.preparation
    return {
        "delivery": delivery.name,
        "id": delivery.pk,
        "label": delivery.label,
        "status": delivery.status,
        **state.as_dict(delivery),
        "unit": delivery.unit.label,
        "folder": delivery.folder.in_words if delivery.folder else None,
        "when": delivery.first_moment or delivery.contact_date,
        "to_deliver": preparation.to_deliver if preparation else None,
        "unsubscribers": delivery.figures.get("unsubscribers"),
    }


def _line(row: dict[str, Any], status: str) -> str:
    count, because = row["to_deliver"], row["held_because"]
    return COLUMNS.format(
        name=row["delivery"],
        status=status,
        to_deliver="" if count is None else f"{count:,}",
        when=f"{timezone.localtime(row['when']):%Y-%m-%d %H:%M}" if row["when"] else "",
        unit=row["unit"][:20],
        label=f"{row['label']} ({because})" if because else row["label"],
    )
