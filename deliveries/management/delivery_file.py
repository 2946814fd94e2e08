"""The JSON file from which `create_delivery` makes a delivery: read strictly, each mistake named by its field.

    {"label": "July offers", "unit": "Brasil", "audience": "Customers in Brazil",
     "content": {"subject": "...", "from_address": "...", "html_file": "newsletter.html", "images": "images"},
     "schedule": {"at": "2026-12-01T09:00", "zone": "America/Sao_Paulo"}}

Other schedules: {"at": "now"}; {"local": "2026-12-01T09:00", "zone": "America/Sao_Paulo", "past": "next_day"}, at
that hour in each recipient's zone, `zone` for those without one; {"at": "now", "waves": {"number": 4, "minutes":
60, "limit": 5}}, where "share" (percent) or "size" may stand for "number", and "limit" may be left out.

Paths are relative to the file. `audience` is the label of one, or {"label": ..., "rule": {...}} to make it, or {"with":
[...], "without": [...]} to combine lists and rules, by label or id; "label" may be left out then.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import available_timezones

from django.utils.translation import gettext_lazy as _

from accounts.models import ApprovalPolicy
from audiences.targets import named_parts
from campaign.lib import link_parameters, local_time
from campaign.lib.recurrence import LONGEST_RULE, BadRule, validated
from campaign.lib.refusals import Refusal
from deliveries.models import Overlap, PastChoice, ScheduleKind, WaveBy
from deliveries.models.delivery import LONGEST_DAYS_AFTER, LONGEST_VALIDITY_HOURS
from deliveries.routing import limits

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
    """What the file says. A setting that it leaves out is missing here too, so that an update does not change it."""

    label: str = ""
    unit: str = ""
    audience: str = ""
    rule: dict[str, Any] | None = None
    combined: dict[str, list[str]] | None = None  # the names of lists and rules, with and without
    settings: dict[str, Any] = field(default_factory=dict)
    content: dict[str, str] = field(default_factory=dict)
    images: Path | None = None  # the folder; the HTML names what is in it as its name/file.png
    route: str = ""
    attachments: tuple[Path, ...] | None = None
    service: str = ""  # the label of one of the unit or above
    folder: str = ""  # the number, label or path of one
    sender: str = ""  # an address on the lists of the unit


def read(path: Path, *, is_update: bool = False) -> DeliveryFile:
    """Return what the file says; raise BadDeliveryFile, which names the field that is wrong."""
    data = _object(_json(path), "", KNOWN)
    if not is_update:
        for name in ("label", "unit"):
            if not data.get(name):
                raise BadDeliveryFile(name, _("is needed"))
    content = _object(data.get("content", {}), "content", CONTENT)
    audience, rule, combined = _audience(data.get("audience"))
    return DeliveryFile(
        label=_text(data.get("label", ""), "label", longest=128),
        unit=_text(data.get("unit", ""), "unit"),
        audience=audience,
        rule=rule,
        combined=combined,
        settings=_settings(data),
        content=_content(content, path.parent),
        images=_images(content, path.parent),
        route=_text(data.get("route", ""), "route"),
        service=_text(data.get("service", ""), "service"),
        folder=_text(data.get("folder", ""), "folder"),
        sender=_text(data.get("sender", ""), "sender"),
        attachments=_attachments(data["attachments"], path.parent) if "attachments" in data else None,
    )


def _settings(data: dict[str, Any]) -> dict[str, Any]:
    readers: dict[str, Callable[[Any], Any]] = {
        "description": lambda value: _text(value, "description"),
        "validity_hours": _validity,
        "approval_policy": _policy,
        "tracking": lambda value: _true_or_false(value, "tracking"),
        "days_after": _days_after,
        "limit_per_hour": _limit,
        "link_parameters": _link_parameters,
        "link_domains": _link_domains,
    }
    settings = {name: reader(data[name]) for name, reader in readers.items() if name in data}
    return settings | (_schedule(data["schedule"]) if "schedule" in data else {})


def _validity(value: Any) -> int:
    if type(value) is not int or not 1 <= value <= LONGEST_VALIDITY_HOURS:
        raise BadDeliveryFile(
            "validity_hours", _("must be a whole number from 1 to %d") % LONGEST_VALIDITY_HOURS
        )
    return value


def _days_after(value: Any) -> int | None:
    if value is not None and (type(value) is not int or not 0 <= value <= LONGEST_DAYS_AFTER):
        raise BadDeliveryFile("days_after", _("must be a whole number from 0 to %d") % LONGEST_DAYS_AFTER)
    return value


def _policy(value: Any) -> str:
    if value not in ApprovalPolicy.values:
        raise BadDeliveryFile("approval_policy", _one_of(ApprovalPolicy.values))
    return value


def _true_or_false(value: Any, where: str) -> bool:
    if not isinstance(value, bool):
        raise BadDeliveryFile(where, _("must be true or false"))
    return value


def _limit(value: Any) -> int | None:
    try:
        return limits.checked(value if value is None or type(value) is int else False)
    except limits.LimitOutOfRange as refusal:
        raise BadDeliveryFile("limit_per_hour", str(refusal).partition(": ")[2]) from None


def _link_parameters(value: Any) -> list[link_parameters.Pair]:
    if not isinstance(value, dict):
        raise BadDeliveryFile("link_parameters", _("must be a JSON object"))
    pairs = [(name, _text(said, f"link_parameters.{name}")) for name, said in value.items()]
    try:
        return link_parameters.checked(pairs)
    except Refusal as refusal:
        raise BadDeliveryFile("link_parameters", refusal) from None


def _link_domains(value: Any) -> list[str]:
    if not isinstance(value, list):
        raise BadDeliveryFile("link_domains", _("must be a list of domains"))
    try:
        return link_parameters.checked_domains(_text(domain, "link_domains") for domain in value)
    except BadDeliveryFile:
        raise
    except Refusal as refusal:
        raise BadDeliveryFile("link_domains", refusal) from None


def _schedule(value: Any) -> dict[str, Any]:
    schedule = _object(value, "schedule", {"at", "zone", "local", "past", "waves", *RECURRENCE})
    zone = _text(schedule.get("zone", "UTC"), "schedule.zone")
    if zone not in available_timezones():
        raise BadDeliveryFile(
            "schedule.zone", _("“%s” is no time zone; write one like America/Sao_Paulo") % zone
        )
    if "rule" in schedule:
        recurrence = _recurrence(schedule)
        return {
            "schedule_kind": ScheduleKind.RECURRING,
            "contact_date": None,
            "time_zone": zone,
            "recurrence": recurrence,
        }
    if strays := RECURRENCE & schedule.keys():
        raise BadDeliveryFile(f"schedule.{min(strays)}", _("belongs to a recurrence: say its “rule” too"))
    if "local" in schedule:
        return _local_hour(schedule) | {"time_zone": zone}
    if "past" in schedule:
        raise BadDeliveryFile("schedule.past", _("belongs to “local”"))
    moment = _start(schedule, zone)
    if "waves" in schedule:
        kind, more = ScheduleKind.WAVES, _waves(schedule["waves"])
    else:
        kind, more = ScheduleKind.AT_DATE if moment else ScheduleKind.AT_ONCE, {}
    return {"schedule_kind": kind, "contact_date": moment, "time_zone": zone, **more}


def _start(schedule: dict[str, Any], zone: str) -> datetime | None:
    """Return the moment that the file names; None for “now”."""
    at = _text(schedule.get("at", ""), "schedule.at")
    if at == "now":
        return None
    try:
        return local_time.moment(_naive(at, "schedule.at"), zone)
    except local_time.NoSuchTime as refusal:
        raise BadDeliveryFile("schedule.at", refusal) from None


def _naive(text: str, where: str) -> datetime:
    try:
        local = datetime.fromisoformat(text)
    except ValueError:
        raise BadDeliveryFile(where, _("must be “now” or a date like 2026-12-01T09:00")) from None
    if local.tzinfo is not None:
        raise BadDeliveryFile(where, _("must be a local time without offset; “zone” says whose"))
    return local


def _local_hour(schedule: dict[str, Any]) -> dict[str, Any]:
    for name in ("at", "waves"):
        if name in schedule:
            raise BadDeliveryFile(f"schedule.{name}", _("does not go with “local”"))
    local = _naive(_text(schedule["local"], "schedule.local"), "schedule.local")
    past = schedule.get("past", PastChoice.NEXT_DAY)
    if past not in PastChoice.values:
        raise BadDeliveryFile("schedule.past", _one_of(PastChoice.values))
    return {
        "schedule_kind": ScheduleKind.LOCAL_HOUR,
        "contact_date": None,
        "local_date": local.date(),
        "local_hour": local.time().replace(second=0, microsecond=0),
        "past_choice": past,
    }


def _waves(value: Any) -> dict[str, Any]:
    """Return the settings of waves; values of the right type that make no sense are refused by the verb."""
    waves = _object(value, "schedule.waves", {*WaveBy.values, "minutes", "limit"})
    chosen = [by for by in WaveBy.values if by in waves]
    if len(chosen) != 1:
        raise BadDeliveryFile("schedule.waves", _one_of(WaveBy.values))
    limit = waves.get("limit")
    for name in (chosen[0], "minutes"):
        if type(waves.get(name)) is not int:
            raise BadDeliveryFile(f"schedule.waves.{name}", _("must be a whole number"))
    if limit is not None and type(limit) not in {int, float}:
        raise BadDeliveryFile("schedule.waves.limit", _("must be a number"))
    return {
        "wave_by": chosen[0],
        "wave_value": waves[chosen[0]],
        "wave_minutes": waves["minutes"],
        "wave_limit": None if limit is None else Decimal(str(limit)),
    }


MINUTES = ("ahead_minutes", "expires_minutes", "remind_minutes", "late_minutes")
RECURRENCE = {"rule", "from", "except", "request_confirmation", "overlap", "size_limit", *MINUTES}


def _recurrence(schedule: dict[str, Any]) -> dict[str, Any]:
    """Return the fields of a series; those that the file leaves out keep their defaults."""
    if "at" in schedule:
        raise BadDeliveryFile("schedule.at", _("say either “at”, or “rule” and “from”"))
    start = _local(schedule.get("from", ""), "schedule.from")
    try:
        rule = validated(_text(schedule["rule"], "schedule.rule", longest=LONGEST_RULE), start)
    except BadRule as refusal:
        raise BadDeliveryFile("schedule.rule", refusal) from None
    fields: dict[str, Any] = {"rule": rule, "starts_on": start.date(), "at": start.time()}
    fields["excluded_dates"] = _days(schedule.get("except", []))
    if "request_confirmation" in schedule:
        fields["request_confirmation"] = _true_or_false(
            schedule["request_confirmation"], "schedule.request_confirmation"
        )
    if "overlap" in schedule:
        if schedule["overlap"] not in Overlap.values:
            raise BadDeliveryFile("schedule.overlap", _one_of(Overlap.values))
        fields["overlap"] = schedule["overlap"]
    for name in ("size_limit", *MINUTES):
        if name in schedule:
            fields[name] = _number(schedule[name], f"schedule.{name}", least=0 if name in MINUTES else 1)
    return fields


def _local(value: Any, where: str) -> datetime:
    try:
        local = datetime.fromisoformat(_text(value, where))
    except ValueError:
        raise BadDeliveryFile(where, _("must be a local time like 2026-12-01T09:00")) from None
    if local.tzinfo is not None:
        raise BadDeliveryFile(where, _("must be a local time without offset; “zone” says whose"))
    return local.replace(second=0, microsecond=0)


def _days(value: Any) -> list[date]:
    if not isinstance(value, list):
        raise BadDeliveryFile("schedule.except", _("must be a list of days"))
    days = []
    for number, day in enumerate(value):
        try:
            days.append(date.fromisoformat(_text(day, f"schedule.except[{number}]")))
        except ValueError:
            raise BadDeliveryFile(f"schedule.except[{number}]", _("must be a day like 2026-12-25")) from None
    return sorted(set(days))


def _number(value: Any, where: str, *, least: int) -> int:
    if type(value) is not int or not least <= value < 2_000_000_000:
        raise BadDeliveryFile(where, _("must be a whole number from %d") % least)
    return value


def _audience(value: Any) -> tuple[str, dict[str, Any] | None, dict[str, list[str]] | None]:
    """Return the label of the audience, and what makes it: a rule, or the names that are combined."""
    if value is None or isinstance(value, str):
        return value or "", None, None
    audience = _object(value, "audience", {"label", "rule", *named_parts.KEYS})
    label, rule = _text(audience.get("label", ""), "audience.label", longest=128), audience.get("rule")
    if set(named_parts.KEYS) & audience.keys():
        if rule is not None:
            raise BadDeliveryFile("audience", _("say either a rule, or “with” and “without”"))
        try:
            return label, None, named_parts.names(audience)
        except Refusal as refusal:
            raise BadDeliveryFile("audience", refusal) from None
    if not label:
        raise BadDeliveryFile("audience.label", _("is needed"))
    if not isinstance(rule, dict):
        raise BadDeliveryFile("audience.rule", _("must be a rule: an object"))
    return label, rule, None


PLAIN_PARTS = ("subject", "preheader", "from_name", "from_address", "reply_to", "html", "text")
CONTENT = {*PLAIN_PARTS, "html_file", "text_file", "images"}
KNOWN = {
    "label", "unit", "audience", "content", "schedule", "validity_hours", "approval_policy", "tracking",
    "description", "route", "limit_per_hour", "link_parameters", "link_domains",
    "attachments", "sender", "service", "folder", "days_after",
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


def _attachments(value: Any, folder: Path) -> tuple[Path, ...]:
    if not isinstance(value, list):
        raise BadDeliveryFile("attachments", _("must be a list of files"))
    paths = tuple(folder / _text(name, f"attachments[{number}]") for number, name in enumerate(value))
    for number, path in enumerate(paths):
        if not path.is_file():
            raise BadDeliveryFile(f"attachments[{number}]", _("there is no file “%s”") % path)
    return paths


def _json(path: Path) -> Any:
    try:
        return json.loads(path.read_bytes().decode("utf-8-sig"))
    except OSError as error:
        raise BadDeliveryFile(str(path), error.strerror) from None
    except UnicodeDecodeError:
        raise BadDeliveryFile(str(path), _("is not UTF-8")) from None
    except RecursionError:
        raise BadDeliveryFile(str(path), _("is nested too deep")) from None
    except json.JSONDecodeError as error:
        where = f"{path}, line {error.lineno}, column {error.colno}"
        raise BadDeliveryFile(where, error.msg) from None
    except ValueError:  # of thousands of digits
        raise BadDeliveryFile(str(path), _("holds a number that is too large")) from None


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
