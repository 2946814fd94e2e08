"""The files of a delivery as they are sealed, and as they go along with its messages."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from deliveries.content.message import attached
from deliveries.content.message.attached import File
from deliveries.models import Delivery


class NotAsSealed(Exception):
    """The files that stand in the database are not those that were sealed."""


def sealed(delivery: Delivery) -> list[list[Any]]:
    """Return name, type, size and fingerprint of each file; one query, which reads none of them."""
    rows = delivery.attachments.order_by("id").values_list("name", "media_type", "size", "sha256")
    return [list(row) for row in rows]


def sealed_in(manifest: dict[str, Any]) -> list[list[Any]]:
    """Return what a manifest says of files; nothing where it is older than they are."""
    return manifest.get("parts", {}).get("attachments") or []


def parts(delivery: Delivery, *, sealed: Sequence[Sequence[Any]] | None = None) -> list[bytes]:
    """Return each file as a part of a message, made once for all recipients.

    With what was `sealed` raise NotAsSealed unless the octets are these.
    """
    if sealed is not None and not sealed:
        return []
    rows = delivery.attachments.order_by("id").values_list("name", "media_type", "size", "data")
    files = [(File(name, media_type, bytes(data)), size) for name, media_type, size, data in rows]
    if sealed is not None and [list(one) for one in sealed] != [_as_sealed(*each) for each in files]:
        raise NotAsSealed
    return [attached.part(file) for file, _size in files]


def _as_sealed(file: File, size: int) -> list[Any]:
    return [file.name, file.media_type, size, hashlib.sha256(file.octets).hexdigest()]


@dataclass(frozen=True)
class Cost:
    """What files add to a send: their names, and octets as they are on the way."""

    names: tuple[str, ...]
    each: int  # octets in each message
    total: int  # in all messages together


def cost(files: Sequence[Sequence[Any]], *, messages: int) -> Cost | None:
    """Return what sealed files cost so many messages; None where there are none."""
    if not files:
        return None
    each = sum(attached.encoded_size(size) for _name, _type, size, _sha in files)
    return Cost(tuple(name for name, *_rest in files), each, each * messages)
