"""How readers of one delivery engaged, by their provider, their language and the hour of the day. Counted now.

Whom the reader may not see is told apart by neither provider nor language: either may be somebody's name.
"""

from typing import Any
from urllib.parse import urlencode

from django.db.models import Count, Exists, OuterRef, Q, QuerySet
from django.utils.text import capfirst
from django.utils.translation import get_language_info
from django.utils.translation import gettext_lazy as _

from audiences import sight
from deliveries.models import Message, MessageStatus
from feedback.agents import AgentKind
from feedback.models import Hit, HitKind
from reporting.figures import kpis
from reporting.logs import languages, providers
from reporting.reactions import reactions
from reporting.reports import single
from reporting.reports.frame import Cell, Column, Reader, Row, Table
from reporting.reports.subjects import Subject

COLUMNS = (
    Column(kpis.NAMED["delivered"].label),
    Column(kpis.BY_CODE["opens"].label, has_rate=True),
    Column(kpis.BY_CODE["clicks"].label, has_rate=True),
)
SERIES = [(COLUMNS[0].label, "grey"), (COLUMNS[1].label, "blue"), (COLUMNS[2].label, "green")]
_COUNTS = {
    "openers": Count("seq", filter=Q(reacted=True)),
    "clickers": Count("seq", filter=Q(clicked=True)),
}


def tables(subject: Subject, reader: Reader) -> list[Table]:
    """People by provider and by language; hits by hour."""
    rows = _delivered(subject, reader)
    found = [
        _table(subject, "provider", _("By provider"), _("Provider (MX host)"), _by_provider(rows)),
        _table(
            subject,
            "language",
            _("By language of the profile"),
            _("Language"),
            languages.counted(rows, **_COUNTS),
        ),
    ]
    if subject.delivery.tracking:
        found.append(single.by_hour(subject, reactions.times(subject.delivery, zone=reader.zone)))
    return found


def _delivered(subject: Subject, reader: Reader) -> QuerySet[Message]:
    """The messages that arrived, each with whether its person reacted and clicked."""
    delivery = subject.delivery
    hits = Hit.objects.filter(delivery=delivery, seq=OuterRef("seq")).exclude(agent_kind=AgentKind.MACHINE)
    rows = Message.objects.filter(delivery=delivery, status=MessageStatus.SENT)
    rows = rows.annotate(reacted=Exists(hits), clicked=Exists(hits.filter(kind=HitKind.CLICK)))
    return sight.marked(rows, user=reader.user, unit=delivery.unit)


def _by_provider(rows: QuerySet[Message]) -> list[dict[str, Any]]:
    """The providers with the most messages, and all others together, so that they make the whole."""
    found = providers.counted(rows, **_COUNTS)
    if len(found) < providers.TOP:
        return found
    whole = rows.order_by().aggregate(number=Count("seq"), **_COUNTS)
    rest = {name: number - sum(row[name] for row in found) for name, number in whole.items()}
    return [*found, {"provider": providers.OTHERS, **rest}] if rest["number"] else found


def _table(subject: Subject, name: str, title: Any, first: Any, found: list[dict[str, Any]]) -> Table:
    hosts = providers.hosts([each[name] for each in found]) if name == "provider" else {}
    rows = [_row(subject, name, each, beside=hosts.get(each[name], "")) for each in found]
    return Table(name, title, first, COLUMNS, rows, single.drawn(name, title, rows, SERIES))


def _row(subject: Subject, name: str, found: dict[str, Any], *, beside: Any) -> Row:
    code, number = found[name], found["number"]
    rows_in = single.log_url(subject, "sending")

    def address(**more: str) -> str:
        # The others of this table are not those of the figure of failures, which the log's filter knows.
        return "" if code == providers.OTHERS else rows_in(urlencode({"status": "sent", name: code, **more}))

    cells = [Cell(number, href=address())]
    for count, reaction in (("openers", "opened"), ("clickers", "clicked")):
        n = found[count]
        cells.append(Cell(n, kpis.rate(n, number), address(reaction=reaction) if n else ""))
    return Row(_label(code), cells, beside=beside)


def _label(code: str) -> Any:
    words = {
        providers.OTHERS: _("Other providers"),
        providers.UNSEEN: sight.SOMEBODY,
        languages.NONE: _("None given"),
    }
    if code in words:
        return words[code]
    try:
        return capfirst(get_language_info(code)["name_translated"])
    except KeyError:
        return code
