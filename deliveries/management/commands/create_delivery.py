"""Make a delivery from a JSON file, or bring one up to date with it."""

from argparse import ArgumentParser
from contextlib import ExitStack
from io import BytesIO
from pathlib import Path
from typing import Any
from zipfile import ZipFile

from django.db import transaction

from accounts import access
from accounts.models import OrganizationalUnit, User
from audiences.models import Audience
from audiences.rules import rules
from audiences.services import definitions as services
from audiences.targets import combining, definitions, named_parts
from audiences.targets.combining import Part
from campaign.lib import clock
from campaign.lib.refusals import Refusal
from deliveries import drafting
from deliveries.commands.base import DeliveriesCommand
from deliveries.drafting import attachments, sending_as, uploads
from deliveries.drafting.attachments import Upload
from deliveries.folders import naming
from deliveries.management.delivery_file import BadDeliveryFile, DeliveryFile, read
from deliveries.models import Delivery, Route

DESCRIPTION = """Make a delivery from a JSON file:

  {"label": "July offers", "unit": "Brasil", "audience": "Customers in Brazil",
   "content": {"subject": "...", "preheader": "...", "from_name": "...", "from_address": "...",
               "reply_to": "...", "html_file": "newsletter.html", "text": "...", "images": "images"},
   "schedule": {"at": "2026-12-01T09:00", "zone": "America/Sao_Paulo"},
   "validity_hours": 84, "approval_policy": "four_eyes", "tracking": true,
   "description": "...", "route": "...", "limit_per_hour": 3600,
   "link_parameters": {"utm_campaign": "{{ delivery.label }}"}, "link_domains": ["example.com"],
   "attachments": ["terms.pdf"], "sender": "news@example.com",
   "service": "News", "folder": "Summer > July"}

"label" and "unit" are needed. "sender", an address on the unit's lists, brings name, replies and route. Of a
"service" only its subscribers get it. "at" may be "now". A recurring delivery says its rule (RFC 5545) instead:

   "schedule": {"rule": "FREQ=WEEKLY;BYDAY=MO", "from": "2026-12-07T09:00", "zone": "America/Sao_Paulo",
                "except": ["2026-12-28"], "request_confirmation": true, "size_limit": 50000,
                "overlap": "skip", "ahead_minutes": 60, "expires_minutes": 1440, "remind_minutes": 120,
                "late_minutes": 120}

Paths are relative to the file. "audience" names one, or is {"label": ..., "rule": {...}} to make it, or \
{"with": ["Regulars", "Guests of May"], "without": ["Staff"]} to combine several lists and rules into one, whose \
"label" may be left out. A name that is not known is refused."""


class Command(DeliveriesCommand):
    help = DESCRIPTION
    example = (
        "manage.py create_delivery july.json --as ana\n"
        "  manage.py create_delivery july.json --as ana --update DM95"
    )

    def add_options(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path, metavar="FILE", help="the JSON file")
        parser.add_argument(
            "--update",
            metavar="DELIVERY",
            help="change this delivery instead: what the file says, nothing else",
        )

    def act(self, *, by: User | None, options: dict[str, Any]) -> Any:
        assert by is not None
        old = self.find(options["update"], by=by) if options["update"] else None
        file = read(options["file"], is_update=old is not None)
        with transaction.atomic():
            delivery = _create(file, by=by) if old is None else _update(old, file, by=by)
            _write(delivery, file, by=by)
            if file.sender:
                delivery.refresh_from_db()
                sending_as.set_sender(delivery=delivery, address=file.sender, by=by, at=clock.now())
            _attach(delivery, file, by=by)
        return self.answer(delivery)


def _create(file: DeliveryFile, *, by: User) -> Delivery:
    unit = _unit(file.unit, by=by)
    return drafting.create(by=by, unit=unit, label=file.label, **_settings(file, unit=unit, by=by))


def _update(delivery: Delivery, file: DeliveryFile, *, by: User) -> Delivery:
    unit = _unit(file.unit, by=by) if file.unit else delivery.unit
    settings = _settings(file, unit=unit, by=by)
    settings |= {"label": file.label} if file.label else {}
    settings |= {"unit": unit} if file.unit else {}
    if settings:
        drafting.edit(delivery=delivery, by=by, at=clock.now(), **settings)
    return delivery


