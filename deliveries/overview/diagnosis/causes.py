"""One cause why something does not move, or what it waits for, as a sentence."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils.formats import date_format
from django.utils.functional import Promise

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
    return Diagnosis(code, True, str(text) % slots if slots else str(text))


def waits(code: str, text: str | Promise, **slots: Any) -> Diagnosis:
    return Diagnosis(code, False, str(text) % slots if slots else str(text))


def moment_of(moment: datetime, delivery: Delivery) -> str:
    return f"{date_format(moment.astimezone(delivery.zone), 'j M Y, H:i:s')} {delivery.time_zone}"
