"""Parameters that are added to links, such as utm_source: what may be said, and how fields in a value are filled.

A value may name fields of the delivery and of the link, as in `{{ delivery.label }}`, and none of a person: what a
link says is read by whoever owns the page that it leads to.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import idna
from django.utils.translation import gettext_lazy as _

from campaign.lib.refusals import Refusal

MOST, MOST_DOMAINS = 20, 100
LONGEST_NAME, LONGEST_VALUE = 64, 300
DELIVERY_FIELDS = ("delivery.label", "delivery.name", "delivery.date", "delivery.unit")
LINK_FIELDS = ("link.label", "link.position")
FIELDS = (*DELIVERY_FIELDS, *LINK_FIELDS)

Pair = tuple[str, str]  # a name and its value, as written
_NAME = re.compile(r"[A-Za-z0-9_.~:$\[\]-]+", re.ASCII)
_TAG = re.compile(r"\{\{\s*([a-z_.]{1,40})\s*\}\}")
_LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?", re.ASCII)


class BadParameter(Refusal):
    message = _("Link parameter “%(name)s”: %(reason)s")
    code = "bad_link_parameter"


class TooManyParameters(Refusal):
    message = _("A link gets at most %(most)s parameters.")
    code = "too_many_link_parameters"


class BadLinkDomain(Refusal):
    message = _("“%(domain)s” is not a domain, as in example.com.")
    code = "bad_link_domain"


class TooManyLinkDomains(Refusal):
    message = _("A list has at most %(most)s domains.")
    code = "too_many_link_domains"


@dataclass(frozen=True)
class LinkParameters:
    """What links get, as written, and the domains whose links get it: None where nothing is said, () for all."""

    pairs: tuple[Pair, ...] = ()
    domains: tuple[str, ...] | None = None

    @classmethod
    def stored(cls, pairs: Sequence[Sequence[str]] | None, domains: Sequence[str] | None) -> "LinkParameters":
        """Return what a unit or a delivery stores: lists of pairs and of domains, None where nothing is said."""
        said = tuple((name, value) for name, value in pairs or ())
        return cls(said, None if domains is None else tuple(domains))

    def over(self, above: "LinkParameters") -> "LinkParameters":
        """Return these on top of those above: name by name, and an empty value takes one of them away."""
        merged = {name.casefold(): (name, value) for name, value in (*above.pairs, *self.pairs)}
        domains = above.domains if self.domains is None else self.domains
        return LinkParameters(tuple(merged.values()), domains)

    def in_words(self) -> str:
        """Return what links get, in one line; nothing where they get none."""
        said = "&".join(f"{name}={value}" for name, value in self.said)
        domains = ", ".join(self.domains or ())
        return f"{said} ({domains})" if said and domains else said

    @property
    def said(self) -> tuple[Pair, ...]:
        """Those with a value."""
        return tuple(pair for pair in self.pairs if pair[1])


def from_lines(lines: Iterable[str]) -> list[Pair]:
    """Return what lines such as `utm_source = newsletter` say.

    Raise what `checked` raises, and BadParameter for a line without “=”.
    """
    pairs = []
    for line in lines:
        if not line.strip():
            continue
        name, equals, value = line.partition("=")
        if not equals:
            raise BadParameter(name=line.strip()[:LONGEST_NAME], reason=_("write it as name = value."))
        pairs.append((name, value))
    return checked(pairs)


def to_lines(pairs: Iterable[Sequence[str]]) -> list[str]:
    """Return pairs as lines that `from_lines` reads."""
    return [f"{name} = {value}".rstrip() for name, value in pairs]


def checked(pairs: Iterable[Sequence[str]]) -> list[Pair]:
    """Return the pairs in their plain form. An empty value takes away what is said above.

    Raise TooManyParameters, or BadParameter for a name, a value or a field that can't be.
    """
    found: dict[str, Pair] = {}
    for name, value in pairs:
        name, value = name.strip(), value.strip()
        _check_name(name, found)
        _check_value(name, value)
        found[name.casefold()] = (name, value)
        if len(found) > MOST:
            raise TooManyParameters(most=MOST)
    return list(found.values())


def _check_name(name: str, found: Mapping[str, Pair]) -> None:
    if not _NAME.fullmatch(name):
        reason = _("a name has letters, digits and . _ - ~ : $ [ ] only.")
        raise BadParameter(name=name[:LONGEST_NAME], reason=reason)
    if len(name) > LONGEST_NAME:
        raise BadParameter(
            name=name[:LONGEST_NAME], reason=_("a name has at most %d characters.") % LONGEST_NAME
        )
    if name.casefold() in found:
        raise BadParameter(name=name, reason=_("it is said twice."))


def _check_value(name: str, value: str) -> None:
    if len(value) > LONGEST_VALUE:
        raise BadParameter(name=name, reason=_("a value has at most %d characters.") % LONGEST_VALUE)
    if not value.isprintable():
        raise BadParameter(name=name, reason=_("a value is one line of text."))
    for field in _TAG.findall(value):
        if field not in FIELDS:
            raise BadParameter(name=name, reason=_unknown(field))
    left = _TAG.sub("", value)
    if any(opening in left for opening in ("{{", "{%", "{#")):
        raise BadParameter(
            name=name, reason=_("only a field may stand in {{ }}: %(fields)s.") % {"fields": _offered()}
        )


def _unknown(field: str) -> object:
    if field.startswith("profile."):
        return _(
            "a link says nothing of the person that it was sent to, so not {{ %(field)s }}; these fields may be "
            "used: %(fields)s."
        ) % {"field": field, "fields": _offered()}
    return _("there is no field {{ %(field)s }}; these may be used: %(fields)s.") % {
        "field": field,
        "fields": _offered(),
    }


def _offered() -> str:
    return ", ".join(f"{{{{ {field} }}}}" for field in FIELDS)


def fields_in(pairs: Iterable[Pair]) -> set[str]:
    """Return the names of the fields that the values use."""
    return {field for _name, value in pairs for field in _TAG.findall(value)}


def filled(value: str, values: Mapping[str, str]) -> str:
    """Return a value with its fields filled in, on one line; what a field holds is text and no field again."""
    return " ".join(_TAG.sub(lambda tag: values.get(tag.group(1), ""), value).split())


def checked_domains(entries: Iterable[str]) -> list[str]:
    """Return domains in their plain form, each once: ASCII and lower case. One counts for all below it.

    Raise BadLinkDomain, or TooManyLinkDomains.
    """
    found: dict[str, None] = {}
    for entry in entries:
        if text := entry.strip().removeprefix("*.").rstrip("."):
            found[_domain(text)] = None
            if len(found) > MOST_DOMAINS:
                raise TooManyLinkDomains(most=MOST_DOMAINS)
    return sorted(found)


def _domain(text: str) -> str:
    domain = plain_host(text) if len(text) <= 253 else ""
    if not domain or not all(_LABEL.fullmatch(label) for label in domain.split(".")):
        raise BadLinkDomain(domain=text[:100])
    return domain


def plain_host(text: str) -> str:
    """Return a host as it is compared: ASCII, lower case, without a last dot; nothing for what is none."""
    text = text.rstrip(".").lower()
    if text.isascii():
        return text
    try:
        return idna.encode(text, uts46=True).decode("ascii")
    except UnicodeError:
        return ""
