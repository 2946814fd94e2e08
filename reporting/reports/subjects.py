"""Of what a report is, as an address, a form, a command or a schedule names it; for whoever may see it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any
from urllib.parse import urlencode

from django.db.models import QuerySet
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from accounts import access
from accounts.models import OrganizationalUnit, User
from campaign.lib import numbers
from campaign.lib.refusals import Refusal
from deliveries.folders import naming
from deliveries.models import Delivery, Folder

MOST_COMPARED = 12
DAYS: dict[int, str | Promise] = {
    7: _("The last 7 days"), 30: _("The last 30 days"), 90: _("The last 90 days"), 365: _("The last 365 days"),
}  # fmt: skip


class About(StrEnum):
    """Of what a report can be."""

    DELIVERY = "delivery"
    DELIVERIES = "deliveries"
    FOLDER = "folder"
    UNIT = "unit"


class NoSuchSubject(Refusal):
    message = _("There is nothing that you may see of which this report could be: %(what)s.")
    code = "no_such_subject"
    exit_code = 2


class TooManyCompared(Refusal):
    message = _("Between 2 and %(most)s deliveries can be compared.")
    code = "too_many_compared"
    exit_code = 2


@dataclass(frozen=True)
class Subject:
    """One of: deliveries, a folder with all in it, a unit with those below. `days` leaves older sends out."""

    about: About
    deliveries: Sequence[Delivery] = field(default_factory=tuple)
    folder: Folder | None = None
    unit: OrganizationalUnit | None = None
    days: int | None = None

    @property
    def delivery(self) -> Delivery:
        """The one delivery that it is of."""
        return self.deliveries[0]

    @property
    def targets(self) -> Sequence[Any]:
        """On what rights are asked."""
        if self.deliveries:
            return self.deliveries
        return [self.folder] if self.folder is not None else [self.unit]

    @property
    def home(self) -> OrganizationalUnit:
        """The unit to which it belongs; of several deliveries that of the first."""
        target = self.targets[0]
        return target if isinstance(target, OrganizationalUnit) else target.unit

    @property
    def query(self) -> dict[str, Any]:
        """By which an address names it."""
        if self.deliveries:
            return {"delivery": [one.pk for one in self.deliveries]}
        named = {"folder": self.folder.pk} if self.folder is not None else {"unit": self.home.pk}
        return named | ({"days": self.days} if self.days else {})

    @property
    def address(self) -> str:
        """The query of its address."""
        return urlencode(self.query, doseq=True)

    @property
    def in_words(self) -> str:
        """What it is called."""
        if self.about == About.DELIVERIES:
            n = len(self.deliveries)
            return ngettext("%(n)s delivery", "%(n)s deliveries", n) % {"n": n}
        if self.deliveries:
            return f"{self.delivery.label} · {self.delivery.name}"
        named = naming.in_words(self.folder) if self.folder is not None else str(self.unit)
        return f"{named} · {DAYS[self.days]}" if self.days in DAYS else named

    def sent(self, user: User | None, at: datetime) -> QuerySet[Delivery]:
        """The deliveries that it is of: those that began to be sent, and that the person may see."""
        rows = Delivery.objects.all() if user is None else Delivery.objects.visible_to(user)
        rows = rows.filter(started_at__isnull=False)
        if self.folder is not None:
            rows = rows.filter(folder__path__startswith=self.folder.path)
        elif self.unit is not None:
            rows = rows.filter(unit__path__startswith=self.unit.path)
        else:
            rows = rows.filter(pk__in=[one.pk for one in self.deliveries])
        return rows.filter(started_at__gt=at - timedelta(days=self.days)) if self.days else rows


def of_deliveries(about: About, keys: Iterable[Any], *, user: User | None) -> Subject:
    """Of the deliveries of these keys, in their order.

    Raise NoSuchSubject where there is none, or one that the person may not see; TooManyCompared where they are too
    many or too few to be compared.
    """
    wanted = list(
        dict.fromkeys(key for text in keys if (key := numbers.key(str(text).upper().removeprefix("DM"))))
    )
    if about == About.DELIVERY:
        wanted = wanted[:1]
    elif not 2 <= len(wanted) <= MOST_COMPARED:
        raise TooManyCompared(most=MOST_COMPARED)
    rows = Delivery.objects.all() if user is None else Delivery.objects.visible_to(user)
    found = rows.select_related("unit", "preparation", "folder").defer(
        "preparation__compiled", "preparation__manifest"
    )
    by_key = {one.pk: one for one in found.filter(pk__in=wanted)}
    if not wanted or len(by_key) < len(wanted):
        raise NoSuchSubject(what=_("no such delivery"))
    return Subject(about, [by_key[key] for key in wanted])


def of_folder(key: Any, *, user: User | None, days: Any = None) -> Subject:
    """Of a folder with all in it; raise NoSuchSubject for one that the person may not see."""
    rows = Folder.objects.all() if user is None else Folder.objects.visible_to(user)
    folder = rows.select_related("unit", "owner").filter(pk=numbers.key(key) or 0).first()
    if folder is None:
        raise NoSuchSubject(what=_("no such folder"))
    return Subject(About.FOLDER, folder=folder, days=_days(days))


def of_unit(key: Any, *, user: User | None, days: Any = None) -> Subject:
    """Of a unit with those below; raise NoSuchSubject for one that the person may not read."""
    rows = OrganizationalUnit.objects.all() if user is None else access.readable_units(user)
    unit = rows.filter(pk=numbers.key(key) or 0).first()
    if unit is None:
        raise NoSuchSubject(what=_("no such unit"))
    return Subject(About.UNIT, unit=unit, days=_days(days))


def _days(text: Any) -> int | None:
    found = numbers.key(text or "")
    return found if found in DAYS else None


def found(about: About, query: Any, *, user: User | None) -> Subject:
    """What an address names; raise as the function for its sort does."""
    if about == About.FOLDER:
        return of_folder(query.get("folder"), user=user, days=query.get("days"))
    if about == About.UNIT:
        return of_unit(query.get("unit"), user=user, days=query.get("days"))
    return of_deliveries(about, query.getlist("delivery"), user=user)
