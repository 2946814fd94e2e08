"""What the compiler tells the author: where, and what to do about it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from django.utils.translation import gettext as _t
from django.utils.translation import gettext_noop as n_

from campaign.lib.numbers import grouped
from deliveries.models import singulars

Level = Literal["error", "warning", "info"]


@dataclass(frozen=True)
class Finding:
    """One error, warning or information; `line` counts from 1.

    `text` is an English msgid with named slots (so `%` is `%%`), and is stored as such: `message` says it in the
    language of whoever reads.
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
            slots["cause"] = _t(slots["cause"])
        return _t(singulars.of(self.text, self.slots)) % slots

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


MOST = 200
MORE = n_("There are more findings; these are the first %(most)s.")


class Findings(list[Finding]):
    """The findings of one compilation: the same thing at the same place is told once, and MOST are told.

    Beyond these only the first error is still added, so that no warning hides that there is one.
    """

    def __init__(self) -> None:
        super().__init__()
        self._known: set[tuple[Any, ...]] = set()
        self.has_errors = False

    def error(self, code: str, text: str, *, where: str = "", line: int | None = None, **slots: Any) -> None:
        self._add(Finding("error", code, text, where, line, slots))

    def warning(
        self, code: str, text: str, *, where: str = "", line: int | None = None, **slots: Any
    ) -> None:
        self._add(Finding("warning", code, text, where, line, slots))

    def _add(self, finding: Finding) -> None:
        first_error = finding.is_error and not self.has_errors
        self.has_errors = self.has_errors or finding.is_error
        key = (
            finding.code,
            finding.text,
            finding.where,
            finding.line,
            tuple(map(str, finding.slots.items())),
        )
        if key in self._known or (len(self._known) > MOST and not first_error):
            return
        self._known.add(key)
        if len(self._known) == MOST + 1 and not first_error:
            finding = Finding(finding.level, "more", MORE, slots={"most": MOST})
        self.append(finding)
