"""The one writer of a delivery's log: lines that people read beside it, and find again in its files."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from deliveries.models import Delivery, LogLine, Preparation

_CURRENT: Any = object()


def write(
    delivery: Delivery,
    at: datetime,
    text: str,
    *,
    level: str = LogLine.Level.INFO,
    preparation: Preparation | None = _CURRENT,
    **slots: Any,
) -> None:
    """Add a line to the delivery's log, under its current preparation unless another, or none, is named.

    `text` is marked for translation and not yet translated; `slots` are what its places are filled with: plain values.
    """
    chosen = delivery.preparation if preparation is _CURRENT else preparation
    write_all([LogLine(delivery=delivery, at=at, level=level, text=text, slots=slots, preparation=chosen)])


def write_all(lines: Iterable[LogLine]) -> None:
    """Add these lines, each to the log of its delivery."""
    LogLine.objects.bulk_create(lines)


def statement(slots: str, *, level: str) -> str:
    """Return the SQL of a line of now in the log of `%(delivery)s`, with `%(text)s` and the expression `slots`."""
    return f"""
        INSERT INTO deliveries_logline (delivery_id, preparation_id, at, level, text, slots)
        SELECT id, preparation_id, sinete_clock(), '{level}', %(text)s, {slots}
        FROM deliveries_delivery WHERE id = %(delivery)s
    """
