"""The one writer of a delivery's log: lines that people read beside it, and find again in its files."""

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
    LogLine.objects.create(
        delivery=delivery, at=at, level=level, text=text, slots=slots,
        preparation=delivery.preparation if preparation is _CURRENT else preparation,
    )  # fmt: skip
