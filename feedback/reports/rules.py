"""The rules that words are read by: files that operators can read, and one of their own.

The files in the folder `rules` are Sinete's. The file that SINETE_BOUNCE_RULES names has the same form and stands
before them, so that it can decide otherwise; a rule of it with the name of one of ours takes that one's place.
"""

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

from django.conf import settings

from feedback.reports.phrases import NotAPhrase, Phrases, Text, Words
from feedback.reports.report import Kind, Reason

FOLDER = Path(__file__).with_name("rules")
FILES = (
    "words.toml", "ours.toml", "failures.toml", "addresses.toml", "elsewhere.toml", "others.toml", "codes.toml",
    "forms.toml", "warnings.toml", "answers.toml",
)  # fmt: skip
LARGEST_FILE = 1024 * 1024  # bytes
# The tables of a file whose rules say what a mail is; see forms.toml.
FORMS = (
    "separator", "delay", "delay_subject", "notice", "undelivered", "notice_subject", "success_subject", "daemon",
    "auto_reply_opening", "auto_reply_subject", "auto_reply_text", "auto_reply_reason", "final", "reply",
    "lead", "not_lead", "footer", "subject_line", "local_names", "no_notice_subject", "success", "reason_line",
    "list_manager", "list_refusal", "machine",
)  # fmt: skip


class BadRules(Exception):
    """A file of rules can't be read, or a rule in it says nothing that is understood."""


@dataclass(frozen=True, slots=True)
class Rule:
    """Words, and what they mean."""

    name: str
    phrases: Phrases
    kind: Kind = Kind.SOFT
    reason: Reason = Reason.NONE
    source: str = ""


@dataclass(frozen=True, slots=True)
class Meaning:
    """What an enhanced code means."""

    name: str
    kind: Kind
    reason: Reason


@dataclass(frozen=True)
class RuleBook:
    """All rules in force, in their order."""

    failures: tuple[Rule, ...] = ()
    codes: Mapping[str, Meaning] = field(default_factory=dict)
    forms: Mapping[str, tuple[Rule, ...]] = field(default_factory=dict)

    def failure(self, text: Text) -> Rule | None:
        """Return the first rule that says why, or None."""
        return next((rule for rule in self.failures if text and rule.phrases.found_in(text)), None)

    def form(self, name: str, text: Text) -> Rule | None:
        """Return the first rule of that table whose words stand in the text, or None."""
        return next((rule for rule in self.forms.get(name, ()) if text and rule.phrases.found_in(text)), None)

    def code(self, enhanced: str) -> Meaning | None:
        """Return what an enhanced code such as 5.1.1 means by itself, or None."""
        return self.codes.get(enhanced.partition(".")[2])

    def sources(self) -> list[str]:
        """The products and providers whose own words are among the rules."""
        return sorted({rule.source for rule in self.failures if rule.source})

    def without(self, source: str) -> "RuleBook":
        """Return the book without the rules that are one source's own words."""
        kept = tuple(rule for rule in self.failures if rule.source != source)
        return RuleBook(kept, self.codes, self.forms)


def in_force() -> RuleBook:
    """Return Sinete's rules and those of the file that the settings name. Raises BadRules."""
    return read_files(settings.BOUNCE_RULES)


@lru_cache(maxsize=4)
def read_files(own: str = "") -> RuleBook:
    """Return the rules of an operator's file, if one is named, and Sinete's after them. Raises BadRules."""
    paths = [Path(own)] if own else []
    tables = [_table(path) for path in [*paths, *(FOLDER / name for name in FILES)]]
    words = _words(tables)
    return RuleBook(
        failures=tuple(_rules("failure", tables, words)),
        codes=_codes(tables),
        forms={name: tuple(_rules(name, tables, words)) for name in FORMS},
    )


def _table(path: Path) -> dict[str, Any]:
    try:
        if path.stat().st_size > LARGEST_FILE:
            raise BadRules(f"{path} is larger than a file of rules may be.")
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeError, tomllib.TOMLDecodeError) as error:
        raise BadRules(f"{path} can't be read: {error}") from error
    if unknown := sorted(set(table) - {"failure", "code", "word", *FORMS}):
        raise BadRules(f"{path} has a table that is not known: {unknown[0]}")
    if not all(
        isinstance(rules, list) and all(isinstance(one, dict) for one in rules) for rules in table.values()
    ):
        raise BadRules(f"{path}: each rule begins with its table's name in double square brackets")
    return table


def _words(tables: Iterable[Mapping[str, Any]]) -> Words:
    found: dict[str, list[str]] = {}
    for table in tables:
        for given in table.get("word", []):
            name, words = given.get("name"), given.get("words")
            if not isinstance(name, str) or not _are_texts(words):
                raise BadRules(f"The word “{name}” needs a name, and words in square brackets.")
            found.setdefault(name, words)
    try:
        return Words(found)
    except NotAPhrase as error:
        raise BadRules(f"A word says nothing, or stands for two things: {error}") from error


def _are_texts(given: object) -> bool:
    return isinstance(given, list) and all(isinstance(one, str) for one in given)


def _rules(name: str, tables: Iterable[Mapping[str, Any]], words: Words) -> list[Rule]:
    found: dict[str, Rule] = {}
    for table in tables:
        for given in table.get(name, []):
            rule = _rule(given, words, of_failure=name == "failure")
            found.setdefault(rule.name, rule)
    return list(found.values())


def _rule(given: Mapping[str, Any], words: Words, *, of_failure: bool) -> Rule:
    name = str(given.get("name", ""))
    try:
        phrases = given["phrases"]
        if not name or not _are_texts(phrases):
            raise BadRules(f"The rule “{name}” needs a name, and phrases in square brackets.")
        return Rule(
            name,
            Phrases(phrases, with_hosts=given.get("with_hosts") is True, words=words),
            _kind(name, given) if of_failure else Kind.SOFT,
            Reason(given.get("reason", "")),
            str(given.get("source", "")),
        )
    except KeyError as error:
        raise BadRules(f"The rule “{name}” has no {error}.") from error
    except NotAPhrase as error:
        raise BadRules(f"The rule “{name}” has a phrase that says nothing: {error}") from error
    except ValueError as error:
        raise BadRules(f"The rule “{name}”: {error}") from error


def _codes(tables: Iterable[Mapping[str, Any]]) -> dict[str, Meaning]:
    found: dict[str, Meaning] = {}
    for table in tables:
        for given in table.get("code", []):
            name = str(given.get("name", ""))
            try:
                meaning = Meaning(name, _kind(name, given), Reason(given["reason"]))
                codes = [str(code) for code in given["codes"]]
            except (KeyError, TypeError, ValueError) as error:
                raise BadRules(f"The rule “{name}” needs kind, reason and codes: {error}") from error
            for code in codes:
                found.setdefault(code, meaning)
    return found


def _kind(name: str, given: Mapping[str, Any]) -> Kind:
    kind = Kind(given["kind"])
    if not kind.is_bounce:
        raise BadRules(f"The rule “{name}” says {kind}; a failure is hard or soft.")
    return kind
