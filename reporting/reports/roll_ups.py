"""Sums over the deliveries of a folder or campaign, and of a unit: read from what is stored of each, never recounted.

What the reader may not see is in no number. The number of queries is the same for one delivery and for thousands.
"""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any
from urllib.parse import urlencode

from django.db.models import Count, F, QuerySet
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from accounts import access
from accounts.models import OrganizationalUnit
from campaign.lib import reader_zone
from deliveries.folders import goals
from deliveries.models import Delivery, Folder
from reporting.counting import statistics
from reporting.counting.deployment import rows_url
from reporting.figures import kpis
from reporting.figures.kpis import Counts
from reporting.reports.frame import Cell, Column, Reader, Row, Table, figure_cells, figure_columns, total
from reporting.reports.single import drawn
from reporting.reports.subjects import Subject

SHOWN = 100  # deliveries that have a row of their own; the older ones have one together
HERE = "#deliveries"  # the table on the same page that holds the parts
COLUMNS = (Column(_("Deliveries")), *figure_columns())
OF_LISTS = ("folder", "unit")  # the names by which the list of deliveries knows them, too


def of_folder(subject: Subject, reader: Reader) -> list[Table]:
    """The goal of a campaign, the folders in it, its deliveries."""
    folder = subject.folder
    assert folder is not None
    sent = subject.sent(reader.user, reader.at)
    sums, numbers = statistics.counts_by(sent, "folder_id"), _numbers(sent, "folder_id")
    whole = total(list(sums.values()))
    tables = [_goal(folder, whole, reader)] if folder.is_campaign else []
    if (by_child := _children(subject, folder, reader)) and len(by_child) > 1:
        parts = [_part(label, href, keys, sums, numbers) for label, href, keys in by_child]
        parts += _others(sums, numbers, {pk for _label, _href, keys in by_child for pk in keys})
        tables.append(
            _table("folders", _("By folder"), _("Folder"), [*parts, _whole(whole, sum(numbers.values()))])
        )
    return [*tables, _deliveries(subject, sent, whole, sum(numbers.values()), reader)]


def of_unit(subject: Subject, reader: Reader) -> list[Table]:
    """Each unit below that the reader may read, and the deliveries of all."""
    unit = subject.home
    sent = subject.sent(reader.user, reader.at)
    sums, numbers = statistics.counts_by(sent, "unit_id"), _numbers(sent, "unit_id")
    whole, number = total(list(sums.values())), sum(numbers.values())
    below = list(_readable(reader).filter(path__startswith=unit.path).order_by("path"))
    parts = [_part(one.label, _unit_url(one, subject), [one.pk], sums, numbers) for one in below]
    parts = [row for row in parts if row.cells[0].number]
    parts += _others(sums, numbers, {one.pk for one in below})
    by_unit = _table("units", _("By unit"), _("Unit"), [*parts, _whole(whole, number)] if parts else [])
    return [by_unit, _deliveries(subject, sent, whole, number, reader)]


def _readable(reader: Reader) -> QuerySet[OrganizationalUnit]:
    return OrganizationalUnit.objects.all() if reader.user is None else access.readable_units(reader.user)


def _unit_url(unit: OrganizationalUnit, subject: Subject) -> str:
    """The report on that unit, which has its parts; of the unit itself they stand on this page."""
    if unit.pk == subject.home.pk:
        return HERE
    return f"{reverse('reporting:report-on', args=['unit'])}?{urlencode({'unit': unit.pk, **_days(subject)})}"


def _days(subject: Subject) -> dict[str, int]:
    """What a part's own report has to know, so that it counts the same deliveries."""
    return {"days": subject.days} if subject.days else {}


def _numbers(sent: QuerySet[Delivery], key: str) -> dict[Any, int]:
    rows = sent.order_by().values(by=F(key)).annotate(number=Count("pk"))
    return {row["by"]: row["number"] for row in rows}


def _children(subject: Subject, folder: Folder, reader: Reader) -> list[tuple[Any, str, list[int]]]:
    """The folder itself and each right in it, with the keys of all that lie below that."""
    rows = Folder.objects.all() if reader.user is None else Folder.objects.visible_to(reader.user)
    below = list(rows.below(folder).order_by("label", "pk"))
    children = [one for one in below if one.parent_id == folder.pk]
    itself = (_("Right in it"), HERE, [folder.pk])
    page = reverse("reporting:report-on", args=["folder"])
    return [itself] + [
        (
            child.label,
            f"{page}?{urlencode({'folder': child.pk, **_days(subject)})}",
            [one.pk for one in below if one.path.startswith(child.path)],
        )
        for child in children
    ]


def _part(
    label: Any, href: str, keys: Sequence[Any], sums: Mapping[Any, Counts], numbers: Mapping[Any, int]
) -> Row:
    counts, number = (
        total([sums[key] for key in keys if key in sums]),
        sum(numbers.get(key, 0) for key in keys),
    )
    return _row(label, counts, number, href)


