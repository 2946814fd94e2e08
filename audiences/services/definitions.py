"""Make and change what people can subscribe to."""

from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from accounts import access, audit
from accounts.models import OrganizationalUnit, User
from accounts.rights import Right
from audiences.models import Service
from audiences.services import texts
from campaign.lib import locking
from campaign.lib.refusals import Refusal

LONGEST_NAME = 128


class NoName(Refusal):
    message = _("A service needs a label and the name that readers see, each in one line.")
    code = "no_name"
    exit_code = 2


class LabelTaken(Refusal):
    message = _("“%(unit)s” has a service “%(label)s” already.")
    code = "label_taken"


@transaction.atomic
def create(
    *,
    label: str,
    public_name: str,
    unit: OrganizationalUnit,
    by: User,
    at: datetime,
    double_opt_in: bool = True,
    words: Any = None,
) -> Service:
    """The unit has this service, with the words that are shipped, or these, as its first text.

    Nobody can sign up before somebody activates that text. Raise access.NotAllowed without *Prepare deliveries*, and
    without double opt-in without *Start deliveries*; NoName, LabelTaken, and what `texts.write` raises.
    """
    access.require(by, Right.PREPARE, unit)
    if not double_opt_in:
        access.require(by, Right.START, unit)
    service = Service(unit=unit, double_opt_in=double_opt_in, created_by=by)
    service.label, service.public_name = _line(label), _line(public_name or label)
    _require_free(service)
    service.save()
    audit.record("create_service", by=by, target=service, **_said(service))
    texts.write(service=service, words=words if words is not None else texts.shipped(), by=by, at=at)
    return service


@transaction.atomic
def change(
    *, service: Service, by: User, label: str, public_name: str, double_opt_in: bool, is_open: bool
) -> Service:
    """The service has these properties.

    Raise access.NotAllowed without *Prepare deliveries*, and without *Start deliveries* where double opt-in is
    switched off; NoName and LabelTaken.
    """
    service = locking.locked(Service.objects.select_related("unit"), service.pk)
    access.require(by, Right.PREPARE, service)
    if service.double_opt_in and not double_opt_in:
        access.require(by, Right.START, service)
    before = _said(service)
    service.label, service.public_name = _line(label), _line(public_name or label)
    service.double_opt_in, service.is_open = double_opt_in, is_open
    _require_free(service)
    service.save(update_fields=["label", "public_name", "double_opt_in", "is_open", "changed_at"])
    audit.record("change_service", by=by, target=service, before=before, after=_said(service))
    return service


def offered(unit: OrganizationalUnit) -> QuerySet[Service]:
    """The services that a delivery or a rule of the unit can name: its own, and those of the units above."""
    return Service.objects.filter(unit__in=unit.lineage).select_related("unit")


def _require_free(service: Service) -> None:
    others = Service.objects.filter(unit=service.unit, label=service.label).exclude(pk=service.pk)
    if others.exists():
        raise LabelTaken(unit=service.unit, label=service.label)


def _line(text: str) -> str:
    """One line that a page and a header take."""
    line = " ".join(text.split())
    if not line or len(line) > LONGEST_NAME or not line.isprintable():
        raise NoName()
    return line


def _said(service: Service) -> dict[str, Any]:
    return {
        "label": service.label,
        "public_name": service.public_name,
        "double_opt_in": service.double_opt_in,
        "is_open": service.is_open,
    }
