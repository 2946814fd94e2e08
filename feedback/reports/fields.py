"""The fields of a delivery status (RFC 3464), a feedback report (RFC 5965) and a read receipt (RFC 8098)."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

MOST_GROUPS = 500  # recipients of one report
MOST_LINES = 20_000
LONGEST_VALUE = 4096

_FIELD = re.compile(r"([A-Za-z][A-Za-z0-9-]{0,60})[ \t]{0,8}:[ \t]*(.*)")
_BELONGS_TO_A_RECIPIENT = {"final-recipient", "original-recipient", "action", "status", "diagnostic-code"}
_ENHANCED = re.compile(r"(?<![\d.])([245]\.\d{1,3}\.\d{1,3})(?![\d.]*\d)")
# Where an enhanced code stands in text: after a reply code, or with a mark before it, or at the beginning. Anything
# else that looks like one may be the version of a program.
_IN_TEXT = re.compile(
    r"(?:(?<![\d.])[245]\d\d[ -]{1,2}[(\[]?#?|#|status:? ?(?:code:? ?)?|[;:,(]\s?|^[\s>*-]{0,20}|[\])>] )"
    r"([245]\.\d{1,3}\.\d{1,3})(?=[\s)>;:,\]-]|$)",
    re.I | re.M,
)
# A line of a session in which nothing is refused: what we said, or an answer that is none of a refusal's.
_UNREFUSED = re.compile(
    r"^[^\n]{0,60}?(?:-{1,2}>|>{2,3}|\bC:)[ \t]{0,4}"
    r"(?:EHLO|HELO|STARTTLS|AUTH|MAIL FROM|RCPT TO|DATA|RSET|QUIT|NOOP)\b[^\n]*$|"
    r"^[^\n]{0,60}?(?:<-{1,2}|<{2,3}|\bS:)[ \t]{0,4}[23]\d\d[ -][^\n]*$",
    re.I | re.M,
)
# A reply code; with digits after it that are no enhanced code it is a telephone number, a time or a size.
_REPLY = re.compile(r"(?<![\d.:/-])(2[0-5]\d|4[2357]\d|5[0-57]\d)(?=[ -](?:#?[245]\.\d|[^\d\s-])|$)", re.M)


@dataclass
class Group:
    """The fields of one recipient, or those of the whole report; of several with one name the first."""

    values: dict[str, str] = field(default_factory=dict)

    def get(self, name: str) -> str:
        """Return the value of a field, by its name in lower case; nothing if it is missing."""
        return self.values.get(name, "")

    @property
    def is_recipient(self) -> bool:
        """Whether it says what became of somebody."""
        return bool(self.values.keys() & {"final-recipient", "original-recipient", "action"})


def groups(text: str) -> list[Group]:
    """Return the groups of fields, which blank lines part; also where they are missing or too many.

    A recipient whose fields are torn apart by a blank line is put together again, and two that follow one another
    without one are parted.
    """
    found: list[Group] = [Group()]
    for name, value in _fields(text):
        current = found[-1]
        if not name:
            if current.values and _is_whole(current):
                found.append(Group())
            continue
        if name in current.values and name in _BELONGS_TO_A_RECIPIENT:
            found.append(Group())
        if len(found) > MOST_GROUPS:
            break
        found[-1].values.setdefault(name, value)
    return [one for one in found if one.values]


def fields(text: str) -> dict[str, list[str]]:
    """Return all fields by their names in lower case, with each value they have."""
    found: dict[str, list[str]] = {}
    for name, value in _fields(text):
        if name:
            found.setdefault(name, []).append(value)
    return found


def first(found: Mapping[str, list[str]], name: str) -> str:
    """Return the first value of a field; nothing if it is missing."""
    return found.get(name, [""])[0]


def status_of(value: str) -> str:
    """Return the enhanced code that a Status field has, which may have a comment beside it."""
    found = _ENHANCED.search(value)
    return found[1] if found else ""


def words_of(diagnostic: str) -> str:
    """Return the words of a Diagnostic-Code field without the type that stands before them."""
    kind, separator, rest = diagnostic.partition(";")
    return rest.strip() if separator and len(kind) < 30 and " " not in kind.strip() else diagnostic


def code_in(text: str) -> str:
    """Return the first enhanced code of a failure that stands in a text; nothing if there is none."""
    codes = [found[1] for found in _IN_TEXT.finditer(text)]
    return next((code for code in codes if code[0] in "45"), "")


def is_for_now(text: str, status: str) -> bool:
    """Whether the server's last word was that it might work later: its reply says so, or else the status."""
    replies = {found[1][0] for found in _REPLY.finditer(text)}
    if "5" in replies:
        return False
    code = code_in(text) or status
    return "4" in replies or code.startswith("4")


def refusals(text: str) -> str:
    """Return a text without those lines of a session that are no refusals."""
    return _UNREFUSED.sub("", text)


def has_reply(text: str) -> bool:
    """Whether a server's refusal stands in a text, by its code."""
    return bool(code_in(text)) or any(found[1][0] in "45" for found in _REPLY.finditer(text))


def begins_with_reply(text: str) -> bool:
    """Whether a line of a text begins with a server's refusal."""
    return any(has_reply(line[:12]) for line in text.split("\n") if line.lstrip()[:1] in ("4", "5"))


def _is_whole(group: Group) -> bool:
    return not group.is_recipient or "status" in group.values or "diagnostic-code" in group.values


def _fields(text: str) -> list[tuple[str, str]]:
    """Yield names in lower case with values; a pair without a name stands for a blank line."""
    found: list[tuple[str, str]] = []
    for line in text.split("\n", MOST_LINES)[:MOST_LINES]:
        if not line.strip():
            found.append(("", ""))
        elif line[0] in " \t" and found and found[-1][0]:
            name, value = found[-1]
            found[-1] = (name, f"{value} {line.strip()}"[:LONGEST_VALUE])
        elif matched := _FIELD.match(line.strip()):
            found.append((matched[1].lower(), matched[2].strip()[:LONGEST_VALUE]))
    return found