def _others(sums: Mapping[Any, Counts], numbers: Mapping[Any, int], named: set[int]) -> list[Row]:
    """Single deliveries that the reader was shown, in places that they may not read: so the parts make the whole."""
    rest = [key for key in numbers if key not in named]
    return [_part(_("Elsewhere"), HERE, rest, sums, numbers)] if rest else []


def _row(label: Any, counts: Counts, number: int, href: str, **more: Any) -> Row:
    cells = [Cell(number, href=href if number else ""), *figure_cells(counts, lambda _one: href)]
    return Row(label, cells, href=href if href != HERE else "", **more)


def _whole(counts: Counts, number: int) -> Row:
    return _row(_("All together"), counts, number, HERE, is_total=True)


def _table(name: str, title: Any, first: Any, rows: list[Row]) -> Table:
    parts = [row for row in rows if not row.is_total]
    places = [Row(row.label, [row.cells[3], row.cells[5], row.cells[6]]) for row in parts]
    return Table(name, title, first, COLUMNS, rows, drawn(name, title, places, _SERIES))


_SERIES = [
    (kpis.BY_CODE["delivered"].label, "grey"), (kpis.BY_CODE["opens"].label, "blue"),
    (kpis.BY_CODE["clicks"].label, "green"),
]  # fmt: skip


def _deliveries(
    subject: Subject, sent: QuerySet[Delivery], whole: Counts, number: int, reader: Reader
) -> Table:
    """The newest deliveries, each with its figures, and the older ones together: their sum is the whole."""
    newest = list(sent.select_related("unit").order_by("-started_at", "-pk")[:SHOWN])
    keys = [one.pk for one in newest]
    counted = statistics.counts_by(Delivery.objects.filter(pk__in=keys), "pk")
    rows = [_of_delivery(one, counted.get(one.pk, Counts()), reader) for one in newest]
    if (older := number - len(newest)) > 0:
        rows.append(_row(_("Older ones"), _less(whole, list(counted.values())), older, _list_url(subject)))
    if rows:
        rows.append(_whole(whole, number))
    return Table("deliveries", _("Deliveries"), _("Delivery"), COLUMNS, rows)


def _of_delivery(delivery: Delivery, counts: Counts, reader: Reader) -> Row:
    href = reverse("reporting:report-on", args=["delivery"]) + f"?delivery={delivery.pk}"
    cells = [Cell(1, href=href), *figure_cells(counts, lambda one: rows_url(delivery, one.named))]
    begun = reader_zone.written(delivery.started_at, reader.zone) if delivery.started_at else ""
    return Row(f"{delivery.label} · {delivery.name}", cells, href=href, beside=f"{delivery.unit} · {begun}")


def _less(whole: Counts, parts: Sequence[Counts]) -> Counts:
    taken = total(parts)
    names = Counts.__dataclass_fields__
    return Counts(**{name: getattr(whole, name) - getattr(taken, name) for name in names})


def _list_url(subject: Subject) -> str:
    named = {name: key for name, key in subject.query.items() if name in OF_LISTS}
    return f"{reverse('deliveries:list')}?{urlencode(named | {'sort': '-when'})}"


def _goal(folder: Folder, whole: Counts, reader: Reader) -> Table:
    columns = [Column(_("Goal")), Column(_("So far")), Column(_("How it stands"))]
    note = _when(folder, reader.at.astimezone(reader.zone).date())
    goal = goals.goal_of(folder)
    if goal is None:
        empty = _("No goal was set.")
        return Table("goal", _("Goal of the campaign"), _("Figure"), columns, [], note=note, empty=empty)
    definition = kpis.BY_CODE[folder.goal_figure]
    so_far: Any = definition.rate(whole) if goal.is_rate else definition.number(whole)
    cells = [
        Cell(words=goal.aimed(folder.goal_value)),
        Cell(definition.number(whole), definition.rate(whole), HERE if definition.number(whole) else ""),
        Cell(words=_standing(so_far, folder.goal_value, is_most=goal.is_most)),
    ]
    row = Row(goal.label, cells, beside=definition.formula)
    return Table("goal", _("Goal of the campaign"), _("Figure"), columns, [row], note=note)


def _standing(so_far: Any, value: Any, *, is_most: bool) -> Any:
    if so_far is None:
        return _("Nothing was sent yet")
    if is_most:
        return _("Kept so far") if so_far <= value else _("Passed")
    return _("Goal reached") if so_far >= value else _("Not reached yet")


def _when(folder: Folder, today: date) -> Any:
    if folder.starts_on and today < folder.starts_on:
        return _("The campaign has not begun yet.")
    if folder.ends_on and today > folder.ends_on:
        return _("The campaign is over.")
    return _("The campaign is going on.") if folder.starts_on or folder.ends_on else ""
