"""One cause why something does not move, or what it waits for, as a sentence."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils.functional import Promise

from campaign.lib import reader_zone
from deliveries.models import Delivery


@dataclass(frozen=True)
class Diagnosis:
    """One cause. A fault needs somebody to act; a delivery that waits as it should has none."""

    code: str
    is_fault: bool
    text: str

    def as_dict(self) -> dict[str, Any]:
        return {"code": self.code, "fault": self.is_fault, "message": self.text}


def fault(code: str, text: str | Promise, **slots: Any) -> Diagnosis:
    """Something that somebody must put right."""
    return Diagnosis(code, True, str(text) % slots if slots else str(text))


def waits(code: str, text: str | Promise, **slots: Any) -> Diagnosis:
    """Something that ends by itself or by a decision."""
    return Diagnosis(code, False, str(text) % slots if slots else str(text))


def moment_of(moment: datetime, delivery: Delivery) -> str:
    """The moment in the reader's zone, and in the delivery's where that differs."""
    return reader_zone.in_words(moment, delivery.zone, shape=reader_zone.SHAPE_OF_LOGS)
