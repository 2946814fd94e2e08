"""What was wrong in a file, line by line."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from audiences.models import ImportProblem

MOST_PROBLEMS = 1_000  # that are kept


@dataclass(slots=True)
class Problems:
    """The report of one run: all problems are counted, the first ones are kept, broken rows before others."""

    fatal: list[ImportProblem] = field(default_factory=list)
    others: list[ImportProblem] = field(default_factory=list)
    found: int = 0
    broken: int = 0
    on_broken: Callable[[int], None] | None = None  # told each line that can't be imported

    def add(
        self, line: int, field: str, reason: str, slots: dict[str, Any] | None = None, *, fatal: bool = False
    ) -> None:
        """Add one problem; `reason` is an English msgid with named slots. `fatal`: its row can't be imported."""
        self.found += 1
        self.broken += fatal
        if fatal and self.on_broken:
            self.on_broken(line)
        kept = self.fatal if fatal else self.others
        if len(kept) < MOST_PROBLEMS:
            slots = {name: _harmless(value) for name, value in (slots or {}).items()}
            kept.append(ImportProblem(line=line, field=field[:64], reason=reason, slots=slots, fatal=fatal))

    def add_many(self, lines: list[int], total: int, field: str, reason: str) -> None:
        """Add problems that were found in the database: `total` of them, and the lines of the first."""
        for line in lines:
            self.add(line, field, reason)
        self.found += total - len(lines)

    def kept(self) -> list[ImportProblem]:
        """Return the problems to be stored, the fatal first, each kind in the order of lines."""
        kept = [*self.fatal, *self.others][:MOST_PROBLEMS]
        return sorted(kept, key=lambda problem: (not problem.fatal, problem.line))

    def hide(self, among: Callable[[set[str]], set[str]]) -> None:
        """Of the values that the kept problems quote, those that `among` picks are no longer told."""
        kept = self.kept()
        hidden = among(
            {value for each in kept for value in each.slots.values() if isinstance(value, str) and value}
        )
        for each in kept:
            each.slots = {name: "…" if value in hidden else value for name, value in each.slots.items()}


def _harmless(value: Any) -> Any:
    return (
        value.replace("\0", "\ufffd").encode("utf-8", "replace").decode() if isinstance(value, str) else value
    )
