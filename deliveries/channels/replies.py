"""What a relay's reply means for a row: its result, its nature and reason, and what else it may cause.

The enhanced status code (RFC 3463) is believed before the basic code, and that before the words. Two rules
stand above all: only a 5xx to RCPT or to the final dot that carries an address code quarantines; and what
speaks of us or of the relay never harms the address, but counts for the route's breaker.
"""

import re
from enum import StrEnum
from typing import NamedTuple

from deliveries.channels.base import Result

REPLY_LENGTH = 300


class Stage(StrEnum):
    CONNECT = "connect"
    HELO = "helo"
    MAIL = "mail"
    RCPT = "rcpt"
    DATA = "data"
    BODY = "body"
    RSET = "rset"


class Classification(NamedTuple):
    result: Result
    nature: str = ""
    reason: str = ""
    quarantines: bool = False
    breaker: bool = False


class _Meaning(NamedTuple):
    reason: str
    # The address itself is wrong or closed: hard, if the reply is final.
    is_about_address: bool = False
    # It is about us or the relay.
    breaker: bool = False
    # Not a verdict, whatever its class: the same message may be taken later.
    passes: bool = False


# Some put a “#” before it.
_ENHANCED = re.compile(r"#?([245])\.(\d{1,3})\.(\d{1,3})(?=[\s:;,\])]|$)")

_UNKNOWN = _Meaning("user_unknown", is_about_address=True)
_NO_DOMAIN = _Meaning("invalid_domain", is_about_address=True)
_CLOSED = _Meaning("account_disabled", is_about_address=True)
_FULL = _Meaning("mailbox_full")
_TOO_LARGE = _Meaning("too_large")
_UNREACHABLE = _Meaning("unreachable")
_UNSUPPORTED = _Meaning("not_supported")
_NOT_DEFINED = _Meaning("not_defined")
_REFUSED = _Meaning("refused")
_POLICY = _Meaning("refused", breaker=True)
# Of our reputation, our signature or our rate: also where it is said for now.
_ABOUT_US = _Meaning("refused", breaker=True)
_RELAY = _Meaning("unreachable", breaker=True)
_OURS = _Meaning("refused", breaker=True, passes=True)
_CONFUSED = _Meaning("not_defined", breaker=True, passes=True)

