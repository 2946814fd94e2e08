"""The seal: a fingerprint of everything that a preparation froze.

A manifest lists the parts. Parts that live outside the preparation (content, audience, schedule …) can be
read again at any time: what differs from the manifest then is what changed since.

A manifest names its form. One of an earlier form has fewer parts, and stays valid: what it does not hold can't
differ from it, but for what nobody could say then and somebody says now.
"""

import hashlib
import json
from collections.abc import Iterable
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.db.models.fields.json import KeyTextTransform, KeyTransform
from django.utils.translation import gettext_lazy as _

from audiences.rules import targeting
from deliveries.lifecycle import attachments, link_parameters
from deliveries.models import Delivery, ScheduleKind

PARTS = {
    "content": _("content"),
    "audience": _("audience"),
    "schedule": _("schedule"),
    "validity": _("validity period"),
    "policy": _("approval policy"),
    "route": _("route"),
    "tracking": _("tracking"),
    "unit": _("unit"),
    "identity": _("return path, signature or tracking domain"),
    "parameters": _("link parameters"),
    "attachments": _("attachments"),
    "service": _("service"),
}
FORM = 4
# The parts that came with a later form than the first, and what those of them were before that a manifest compares.
ADDED = {"identity": 2, "parameters": 3, "attachments": 3, "service": 4}
BEFORE: dict[str, Any] = {"parameters": None, "attachments": [], "service": None}
# In a query of deliveries: the rule of approval under which each was sealed, NULL where an old seal names none.
POLICY = KeyTextTransform("policy", KeyTransform("parts", "preparation__manifest"))


def fingerprint(value: Any) -> str:
    """SHA-256 of a value's canonical JSON."""
    return hashlib.sha256(
        json.dumps(value, sort_keys=True, separators=(",", ":"), default=str).encode()
    ).hexdigest()


def live_parts(delivery: Delivery) -> dict[str, Any]:
    """Return the parts that live outside the preparation, as they are now."""
    return {
        "content": delivery.content.digest if delivery.content else "",
        "audience": _target(delivery),
        "schedule": _schedule(delivery),
        "validity": delivery.validity_hours,
        "policy": delivery.policy.value,
        "route": delivery.route_id,
        "tracking": delivery.tracking,
        "unit": delivery.unit_id,
        "identity": identity(delivery),
        "parameters": link_parameters.sealed(delivery),
        "attachments": attachments.sealed(delivery),
        "service": _service(delivery),
    }


def identity(delivery: Delivery) -> dict[str, str]:
    """Return what readers can see of how it leaves: of its route and of this installation, not which relay that is."""
    route = delivery.leaves_by
    return {
        "return_path": route.return_path_domain if route else "",
        "signed_as": route.dkim_domain if route else "",
        "selector": route.dkim_selector if route and route.dkim_domain else "",
        "tracking": host(settings.PUBLIC_URL),
    }


def host(address: str) -> str:
    """The domain of an address."""
    return urlsplit(address).hostname or ""


def way(delivery: Delivery) -> dict[str, str]:
    """Return what is needed to send under the sealed identity later: where its key is and where links begin.

    It is not compared: it may change without a new preparation.
    """
    route = delivery.leaves_by
    return {
        "key_variable": route.dkim_key_variable if route else "",
        "key_file": route.dkim_key_file if route else "",
        "base_url": settings.PUBLIC_URL,
    }


def identity_of(manifest: dict[str, Any]) -> dict[str, str] | None:
    """Return the identity that was sealed and how to send under it; None for a manifest that is older than that."""
    if "identity" not in parts_of(manifest):
        return None
    return manifest["way"] | manifest["parts"]["identity"]


def _schedule(delivery: Delivery) -> list[Any]:
    """Kind, date and zone; at a local hour and in waves also what those need."""
    if delivery.is_recurring:
        return [delivery.schedule_kind, delivery.series.sealed(), delivery.time_zone]
    date = delivery.contact_date.isoformat() if delivery.contact_date else None
    common = [delivery.schedule_kind, date, delivery.time_zone]
    if delivery.schedule_kind == ScheduleKind.LOCAL_HOUR:
        return [*common, str(delivery.local_date), f"{delivery.local_hour:%H:%M}", delivery.past_choice]
    if delivery.schedule_kind == ScheduleKind.WAVES:
        limit = None if delivery.wave_limit is None else str(float(delivery.wave_limit))
        return [*common, delivery.wave_by, delivery.wave_value, delivery.wave_minutes, limit]
    return common


def _service(delivery: Delivery) -> list[int] | int | None:
    """Return the service; and after how many days, where that is said."""
    days = delivery.days_after
    return delivery.service_id if days is None or delivery.service_id is None else [delivery.service_id, days]


def _target(delivery: Delivery) -> list[Any] | None:
    """Return the sealed target; of a remainder it is the stopped delivery, whatever the audience's rule says by now."""
    if delivery.remainder_of_id is not None:
        return ["remainder_of", delivery.remainder_of_id]
    audience = delivery.audience
    if audience is None:
        return None
    named = [[one.pk, one.kind, fingerprint(one.rule)] for one in targeting.named_by(audience)]
    return [audience.pk, audience.kind, fingerprint(audience.rule), *([named] if named else [])]


def manifest(delivery: Delivery, *, parts: dict[str, Any], **frozen: Any) -> dict[str, Any]:
    """Return live parts, as they were read, and frozen ones (chunks' digests, compiled content, counts) together."""
    return {
        "form": FORM,
        "delivery": delivery.key,
        "parts": parts,
        "way": way(delivery),
        **frozen,
    }


def parts_of(manifest: dict[str, Any]) -> list[str]:
    """Return the parts that a manifest of its form holds."""
    return [part for part in PARTS if ADDED.get(part, 1) <= manifest.get("form", 1)]


def changes(delivery: Delivery) -> list[str]:
    """Return the names of the parts that differ from what the latest preparation sealed."""
    preparation = delivery.preparation
    if preparation is None or not preparation.seal:
        return []
    live = json.loads(json.dumps(live_parts(delivery), default=str))
    return [part for part, sealed in held(preparation.manifest).items() if sealed != live[part]]


def held(manifest: dict[str, Any]) -> dict[str, Any]:
    """What a manifest can be compared by: the parts of its form, and of later ones what they were before."""
    known, parts = parts_of(manifest), manifest.get("parts", {})
    return {
        part: parts.get(part) if part in known else BEFORE[part]
        for part in PARTS
        if part in known or part in BEFORE
    }


def in_words(parts: Iterable[str]) -> str:
    """What changed since the seal, as a list in the reader's language."""
    return ", ".join(str(PARTS[part]) for part in parts)
