"""The deliveries that this process serves links for: kept in memory, and on disk for when the database is away.

What a delivery sealed never changes once its messages leave, so a copy is never out of date.
"""

import json
import logging
import os
import re
from collections import OrderedDict
from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Lock
from typing import Any

from django.conf import settings

from campaign.lib import private
from deliveries.content.compiled import Compiled
from deliveries.content.message.render import Renderer, RenderError
from deliveries.lifecycle import groups
from deliveries.models import Delivery, Status
from deliveries.rendering import served_renderer
from feedback import outage

logger = logging.getLogger(__name__)

MOST_IN_MEMORY = 64
SECONDS_FOR_COPIES = 60.0

_lock = Lock()
_memory: OrderedDict[int, "Served"] = OrderedDict()


@dataclass(frozen=True)
class Served:
    """A delivery as its links need it, with the code that sent it."""

    delivery_id: int
    key: int
    renderer: Renderer
    fixed: dict[int, str]  # where the links lead that lead everybody to the same place
    substitutes: dict[int, str] = field(default_factory=dict)  # of those links whose author gave one
    began: datetime | None = None

    @property
    def is_over(self) -> bool:
        """Whether its links have led on for as long as they are valid."""
        days = settings.SINETE["link_days"]
        return bool(days and self.began and datetime.now(UTC) - self.began > timedelta(days=days))


def delivery_for(key: int) -> Served | None:
    """Return the delivery of this key, if its messages left; None where there is no such delivery.

    The database is asked only for what neither memory nor disk knows; raise Away where it can't be reached then.
    """
    with _lock:
        if key in _memory:
            _memory.move_to_end(key)
            return _memory[key]
    copy = _from_disk(_path(key), key)
    if copy is not None:
        return _remember(copy)
    try:
        with outage.reach():
            stored = _from_database(key)
    except outage.Away:
        # A token of it came back, so its messages leave by now, as it was released.
        released = _from_disk(_path_of_released(key), key)
        if released is None:
            raise
        return released
    if stored is None:
        return None
    _to_disk(_path(key), stored)
    return _remember(_served(key, stored))


def keep_copies(known: dict[int, int], *, statuses: frozenset[Status], most: int = 50) -> bool:
    """The disk has a copy of each delivery in these statuses; False where that took more than `most` and isn't done.

    What is released has one before its messages leave, and another once they do: what was sealed never changes then.
    `known` says of which preparation the released ones are. Raise Away where the database can't be reached.
    """
    with outage.reach(seconds=SECONDS_FOR_COPIES):
        found = Delivery.objects.filter(status__in=statuses, preparation__isnull=False).order_by("-pk")
        for key, preparation_id, status in found.values_list("key", "preparation_id", "status"):
            has_begun = status in groups.BEGUN
            if _path(key).exists() if has_begun else known.get(key) == preparation_id:
                continue
            if most == 0:
                return False
            most -= 1
            stored = _from_database(key, statuses=groups.FIXED)
            if stored is not None:
                _to_disk(_path(key) if has_begun else _path_of_released(key), stored)
                known[key] = preparation_id
            if has_begun:
                _path_of_released(key).unlink(missing_ok=True)
    return True


def forget() -> None:
    """Nothing is kept in memory."""
    with _lock:
        _memory.clear()


def _remember(served: Served) -> Served:
    with _lock:
        _memory[served.key] = served
        while len(_memory) > MOST_IN_MEMORY:
            _memory.popitem(last=False)
    return served


def _served(key: int, stored: dict[str, Any]) -> Served:
    renderer = served_renderer(Compiled.from_json(stored["compiled"]), delivery_key=key)
    began = stored.get("began")
    return Served(
        stored["delivery_id"],
        key,
        renderer,
        _fixed(renderer),
        _substitutes(renderer),
        datetime.fromisoformat(began) if began else None,
    )


def _fixed(renderer: Renderer) -> dict[int, str]:
    found = {}
    for link in renderer.compiled.links:
        if link.kind == "tracked" and not renderer.is_personal(link.index):
            with suppress(RenderError):
                found[link.index] = renderer.link_url(link.index, {})
    return found


def _substitutes(renderer: Renderer) -> dict[int, str]:
    found = {}
    for link in renderer.compiled.links:
        with suppress(RenderError):
            if url := renderer.substitute_url(link.index):
                found[link.index] = url
    return found


def _from_database(key: int, *, statuses: Collection[str] = groups.BEGUN) -> dict[str, Any] | None:
    row = (
        Delivery.objects.filter(key=key, status__in=statuses, preparation__isnull=False)
        .values_list("pk", "preparation__compiled", "started_at", "last_moment")
        .first()
    )
    if row is None or not row[1]:
        return None
    began = max(filter(None, row[2:]), default=None)
    return {"delivery_id": row[0], "compiled": row[1], "began": began and began.isoformat()}


def _path(key: int) -> Path:
    return Path(settings.FEEDBACK_FOLDER) / "served" / f"{key:016x}.json"


def _path_of_released(key: int) -> Path:
    return _path(key).with_suffix(".released.json")


def _from_disk(path: Path, key: int) -> Served | None:
    """What a copy says; None for one that is not there or can't be used: it is made anew then."""
    try:
        return _served(key, json.loads(path.read_text()))
    except FileNotFoundError:
        return None
    except Exception:
        logger.exception("the copy of a delivery's links can't be used")
        return None


def _to_disk(path: Path, stored: dict[str, Any]) -> None:
    try:
        private.folder(Path(settings.FEEDBACK_FOLDER))
        private.folder(path.parent)
        # A name of its own for each process, then moved into place: nobody ever reads half a file.
        draft = path.with_suffix(f".{os.getpid()}.tmp")
        private.write(draft, json.dumps(stored))
        draft.replace(path)
    except OSError as error:
        logger.warning("links of a delivery could not be kept on disk: %s", error)


def sweep() -> None:
    """Copies of deliveries that are gone are gone too: links are valid for as long as their delivery is there."""
    try:
        names = [path for path in _path(0).parent.iterdir() if _NAME.fullmatch(path.name)]
    except OSError:
        return
    for some in (names[start : start + 1_000] for start in range(0, len(names), 1_000)):
        keys = {path: int(path.name[:16], 16) for path in some}
        there = set(Delivery.objects.filter(key__in=keys.values()).values_list("key", flat=True))
        for path, key in keys.items():
            if key not in there:
                path.unlink(missing_ok=True)


_NAME = re.compile(r"[0-9a-f]{16}(\.released)?\.json")
