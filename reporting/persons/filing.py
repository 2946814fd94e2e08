"""The file of an export: a zip with everything as JSON and as a page, the messages as sent, and mail that came."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from itertools import groupby
from typing import IO, Any
from zipfile import ZIP_DEFLATED, ZipFile

from django.conf import settings
from django.core.serializers.json import DjangoJSONEncoder
from django.template.loader import render_to_string

from audiences.models import Profile
from campaign.lib import keyset
from deliveries.models import Delivery, Message
from reporting.persons import as_sent, gathering, identity
from reporting.persons.places import BY_CODE, PLACES

FORMAT, VERSION = "sinete-person", 1
EVERY = 25  # messages between two signs of progress
# Opened from a disk, a message runs nothing and tells nobody but the hosts of its pictures.
_POLICY = (
    '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; img-src * data:; '
    'style-src * \'unsafe-inline\'; font-src * data:"><meta charset="utf-8">'
)
Told = Callable[[int, int], None]


@dataclass
class Case:
    """One person's export while it is written: whom it is about, what else is told, and how far it is."""

    profile: Profile
    at: datetime
    elsewhere: dict[str, Any]  # other profiles of the same address
    told: Told = lambda _done, _total: None
    files: dict[str, str] = field(default_factory=dict)  # of a message or a mail, by its key: where it stands

    def __post_init__(self) -> None:
        self.person = identity.whole(self.profile)
        self.total, self.done = len(PLACES) + BY_CODE["messages"].rows(self.person).count(), 0

    def step(self) -> None:
        self.done += 1
        if self.done % EVERY == 0 or self.done == self.total:
            self.told(self.done, self.total)


def write(file: IO[bytes], case: Case) -> None:
    """Write the whole zip; `case.told` hears how far it is."""
    case.told(0, case.total)
    with ZipFile(file, "w", ZIP_DEFLATED) as archive:
        _messages(archive, case)
        _mails(archive, case)
        places: dict[str, list[dict[str, Any]]] = {}
        for place, rows in gathering.each_place(case.person):
            places[place.code] = rows
            case.step()
        _point_to_files(places, case)
        told = _whole(case, places)
        text = json.dumps(told, cls=DjangoJSONEncoder, ensure_ascii=False, indent=1)
        archive.writestr("person.json", text)
        archive.writestr("person.html", page(told))


def _whole(case: Case, places: dict[str, list[dict[str, Any]]]) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "version": VERSION,
        "made_at": case.at.isoformat(),
        "made_by": settings.PUBLIC_URL,
        "person": {"profile": case.profile.pk, "addresses": sorted(case.person.keys)},
        "same_address_elsewhere": case.elsewhere,
        "words": gathering.dictionary(),
        "attributes": gathering.attribute_labels(),
        "data": places,
    }


def page(told: dict[str, Any]) -> str:
    """What an export says, as a page that needs nothing but itself."""
    sections = [
        {
            "code": code,
            "labels": list(dict.fromkeys(told["words"][code]["label"].values())),
            "rows": [_cells(told["words"][code]["fields"], row) for row in rows],
        }
        for code, rows in told["data"].items()
    ]
    return render_to_string("reporting/person_export_file.html", {"told": told, "sections": sections})


def _cells(fields: dict[str, Any], row: dict[str, Any]) -> list[dict[str, Any]]:
    """What of a row is filled, each with its name in the first language and the others."""
    return [
        {
            "labels": list(dict.fromkeys(fields[name]["label"].values())) if name in fields else [name],
            "values": _read(fields.get(name, {}), value),
            "is_file": name == "file",
        }
        for name, value in row.items()
        if value not in (None, "", {}, [])
    ]


def _read(words: dict[str, Any], value: Any) -> list[str]:
    if said := words.get("values", {}).get(str(value)):
        return list(dict.fromkeys(said.values()))
    if isinstance(value, dict) and set(value) == {"id", "name"}:
        return [str(value["name"])]
    return [json.dumps(value, ensure_ascii=False) if isinstance(value, dict | list) else str(value)]


def _messages(archive: ZipFile, case: Case) -> None:
    """Each message whose delivery is sealed, as it was sent: a page, and its text."""
    for delivery, rows in _by_delivery(case):
        filler = as_sent.archive(delivery) if delivery is not None and delivery.started_at else None
        for row in rows:
            if filler is not None and delivery is not None:
                _message(archive, case, delivery, row, filler)
            case.step()


def _by_delivery(case: Case) -> Iterator[tuple[Delivery | None, Iterator[Message]]]:
    """The messages of one delivery after the other; what a delivery is filled by is read once."""
    rows = BY_CODE["messages"].rows(case.person)
    for delivery_id, group in groupby(rows, key=lambda row: row.delivery_id):
        found = Delivery.objects.select_related("unit", "preparation", "route").filter(pk=delivery_id).first()
        yield found, group


def _message(archive: ZipFile, case: Case, delivery: Delivery, row: Message, filler: as_sent.Archive) -> None:
    shown = filler.shown(row.values)
    name = f"messages/{delivery.name}-{row.seq}"
    if shown.html:
        archive.writestr(f"{name}.html", with_policy(shown.html))
    head = f"From: {shown.from_name} <{shown.from_address}>\nTo: {row.address}\nSubject: {shown.subject}\n"
    archive.writestr(f"{name}.txt", f"{head}\n{shown.text or shown.problem}")
    case.files[f"{row.delivery_id}:{row.seq}"] = f"{name}.{'html' if shown.html else 'txt'}"


def with_policy(html: str) -> str:
    """The page of a message with a policy by which nothing in it runs, wherever it is opened."""
    at = html.lower().find("<head>")
    return f"{html[: at + 6]}{_POLICY}{html[at + 6 :]}" if at >= 0 else f"{_POLICY}{html}"


def _mails(archive: ZipFile, case: Case) -> None:
    for mail in keyset.each(BY_CODE["incoming_mail"].rows(case.person), size=20):
        name = f"mail/{mail.pk}.eml"
        archive.writestr(name, bytes(mail.raw))
        case.files[f"mail:{mail.pk}"] = name


def _point_to_files(places: dict[str, list[dict[str, Any]]], case: Case) -> None:
    for row in places["messages"]:
        key = f"{row['delivery']['id']}:{row['seq']}" if row["delivery"] else ""
        if key in case.files:
            row["file"] = case.files[key]
    for row in places["incoming_mail"]:
        if (name := case.files.get(f"mail:{row['id']}")) is not None:
            row["file"] = name