# Keyed by subject.detail; the class is the basic code's. A missing one falls to its subject, then the words.
_BY_ENHANCED = {
    "1.1": _UNKNOWN, "1.2": _NO_DOMAIN, "1.3": _UNKNOWN, "1.4": _Meaning("user_unknown"), "1.6": _UNKNOWN,
    "1.7": _OURS, "1.8": _OURS, "1.9": _UNSUPPORTED, "1.10": _NO_DOMAIN,
    "2.1": _CLOSED, "2.2": _FULL, "2.3": _TOO_LARGE, "2.4": _UNREACHABLE,
    "3.4": _TOO_LARGE, "3.6": _RELAY, "3.3": _UNSUPPORTED,
    "4.1": _UNREACHABLE, "4.3": _UNREACHABLE, "4.4": _Meaning("invalid_domain"), "4.5": _RELAY,
    "4.6": _UNREACHABLE, "4.7": _UNREACHABLE,
    "5.1": _CONFUSED, "5.2": _CONFUSED, "5.3": _CONFUSED, "5.4": _CONFUSED, "5.5": _CONFUSED, "5.6": _OURS,
    "6.7": _UNSUPPORTED, "6.8": _UNSUPPORTED, "6.9": _UNSUPPORTED, "6.10": _UNSUPPORTED,
    "7.3": _OURS, "7.8": _OURS, "7.9": _OURS, "7.10": _OURS, "7.11": _OURS, "7.12": _OURS, "7.13": _OURS,
    "7.14": _OURS,
}  # fmt: skip
_BY_SUBJECT = {"3": _RELAY, "4": _UNREACHABLE, "6": _POLICY, "7": _POLICY}
_BY_CODE = {
    432: _OURS, 454: _OURS, 455: _UNSUPPORTED,
    500: _CONFUSED, 502: _CONFUSED, 504: _CONFUSED,
    501: _REFUSED, 554: _POLICY, 551: _UNREACHABLE, 555: _UNSUPPORTED, 556: _NO_DOMAIN,
}  # fmt: skip
# These say that we may not, or that the dialogue went wrong, whatever enhanced code is glued to them.
_NEVER_THE_RECIPIENT = {421: _RELAY, 503: _CONFUSED, 530: _OURS, 534: _OURS, 535: _OURS, 538: _OURS}
# What these say without more is about the relay (RFC 5321, 4.2.2), unless the text tells that it is a grey list.
_LOCAL_TROUBLE = (451, 452)
_GREY = re.compile(r"gr[ae]y", re.I)
_WE_MAY_NOT = re.compile(
    r"rela(?:y|ying)\b.{0,30}\b(?:denied|prohibited|not permitted|not allowed)|we do not relay|"
    r"(?:denied|not permitted|not allowed|unable|unauthori[sz]ed) to relay|"
    r"authenticat\w+ (?:is )?required|must authenticate|sender (?:address )?rejected",
    re.I,
)
_WORDS = (
    (
        _FULL,
        r"quota|(?:mail|in)box (?:is |was )?full|caixa (?:postal )?cheia|mailbox size limit|"
        r"exceeded storage|insufficient storage|out of storage",
    ),
    (
        _CLOSED,
        r"disabled|suspended|inactive|de-?activat|account (?:has )?(?:expired|been closed)|desativad",
    ),
    (
        _UNKNOWN,
        r"(?:user|recipient|mailbox|address|account|usu[aá]rio|destinat[aá]rio)(?: address| account)? "
        r"(?:is |was |name )?"
        r"(?:unknown|not found|invalid|inexistente|desconhecid|n[aã]o (?:existe|encontrad))|"
        r"(?:user|recipient|mailbox|address|account|email)\b.{0,80}\b(?:does not|doesn't|doesnt) exist|"
        r"unknown (?:user|recipient|mailbox|address|e-?mail address|local.?part)|"
        r"no such (?:user|recipient|mailbox|address|person|account|local)|"
        r"invalid (?:recipient|mailbox|user)|not a valid (?:recipient|mailbox|user)|"
        r"no (?:mailbox|account|user) (?:here|by that name|with that name)|"
        r"no longer (?:valid|available|works)|not (?:our|a local) (?:user|customer)|user not local|"
        r"not a registered\b.{0,20}\buser",
    ),
    (
        _NO_DOMAIN,
        r"(?:domain|host)(?: name)? (?:is )?(?:not found|unknown|does not exist|doesn't exist|invalid)|"
        r"unknown (?:domain|host)|no such (?:domain|host)|nxdomain|no mx|unroute?able|"
        r"name or service not known|does not accept mail",
    ),
    (_TOO_LARGE, r"too (?:large|big)|size (?:limit|exceed)|exceeds .{0,40}size|maximum .{0,20}size"),
    (
        _POLICY,
        r"spam|unsolicited|black ?list|block ?list|blocked|barracuda|reputation|policy|dmarc|\bspf\b|"
        r"\bdkim\b|reverse dns|\bptr\b|content (?:reject|denied|not accept)|virus",
    ),
    (
        _UNREACHABLE,
        r"gr[ae]y-?list|try (?:again )?later|timed? ?out|unreachable|temporar|unavailable|"
        r"not available|too many|rate limit|throttl|busy",
    ),
    (_REFUSED, r"rejected|denied|refused|not allowed|not accept|recusad|rejeitad"),
)
_BY_WORDS = tuple((re.compile(pattern, re.I), meaning) for meaning, pattern in _WORDS)


def enhanced_code(text: str) -> str:
    """Return the enhanced status code that the text begins with, or nothing."""
    found = _ENHANCED.match(text)
    return found.group().lstrip("#") if found else ""


def printable(text: str) -> str:
    """Return the text as a row may hold it: no control character, no line break, at most 300 characters."""
    if not text.isprintable():
        text = "".join(character if character.isprintable() else " " for character in text)
    return text[:REPLY_LENGTH]