def _settings(file: DeliveryFile, *, unit: OrganizationalUnit, by: User) -> dict[str, Any]:
    settings = dict(file.settings)
    if file.audience or file.combined is not None:
        settings["audience"] = _audience(file, unit=unit, by=by)
    if file.service:
        found = list(services.offered(unit).filter(label=file.service)[:2])
        if len(found) != 1:
            raise BadDeliveryFile("service", f"there is no service “{file.service}”, or more than one")
        settings["service"] = found[0]
    if file.folder:
        try:
            settings["folder"] = naming.named(file.folder, by=by)
        except naming.NoSuchFolder as refusal:
            raise BadDeliveryFile("folder", str(refusal)) from None
    if file.route:
        settings["route"] = Route.objects.filter(label=file.route).first()
        if settings["route"] is None:
            raise BadDeliveryFile("route", f"there is no route “{file.route}”")
    return settings


def _write(delivery: Delivery, file: DeliveryFile, *, by: User) -> None:
    if file.images:
        uploads.bring_in(
            delivery=delivery, by=by, at=clock.now(), name="content.zip",
            file=_zipped(file.content["html"], file.images), **file.content,
        )  # fmt: skip
    elif file.content:
        drafting.write(delivery=delivery, by=by, at=clock.now(), **file.content)


def _attach(delivery: Delivery, file: DeliveryFile, *, by: User) -> None:
    """Just the files that it names go along; where it says nothing of any, those that did go on."""
    if file.attachments is None:
        return
    with ExitStack() as opened:
        files = [Upload(path.name, opened.enter_context(path.open("rb"))) for path in file.attachments]
        attachments.set_all(delivery=delivery, by=by, at=clock.now(), files=files)


def _zipped(html: str, images: Path) -> BytesIO:
    """Return a page and its pictures as a zip, as the editor's upload takes them."""
    file = BytesIO()
    with ZipFile(file, "w") as archive:
        archive.writestr("index.html", html)
        for path in sorted(images.rglob("*")):
            if path.is_file():
                archive.write(path, f"{images.name}/{path.relative_to(images).as_posix()}")
    file.seek(0)
    return file


def _unit(text: str, *, by: User) -> OrganizationalUnit:
    """Return the unit that a label names, or the end of its path: “Brasil”, “Serra Alta > Brasil”."""
    units = {unit.pk: unit for unit in access.readable_units(by)}
    wanted = [part.strip().casefold() for part in text.split(">")]
    found = []
    for unit in units.values():
        labels = [units[pk].label.casefold() for pk in unit.lineage if pk in units]
        if labels[-len(wanted) :] == wanted:
            found.append(unit)
    if not found:
        raise BadDeliveryFile("unit", f"there is no unit “{text}”")
    if len(found) > 1:
        raise BadDeliveryFile("unit", f"several are called “{text}”: write its path, as in “All > Brasil”")
    return found[0]


def _audience(file: DeliveryFile, *, unit: OrganizationalUnit, by: User) -> Audience:
    label, rule = file.audience, None if file.rule is None else rules.validated(file.rule)
    if file.combined is not None:
        parts = _parts(file.combined, unit=unit, by=by)
        label, rule = label or combining.label_of(parts), rules.validated(combining.rule_of(parts))
    readable = Audience.objects.filter(unit__in=access.readable_units(by).values("pk"))
    found = list(readable.filter(label=label)[:2])
    if rule is not None:
        same = [audience for audience in found if audience.rule == rule]
        return same[0] if same else definitions.create_rule(label=label, rule=rule, unit=unit, by=by)
    if not found:
        raise BadDeliveryFile("audience", f"there is no audience “{label}”")
    if len(found) > 1:
        raise BadDeliveryFile("audience", f"several are called “{label}”: rename one")
    return found[0]


def _parts(named: dict[str, list[str]], *, unit: OrganizationalUnit, by: User) -> list[Part]:
    try:
        parts = named_parts.parts(named, unit=unit, by=by)
        combining.rule_of(parts)
    except Refusal as refusal:
        raise BadDeliveryFile("audience", refusal) from None
    return parts
