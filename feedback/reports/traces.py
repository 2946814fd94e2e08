"""What the header of a mail tells: who wrote it, where it came to, what it answers."""

import re
from collections.abc import Mapping
from functools import cached_property

from feedback.reports import addresses
from feedback.reports.mime import Part
from feedback.reports.phrases import Text, level
from feedback.reports.rules import RuleBook

MOST_IDS = 40
_CAME_TO = (
    "delivered-to", "x-original-to", "envelope-to", "x-envelope-to", "x-delivered-to", "x-rcpt-to", "apparently-to",
    "x-forwarded-to", "resent-to", "to", "cc",
)  # fmt: skip
_OURS = (*_CAME_TO, "from", "sender", "reply-to", "errors-to", "return-path")
_FAILED = ("x-failed-recipients", "x-failed-recipient", "x-actual-recipient-failed")
_OF_LIST_PROGRAM = (
    "x-mailman-version",
    "x-mlserver",
    "x-ml-info",
    "x-ml-name",
    "mailing-list",
    "x-listserver",
    "x-list-server",
)
_ID = re.compile(r"<([^<>\s]{1,500})>")
_SYMBOLS = re.compile(r"[\"'<>()]")


class Traces:
    """The header of one mail."""

    def __init__(self, mail: Part, book: RuleBook) -> None:
        self.mail = mail
        self.subject: Text = level(mail.value("subject"))
        self._book = book

    @cached_property
    def is_system(self) -> bool:
        """Whether a mail system wrote it, as its name or address says."""
        return bool(self.failed) or any(
            value.endswith("<>") or self._is_of("daemon", value)  # nobody who could be answered
            for value in (self._from, self.mail.value("x-actual-from"))
        )

    @cached_property
    def has_system_address(self) -> bool:
        """Whether it is from an address of mail systems, or none; a name alone may be that of any program's account."""
        local = addresses.tidy(self._from).rpartition("@")[0]
        return not local or any(
            self._book.form("daemon", level(one)) for one in (local, local.replace(".", " "))
        )

    @cached_property
    def is_machine(self) -> bool:
        """Whether its name or address is one that no person has."""
        return any(self._is_of("machine", value) for value in (self._from, self.mail.value("x-actual-from")))

    @cached_property
    def is_program(self) -> bool:
        """Whether the address that it is from is that of a list's own program."""
        address = addresses.tidy(self._from)
        local = level(address.rpartition("@")[0])
        return self._book.form("list_manager", local) is not None

    @cached_property
    def is_of_list_program(self) -> bool:
        return self.is_program or any(self.mail.value(name) for name in _OF_LIST_PROGRAM)

    @property
    def is_automatic(self) -> bool:
        return self.mail.value("auto-submitted").lower() not in ("", "no")

    @property
    def is_report(self) -> bool:
        return self.mail.type == "multipart/report"

    @cached_property
    def notice_subject(self) -> bool:
        """Whether its subject is that of a notice about a delivery."""
        return any(self._book.form(name, self.subject) for name in ("notice_subject", "delay_subject"))

    @cached_property
    def is_passed_on(self) -> bool:
        """Whether a person answered or forwarded it, as the subject begins."""
        return self._book.form("reply", self.subject) is not None

    @property
    def is_list(self) -> bool:
        return any(self.mail.value(name) for name in ("list-unsubscribe", "list-id", "list-post"))

    @property
    def has_null_sender(self) -> bool:
        return self.mail.value("return-path").replace(" ", "") == "<>"

    @property
    def answers_something(self) -> bool:
        return bool(self.mail.value("in-reply-to") or self.mail.value("references"))

    @cached_property
    def failed(self) -> list[str]:
        """Addresses that a header names as those that failed."""
        values = [value for name in _FAILED for value in self.mail.values(name)]
        return addresses.distinct(one for value in values for one in addresses.all_in(value))

    @cached_property
    def own(self) -> set[str]:
        """Addresses that it came from or to, in lower case."""
        values = [value for name in _OURS for value in self.mail.values(name)]
        return {one.lower() for value in values for one in addresses.all_in(value)}

    @cached_property
    def reply_from(self) -> str:
        """Whoever would get an answer; nothing if it doesn't say."""
        return addresses.tidy(self.mail.value("reply-to")) or addresses.tidy(self._from)

    def envelope_to(self, *, also: Part) -> list[str]:
        """Addresses that it came to, the nearest to the envelope first."""
        values = [value for name in _CAME_TO for mail in (also, self.mail) for value in mail.values(name)]
        return addresses.distinct(one for value in values for one in addresses.all_in(value))

    def message_ids(self, returned: Mapping[str, str]) -> list[str]:
        """Ids of what was returned, then of what it answers, then its own."""
        values = [
            returned.get("message-id", ""),
            *self.mail.values("in-reply-to"),
            *self.mail.values("references"),
        ]
        values += [returned.get("references", ""), *self.mail.values("message-id")]
        found = [one for value in values for one in _ID.findall(value)]
        return list(dict.fromkeys(found))[:MOST_IDS]

    @cached_property
    def _from(self) -> str:
        return self.mail.value("from") or self.mail.value("sender")

    def _is_of(self, form: str, value: str) -> bool:
        address = addresses.tidy(value)
        name = _SYMBOLS.sub(" ", value.replace(address, " ") if address else value)
        local = address.rpartition("@")[0]
        words = [level(part) for part in (name, local, local.replace(".", " ")) if part.strip()]
        return any(self._book.form(form, one) for one in words)
