"""The deliveries that this process serves links for: kept in memory, and on disk for when the database is away.

What a delivery sealed never changes once its messages leave, so a copy is never out of date.
"""

import json
import logging
import os
import re
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Any

from django.conf import settings

from campaign.lib import private
from deliveries.content.compiled import Compiled
from deliveries.content.render import Renderer
from deliveries.lifecycle import groups
from deliveries.models import Delivery
from deliveries.rendering import served_renderer
from feedback import outage

logger = logging.getLogger(__name__)

MOST_IN_MEMORY = 64

_lock = Lock()
_memory: OrderedDict[int, "Served"] = OrderedDict()


@dataclass(frozen=True)
class Served:
    """A delivery as its links need it, with the code that sent it."""

    delivery_id: int
    key: int
    renderer: Renderer

    @property
    def links(self) -> tuple[Any, ...]:
        return self.renderer.compiled.links


def delivery_for(key: int) -> Served | None:
    """Return the delivery of this key, if its messages left; None where there is no such delivery.

    Raise Away where the database can't be reached and the disk doesn't know it.
    """
    with _lock:
        if key in _memory:
            _memory.move_to_end(key)
            return _memory[key]
    try:
        with outage.reach():
            stored = _from_database(key)
    except outage.Away:
        stored = _from_disk(key)
        if stored is None:
            raise
    else:
        if stored is None:
            return None
        _to_disk(key, stored)
    return _remember(key, stored)


def forget() -> None:
    """Nothing is kept in memory."""
    with _lock:
        _memory.clear()


def _remember(key: int, stored: dict[str, Any]) -> Served:
    renderer = served_renderer(Compiled.from_json(stored["compiled"]), delivery_key=key)
    served = Served(stored["delivery_id"], key, renderer)
    with _lock:
        _memory[key] = served
        while len(_memory) > MOST_IN_MEMORY:
            _memory.popitem(last=False)
    return served


def _from_database(key: int) -> dict[str, Any] | None:
    row = (
        Delivery.objects.filter(key=key, status__in=groups.BEGUN, preparation__isnull=False)
        .values_list("pk", "preparation__compiled")
        .first()
    )
    return {"delivery_id": row[0], "compiled": row[1]} if row and row[1] else None


def _path(key: int) -> Path:
    return Path(settings.FEEDBACK_FOLDER) / "served" / f"{key:016x}.json"


def _from_disk(key: int) -> dict[str, Any] | None:
    try:
        return json.loads(_path(key).read_text())
    except (OSError, ValueError):
        return None


def _to_disk(key: int, stored: dict[str, Any]) -> None:
    path = _path(key)
    if path.exists():
        return
    try:
        private.folder(Path(settings.FEEDBACK_FOLDER))
        private.folder(path.parent)
        # A name of its own for each process, then moved into place: nobody ever reads half a file.
        draft = path.with_suffix(f".{os.getpid()}.tmp")
        private.write(draft, json.dumps(stored))
        draft.replace(path)
    except OSError as error:
        logger.warning("links of a delivery could not be kept on disk: %s", error)


def sweep(*, keep: int = 2000) -> None:
    """Of the copies on disk the newest are left."""
    try:
        copies = [
            (path.stat().st_mtime, path) for path in _path(0).parent.iterdir() if _NAME.fullmatch(path.name)
        ]
    except OSError:
        return
    for _modified, path in sorted(copies, reverse=True)[keep:]:
        path.unlink(missing_ok=True)


_NAME = re.compile(r"[0-9a-f]{16}\.json")
