"""The rules by which hits are told apart: a file of ours, and one of the operator's that says otherwise or more."""

import os
import re
import tomllib
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

from django.conf import settings

FILE = Path(__file__).parent / "rules" / "readers.toml"
LARGEST_FILE = 1024 * 1024  # bytes
MOST_PATTERNS = 2_000
LONGEST_SECONDS = 3600.0
_LISTS = ("machine", "people_use", "not_listed", "not_robots", "proxy", "unsure")


class BadReaderRules(Exception):
    """A file of rules can't be read, or says something that is not understood."""


@dataclass(frozen=True)
class Sweep:
    """A message that has so many links, all of which are followed within so many seconds."""

    links: int
    seconds: float


@dataclass(frozen=True, eq=False)
class Rules:
    """What is in force; of each list of patterns one expression. Each reading of the files is another one."""

    proxy_seconds: float
    sweeps: tuple[Sweep, ...]
    machine: re.Pattern[str]
    people_use: re.Pattern[str]
    not_listed: re.Pattern[str]
    not_robots: re.Pattern[str]
    proxy: re.Pattern[str]
    unsure: re.Pattern[str]

    def seconds_of_sweep(self, links: int) -> float | None:
        """Within how many seconds all of so many links must be followed to be a machine's; None: no such rule."""
        fitting = [each for each in self.sweeps if each.links <= links]
        return max(fitting, key=lambda each: each.links).seconds if fitting else None


@dataclass
class _Read:
    """What the files say, one after the other."""

    proxy_seconds: float = 0.0
    sweeps: tuple[Sweep, ...] = ()
    patterns: dict[str, list[str]] = field(default_factory=lambda: {name: [] for name in _LISTS})


def in_force() -> Rules:
    """Return the rules of our file and of the one that the settings name, as it is now. Raises BadReaderRules."""
    own = settings.READER_RULES
    return _read(own, state(own) if own else None)


@lru_cache(maxsize=8)
def _read(own: str, _changed: tuple[int, int] | None) -> Rules:
    return read_files(own)


def state(path: str) -> tuple[int, int]:
    """What is another once the file was changed. Raises BadReaderRules where it can't be looked at."""
    try:
        found = os.stat(path)
    except (OSError, ValueError) as error:
        raise BadReaderRules(f"{path}: {error}") from error
    return found.st_mtime_ns, found.st_size


def read_files(own: str = "") -> Rules:
    """Return the rules of our file and of an operator's, if there is one. Raises BadReaderRules."""
    read = _Read()
    for path in [FILE, *([Path(own)] if own else [])]:
        _add(read, path)
    return Rules(
        read.proxy_seconds,
        tuple(sorted(read.sweeps, key=lambda each: each.links)),
        **{name: _one(name, patterns) for name, patterns in read.patterns.items()},
    )


def _add(read: _Read, path: Path) -> None:
    told = _load(path)
    if strange := told.keys() - {"age", "sweep", "agents"}:
        raise BadReaderRules(f"{path}: nothing is known of “{min(strange)}”.")
    age, agents = told.get("age", {}), told.get("agents", {})
    if not isinstance(age, dict) or not isinstance(agents, dict):
        raise BadReaderRules(f"{path}: “age” and “agents” are tables.")
    if strange := (age.keys() - {"proxy_seconds"}) | (agents.keys() - set(_LISTS)):
        raise BadReaderRules(f"{path}: nothing is known of “{min(strange)}”.")
    if "proxy_seconds" in age:
        read.proxy_seconds = _seconds(path, age["proxy_seconds"])
    if "sweep" in told:
        read.sweeps = _sweeps(path, told["sweep"])
    for name, patterns in agents.items():
        if not isinstance(patterns, list) or not all(isinstance(each, str) for each in patterns):
            raise BadReaderRules(f"{path}: “{name}” is a list of patterns.")
        read.patterns[name] += patterns
        if len(read.patterns[name]) > MOST_PATTERNS:
            raise BadReaderRules(f"{path}: “{name}” has more than {MOST_PATTERNS} patterns.")


def _load(path: Path) -> dict[str, Any]:
    try:
        with path.open("rb") as file:
            octets = file.read(LARGEST_FILE + 1)
        if len(octets) > LARGEST_FILE:
            raise BadReaderRules(f"{path}: more than {LARGEST_FILE} bytes.")
        return tomllib.loads(octets.decode())
    except (OSError, ValueError, RecursionError) as error:
        raise BadReaderRules(f"{path}: {error}") from error


def _sweeps(path: Path, told: Any) -> tuple[Sweep, ...]:
    rows: list[Any] = told if isinstance(told, list) else [None]
    if len(rows) > 20 or any(not isinstance(row, dict) or row.keys() != {"links", "seconds"} for row in rows):
        raise BadReaderRules(f"{path}: each of at most 20 “sweep” has “links” and “seconds”.")
    if any(type(row["links"]) is not int or not 2 <= row["links"] <= 1000 for row in rows):
        raise BadReaderRules(f"{path}: “links” is from 2 to 1000: one link tells nothing.")
    return tuple(Sweep(row["links"], _seconds(path, row["seconds"])) for row in rows)


def _seconds(path: Path, told: Any) -> float:
    if isinstance(told, bool) or not isinstance(told, int | float) or not 0 <= told <= LONGEST_SECONDS:
        raise BadReaderRules(f"{path}: seconds are from 0 to {LONGEST_SECONDS:.0f}.")
    return float(told)


def _one(name: str, patterns: list[str]) -> re.Pattern[str]:
    """All patterns as one expression, which finds nothing where there are none."""
    for pattern in patterns:
        try:
            re.compile(pattern)
        except (re.error, RecursionError, OverflowError) as error:
            raise BadReaderRules(f"“{name}”: “{pattern}” is no regular expression: {error}") from error
    return re.compile("|".join(f"(?:{each})" for each in patterns) or r"(?!)", re.I)
