"""The JSON file from which `create_delivery` makes a delivery: read strictly, each mistake named by its field.

    {"label": "July offers", "unit": "Brasil", "audience": "Customers in Brazil",
     "content": {"subject": "...", "from_address": "...", "html_file": "newsletter.html", "images": "images"},
     "schedule": {"at": "2026-12-01T09:00", "zone": "America/Sao_Paulo"}}

Paths are relative to the file. `audience` is the label of one, or {"label": ..., "rule": {...}} to make it.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import available_timezones

from django.utils.translation import gettext_lazy as _

from accounts.models import ApprovalPolicy
from campaign.lib.refusals import Refusal
from deliveries import limits, zones
from deliveries.models import ScheduleKind
from deliveries.models.delivery import LONGEST_VALIDITY_HOURS

LARGEST_FILE = 5 * 1024 * 1024


class BadDeliveryFile(Refusal):
    message = _("%(where)s: %(reason)s")
    code = "bad_file"
    exit_code = 2

    def __init__(self, where: str, reason: object) -> None:
        self.where = where
        super().__init__(where=where, reason=reason)


@dataclass(frozen=True)
class DeliveryFile:
    """What the file says. What it leaves out is absent here too, so that an update leaves it as it is."""

    label: str = ""
    unit: str = ""
    audience: str = ""
    rule: dict[str, Any] | None = None
    settings: dict[str, Any] = field(default_factory=dict)
    content: dict[str, str] = field(default_factory=dict)
    images: Path | None = None  # the folder; the HTML names what is in it as its name/file.png
    route: str = ""


def read(path: Path, *, is_update: bool = False) -> DeliveryFile:
    """What the file says. Raises BadDeliveryFile, with the field that is wrong."""
    data = _object(_json(path), "", KNOWN)
    if not is_update:
        for name in ("label", "unit"):
            if not data.get(name):
                raise BadDeliveryFile(name, _("is needed"))
    content = _object(data.get("content", {}), "content", CONTENT)
    audience, rule = _audience(data.get("audience"))
    return DeliveryFile(
        label=_text(data.get("label", ""), "label", longest=128),
        unit=_text(data.get("unit", ""), "unit"),
        audience=audience,
        rule=rule,
        settings=_settings(data),
        content=_content(content, path.parent),
        images=_images(content, path.parent),
        route=_text(data.get("route", ""), "route"),
    )


def _settings(data: dict[str, Any]) -> dict[str, Any]:
    readers: dict[str, Callable[[Any], Any]] = {
        "description": lambda value: _text(value, "description"),
        "validity_hours": _validity,
        "approval_policy": _policy,
        "tracking": _tracking,
        "limit_per_hour": _limit,
    }
    settings = {name: reader(data[name]) for name, reader in readers.items() if name in data}
    return settings | (_schedule(data["schedule"]) if "schedule" in data else {})


def _validity(value: Any) -> int:
    if type(value) is not int or not 1 <= value <= LONGEST_VALIDITY_HOURS:
        raise BadDeliveryFile(
            "validity_hours", _("must be a whole number from 1 to %d") % LONGEST_VALIDITY_HOURS
        )
    return value


def _policy(value: Any) -> str:
    if value not in ApprovalPolicy.values:
        raise BadDeliveryFile("approval_policy", _one_of(ApprovalPolicy.values))
    return value


def _tracking(value: Any) -> bool:
    if not isinstance(value, bool):
        raise BadDeliveryFile("tracking", _("must be true or false"))
    return value


def _limit(value: Any) -> int | None:
    try:
        return limits.checked(value if value is None or type(value) is int else False)
    except limits.LimitOutOfRange as refusal:
        raise BadDeliveryFile("limit_per_hour", str(refusal).partition(": ")[2]) from None


def _schedule(value: Any) -> dict[str, Any]:
    schedule = _object(value, "schedule", {"at", "zone"})
    zone = _text(schedule.get("zone", "UTC"), "schedule.zone")
    if zone not in available_timezones():
        raise BadDeliveryFile(
            "schedule.zone", _("“%s” is no time zone; write one like America/Sao_Paulo") % zone
        )
    at = _text(schedule.get("at", ""), "schedule.at")
    if at == "now":
        return {"schedule_kind": ScheduleKind.AT_ONCE, "contact_date": None, "time_zone": zone}
    try:
        local = datetime.fromisoformat(at)
    except ValueError:
        raise BadDeliveryFile("schedule.at", _("must be “now” or a date like 2026-12-01T09:00")) from None
    if local.tzinfo is not None:
        raise BadDeliveryFile("schedule.at", _("must be a local time without offset; “zone” says whose"))
    try:
        moment = zones.moment(local, zone)
    except zones.NoSuchTime as refusal:
        raise BadDeliveryFile("schedule.at", refusal) from None
    return {"schedule_kind": ScheduleKind.AT_DATE, "contact_date": moment, "time_zone": zone}


def _audience(value: Any) -> tuple[str, dict[str, Any] | None]:
    if value is None or isinstance(value, str):
        return value or "", None
    audience = _object(value, "audience", {"label", "rule"})
    label, rule = _text(audience.get("label", ""), "audience.label", longest=128), audience.get("rule")
    if not label:
        raise BadDeliveryFile("audience.label", _("is needed"))
    if not isinstance(rule, dict):
        raise BadDeliveryFile("audience.rule", _("must be a rule: an object"))
    return label, rule


PLAIN_PARTS = ("subject", "preheader", "from_name", "from_address", "reply_to", "html", "text")
CONTENT = {*PLAIN_PARTS, "html_file", "text_file", "images"}
KNOWN = {
    "label", "unit", "audience", "content", "schedule", "validity_hours", "approval_policy", "tracking",
    "description", "route", "limit_per_hour",
}  # fmt: skip


def _content(content: dict[str, Any], folder: Path) -> dict[str, str]:
    parts = {part: _text(content[part], f"content.{part}") for part in PLAIN_PARTS if part in content}
    for part in ("html", "text"):
        if f"{part}_file" not in content:
            continue
        if part in parts:
            raise BadDeliveryFile(
                f"content.{part}_file", _("say either %(part)s or %(part)s_file") % {"part": part}
            )
        parts[part] = _file_text(folder, content[f"{part}_file"], f"content.{part}_file")
    return parts


def _images(content: dict[str, Any], folder: Path) -> Path | None:
    if "images" not in content:
        return None
    images = folder / _text(content["images"], "content.images")
    if not images.is_dir():
        raise BadDeliveryFile("content.images", _("there is no folder “%s”") % images)
    if not content.keys() & {"html", "html_file"}:
        raise BadDeliveryFile("content.images", _("belongs to an HTML: say html or html_file too"))
    return images


def _json(path: Path) -> Any:
    try:
        return json.loads(path.read_bytes().decode("utf-8-sig"))
    except OSError as error:
        raise BadDeliveryFile(str(path), error.strerror) from None
    except UnicodeDecodeError:
        raise BadDeliveryFile(str(path), _("is not UTF-8")) from None
    except json.JSONDecodeError as error:
        where = f"{path}, line {error.lineno}, column {error.colno}"
        raise BadDeliveryFile(where, error.msg) from None


def _file_text(folder: Path, name: Any, where: str) -> str:
    file = folder / _text(name, where)
    try:
        if file.stat().st_size > LARGEST_FILE:
            raise BadDeliveryFile(where, _("“%s” is larger than 5 MB") % file.name)
        return file.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise BadDeliveryFile(where, f"{file}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise BadDeliveryFile(where, _("“%s” is not UTF-8") % file) from None


def _object(value: Any, where: str, known: set[str]) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise BadDeliveryFile(where or "file", _("must be a JSON object"))
    for name in value:
        if name not in known:
            raise BadDeliveryFile(
                f"{where}.{name}" if where else name, _("is not known; %s") % _one_of(known)
            )
    return value


def _text(value: Any, where: str, *, longest: int = 2_000_000) -> str:
    if not isinstance(value, str):
        raise BadDeliveryFile(where, _("must be text"))
    if "\0" in value:
        raise BadDeliveryFile(where, _("holds a NUL character"))
    if len(value) > longest:
        raise BadDeliveryFile(where, _("is longer than %d characters") % longest)
    return value


def _one_of(values: Any) -> str:
    return str(_("must be one of %s") % ", ".join(sorted(values)))
