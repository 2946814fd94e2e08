"""What reading an email address alone tells: whether mail could go there, and the key to compare it by."""

import re
import unicodedata

import idna
from email_validator import EmailNotValidError, validate_email

from audiences.models import AddressState

LONGEST = 254
LONGEST_LOCAL = 64
LONGEST_READ = 1_000  # characters; the library's time for longer ones grows with their square

# Nearly every address of a real file is of this plain shape, and the library takes 30 times as long to say so.
# What looks special in any way (an international domain, a top level reserved for tests) is left to it.
_PLAIN = re.compile(
    r"(?=.{3,254}\Z)(?=[^@]{1,64}@)"
    r"[a-z0-9_+'-]+(?:\.[a-z0-9_+'-]+)*"
    r"@(?:(?!xn--|..--)[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+"
    r"(?!(?:invalid|local|localhost|test|onion|arpa)\Z)[a-z]{2,63}"
)
_plain = _PLAIN.fullmatch


def read(text: str) -> tuple[AddressState, str]:
    """The state of an address and, for a good one, its key: lower case, NFC, the domain in ASCII.

    The letter case of a local part is ignored on purpose: no provider of note tells Ana@ from ana@, and
    somebody who opted out in one spelling must not be written to in the other.
    """
    lowered = text.strip().lower()
    if _plain(lowered):
        return AddressState.GOOD, lowered
    if not lowered:
        return AddressState.MISSING, ""
    if len(lowered) > LONGEST_READ:
        return AddressState.MALFORMED, ""
    return _read_carefully(text.strip())


_BRACKETED = re.compile(r"[^<>@]{0,200}<\s*(?:mailto:)?([^<>\s]+)\s*>", re.IGNORECASE)
_MAILTO = re.compile(r"mailto:([^?\s]+)(?:\?.*)?", re.IGNORECASE)
_AROUND = " \t\"'“”‘’<>;,"


def taken_out(text: str) -> str:
    """The one address that a text stands around, such as `Ana <ana@example.com>` or `mailto:ana@example.com`; or ''."""
    if len(text) > LONGEST_READ or text.count("@") != 1:
        return ""
    bare = text.strip()
    for pattern in (_BRACKETED, _MAILTO):
        if found := pattern.fullmatch(bare.strip(" \t\"'")):
            bare = found[1]
    bare = bare.strip(_AROUND)
    return bare if bare != text and read(bare)[0] == AddressState.GOOD else ""


_UNSEEN = frozenset(
    {"Cf", "Cc", "Zs", "Zl", "Zp"}
)  # categories of characters that stand for nothing in an address


def nearest(text: str) -> str:
    """The key of the good address that a text is another spelling of, or ''.

    Letters that nobody sees, letters of full width, dots at the end and what stands around it are looked past. Mail
    would not go there by that; whoever was erased is known again by it.
    """
    if len(text) > LONGEST_READ:
        return ""
    seen = "".join(each for each in text if unicodedata.category(each) not in _UNSEEN or each == " ")
    bare = unicodedata.normalize("NFKC", seen).strip().rstrip(".")
    return read(taken_out(bare) or bare)[1]


def written(key: str) -> str:
    """The address of a key as people write it: an international domain in its own letters, where it has these."""
    local, _at, domain = key.rpartition("@")
    try:
        return f"{local}@{idna.decode(domain)}" if "xn--" in domain else key
    except idna.IDNAError:
        return key


def mailbox(key: str) -> str:
    """The mailbox that mail to a key comes to, as far as that is known: without `+tag`, and at Gmail without dots."""
    local, _at, domain = key.rpartition("@")
    local = local.partition("+")[0] or local
    if domain in _WITHOUT_DOTS:
        local, domain = local.replace(".", ""), "gmail.com"
    return f"{local}@{domain}"


_WITHOUT_DOTS = frozenset({"gmail.com", "googlemail.com"})


def is_good(text: str) -> bool:
    """Whether mail could go to this address."""
    return read(text)[0] == AddressState.GOOD


# A regular expression that PostgreSQL reads alike.
LOCAL_PARTS = r"""([^\s<>"'(),;:@])[^\s<>"'(),;:@]*@"""
_local_parts = re.compile(LOCAL_PARTS)


def masked(text: str) -> str:
    """An address that its owner knows again and nobody else learns: `a•••@example.com`; of a number two digits."""
    local, at, domain = text.rpartition("@")
    if at:
        return f"{local[:1]}•••@{domain}"
    return f"•••{text[-2:] if len(text) > 4 else ''}" if text else ""


def masked_in_sql(field: str) -> str:
    """The same of a column, as SQL."""
    return (
        f"CASE WHEN position('@' IN {field}) > 0"
        f" THEN left({field}, CASE WHEN {field} ~ '^@[^@]*$' THEN 0 ELSE 1 END)"
        f" || '•••@' || regexp_replace({field}, '^.*@', '')"
        f" WHEN {field} = '' THEN ''"
        f" ELSE '•••' || CASE WHEN length({field}) > 4 THEN right({field}, 2) ELSE '' END END"
    )


def masked_within(text: str) -> str:
    """A text, such as the answer of a mail server, with each address in it masked."""
    return _local_parts.sub(r"\1•••@", text)


def _read_carefully(text: str) -> tuple[AddressState, str]:
    try:
        found = validate_email(
            text,
            check_deliverability=False,
            allow_smtputf8=True,
            allow_quoted_local=False,
            allow_domain_literal=False,
        )
    except (EmailNotValidError, UnicodeError):
        return AddressState.MALFORMED, ""
    key = f"{unicodedata.normalize('NFC', found.local_part.lower())}@{found.ascii_domain.lower()}"
    if len(found.local_part.encode()) > LONGEST_LOCAL or len(key.encode()) > LONGEST:
        return AddressState.MALFORMED, ""
    return AddressState.GOOD, key