def tidy(lines: list[bytes]) -> str:
    """Return the text of a reply in one printable line of at most 300 characters."""
    if len(lines) == 1:
        return printable(lines[0].decode("utf-8", "replace").strip())
    parts = [line.decode("utf-8", "replace").strip() for line in lines]
    code = enhanced_code(parts[0]) if parts else ""
    if code:  # many repeat it on each line
        parts[1:] = [part.removeprefix(code).lstrip() for part in parts[1:]]
    return printable(" ".join(part for part in parts if part))


def classify(stage: str, code: int, text: str) -> Classification:
    """Say what a reply to MAIL, RCPT, DATA or the final dot makes of the row."""
    if stage == Stage.BODY and 200 <= code < 300:
        return Classification(Result.SENT)
    enhanced = enhanced_code(text)
    meaning = _meaning(code, enhanced, text, stage=stage)
    is_final = code >= 500 and not meaning.passes
    if stage in (Stage.RCPT, Stage.BODY) and code not in _NEVER_THE_RECIPIENT:
        if meaning.breaker:
            return Classification(_result(is_final), "ignored", meaning.reason, breaker=True)
        is_hard = is_final and meaning.is_about_address
        by_code = is_hard and enhanced.startswith("5.") and _speaks_of_the_address(enhanced)
        return Classification(
            _result(is_final), "hard" if is_hard else "soft", meaning.reason, quarantines=by_code
        )
    if is_final and meaning in (_TOO_LARGE, _UNSUPPORTED) and enhanced:
        # The only verdicts on this one message that MAIL and DATA can give.
        return Classification(Result.FAILED, "ignored", meaning.reason)
    reason = meaning.reason if meaning.breaker else "refused"
    return Classification(Result.RETRY, "ignored", reason, breaker=True)


def _speaks_of_the_address(enhanced: str) -> bool:
    meaning = _by_enhanced(enhanced)
    return meaning is not None and meaning.is_about_address


def _result(is_final: bool) -> Result:
    return Result.FAILED if is_final else Result.RETRY


def _meaning(code: int, enhanced: str, text: str, *, stage: str) -> _Meaning:
    if code in _NEVER_THE_RECIPIENT:
        return _NEVER_THE_RECIPIENT[code]
    by_enhanced = _by_enhanced(enhanced)
    if enhanced.endswith(".1.10") and code == 550:
        return _UNKNOWN  # Exchange says so of a mailbox that it does not find; a null MX is a 556
    if by_enhanced is _RELAY and enhanced.endswith(".3.0"):
        said = _said(text)
        return said if said is not None and said.is_about_address else _RELAY
    if by_enhanced is _POLICY and _WE_MAY_NOT.search(text):
        return _OURS
    if by_enhanced is _POLICY and code < 500:
        return _REFUSED  # greylisting and the like: this recipient, later
    if by_enhanced is not None:
        return by_enhanced
    return _by_code_and_words(code, text, stage=stage)


def _by_enhanced(enhanced: str) -> _Meaning | None:
    if not enhanced:
        return None
    _, subject, detail = enhanced.split(".")
    if subject == "7" and int(detail) >= 20:
        return _ABOUT_US
    return _BY_ENHANCED.get(f"{subject}.{detail}") or _BY_SUBJECT.get(subject)


def _said(text: str) -> _Meaning | None:
    return next((meaning for pattern, meaning in _BY_WORDS if pattern.search(text)), None)


def _by_code_and_words(code: int, text: str, *, stage: str) -> _Meaning:
    if _WE_MAY_NOT.search(text):
        return _OURS
    if code in _BY_CODE and code < 550:
        return _BY_CODE[code]
    said = _said(text)
    if code in _LOCAL_TROUBLE and said in (None, _UNREACHABLE) and not _GREY.search(text):
        return _RELAY
    if code == 554 and said in (None, _UNREACHABLE, _REFUSED):
        return _POLICY
    if said is not None:
        return _REFUSED if said is _POLICY and code < 500 else said
    if code == 552:
        return _TOO_LARGE if stage == Stage.BODY else _FULL
    return _BY_CODE.get(code) or (_UNREACHABLE if code < 500 else _NOT_DEFINED)
