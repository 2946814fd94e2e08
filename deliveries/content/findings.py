"""What the compiler tells the author: where, and what to do about it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from django.utils.translation import gettext

from campaign.lib.numbers import grouped

Level = Literal["error", "warning", "info"]


@dataclass(frozen=True)
class Finding:
    """One error, warning or information. `text` is an English msgid with named slots (so `%` is `%%`).

    It is stored as such: `message` says it in the language of whoever reads.
    """

    level: Level
    code: str
    text: str
    where: str = ""
    line: int | None = None
    slots: Mapping[str, Any] = field(default_factory=dict)

    @property
    def message(self) -> str:
        # A cause may be a text of ours too, such as “the address is malformed”.
        slots = grouped(self.slots)
        if slots.get("cause"):
            slots["cause"] = gettext(slots["cause"])
        return gettext(self.text) % slots

    @property
    def is_error(self) -> bool:
        return self.level == "error"

    @property
    def is_warning(self) -> bool:
        return self.level == "warning"

    @property
    def is_information(self) -> bool:
        return self.level == "info"

    def to_dict(self) -> dict[str, Any]:
        return {
            "level": self.level,
            "code": self.code,
            "text": self.text,
            "where": self.where,
            "line": self.line,
            "slots": dict(self.slots),
        }

    @classmethod
    def from_dict(cls, stored: Mapping[str, Any]) -> "Finding":
        return cls(**stored)

    def __str__(self) -> str:
        place = f"{self.where}:{self.line}" if self.line else self.where
        return f"{place}: {self.message}" if place else self.message


class Findings(list[Finding]):
    """Collects findings of one compilation; the same thing at the same place is told once."""

    def error(self, code: str, text: str, *, where: str = "", line: int | None = None, **slots: Any) -> None:
        self._add(Finding("error", code, text, where, line, slots))

    def warning(
        self, code: str, text: str, *, where: str = "", line: int | None = None, **slots: Any
    ) -> None:
        self._add(Finding("warning", code, text, where, line, slots))

    def _add(self, finding: Finding) -> None:
        if finding not in self:
            self.append(finding)

    @property
    def has_errors(self) -> bool:
        return any(finding.is_error for finding in self)
