"""Parameters that links get: which ones, and an address with them as a browser reads it.

What the author wrote in a link is neither doubled nor changed, and stands octet for octet as it did; the fragment
stays behind.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple
from urllib.parse import quote, unquote_plus

from campaign.lib import link_parameters
from campaign.lib.link_parameters import Pair
from deliveries.content.merge_tags.literals import literal

_HOST = re.compile(r"https?://(?P<host>\[[^\]]*\]|[^/?#:]*)(?::(?P<port>\d*))?(?P<path>[^?#]*)", re.I)
_PORTS = {"http": "80", "https": "443"}
_IN_LABEL = re.compile(r"\{[{%].*?[}%]\}")
_LONGEST_LABEL = 100


class Piece(NamedTuple):
    """A piece of an address: its text as a browser sends it, or the template of a tag."""

    kind: str  # text, output, or that of a block
    text: str

    @property
    def template(self) -> str:
        return literal(self.text) if self.kind == "text" else self.text


@dataclass(frozen=True)
class Parameters:
    """What the links of one delivery get.

    `values` are the fields of the delivery; `domains` those whose links get parameters, none: all; `own` is our own
    address, whose pages get none.
    """

    pairs: tuple[Pair, ...] = ()
    domains: tuple[str, ...] = ()
    values: Mapping[str, str] = field(default_factory=dict)
    own: str = ""

    def of_link(self, start: str, *, label: str, position: int) -> list[Pair]:
        """Return what a link gets whose address begins with `start`; what comes to nothing is left out."""
        if not self.pairs or not self._applies(start):
            return []
        values = {**self.values, "link.label": _plain_label(label), "link.position": str(position)}
        named = ((name, link_parameters.filled(value, values)) for name, value in self.pairs)
        return [(name, value) for name, value in named if value]

    def _applies(self, start: str) -> bool:
        scheme_host_port = _HOST.match(start)
        if not scheme_host_port or _is_within(start, self.own):
            return False
        host = link_parameters.plain_host(scheme_host_port["host"])
        return not self.domains or any(host == one or host.endswith(f".{one}") for one in self.domains)


NONE = Parameters()


def _plain_label(label: str) -> str:
    """A label without its merge tags: what is said of a link is the same for everybody."""
    return _IN_LABEL.sub(" ", label)[:_LONGEST_LABEL]


def _is_within(start: str, own: str) -> bool:
    ours, theirs = _HOST.match(own), _HOST.match(start)
    if not ours or not theirs or _host_and_port(ours, own) != _host_and_port(theirs, start):
        return False
    path = ours["path"].rstrip("/")
    return theirs["path"] == path or theirs["path"].startswith(f"{path}/") or not path


def _host_and_port(found: re.Match[str], address: str) -> tuple[str, str]:
    scheme = address.partition(":")[0].lower()
    return link_parameters.plain_host(found["host"]), found["port"] or _PORTS[scheme]


def with_parameters(pieces: Sequence[Piece], pairs: Iterable[Pair]) -> str:
    """Return the template of the address with those of `pairs` that it does not have."""
    names = _Names(pieces)
    addition = "&".join(
        f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in pairs if not names.may_hold(name)
    )
    if not addition:
        return "".join(piece.template for piece in pieces)
    if names.have_conditions and "#" not in pieces[0].text:
        return _in_branches(pieces, addition)
    return _in_one(pieces, addition)


_VALUE, _CONDITION = "\x00", "\x01"


class _Names:
    """The names in the author's query; with conditions those that it may have, whichever branch is taken."""

    def __init__(self, pieces: Sequence[Piece]) -> None:
        marks = {"output": _VALUE}
        address = "".join(
            piece.text if piece.kind == "text" else marks.get(piece.kind, _CONDITION) for piece in pieces
        )
        self.have_conditions = _CONDITION in address
        if self.have_conditions:  # one branch may begin the query, and another the fragment
            parts = re.split("[?&#]", address)[1:]
        else:
            parts = address.partition("#")[0].partition("?")[2].split("&")
        names = [unquote_plus(part.partition("=")[0]).casefold() for part in parts]
        self._whole = {piece for name in names for piece in name.split(_CONDITION)}
        self._begun = tuple(
            begun for name in names if _CONDITION in name and (begun := name.partition(_CONDITION)[0])
        )

    def may_hold(self, name: str) -> bool:
        """Whether the query has a parameter of this name, or might: a name may go on in a condition."""
        return name.casefold() in self._whole or name.casefold().startswith(self._begun)


def _in_one(pieces: Sequence[Piece], addition: str) -> str:
    """The address whose query ends in no condition: the addition stands at its end."""
    made: list[str] = []
    before = ""
    for number, (kind, text) in enumerate(pieces):
        if kind != "text":
            made.append(text)
            before += _VALUE
            continue
        head, fragment, tail = text.partition("#")
        made.append(literal(head))
        before += head
        if fragment:
            rest = [literal(fragment + tail), *(piece.template for piece in pieces[number + 1 :])]
            return "".join([*made, _mark(before), addition, *rest])
    return "".join([*made, _mark(before), addition])


def _mark(before: str) -> str:
    """What stands between an address without its fragment and one more parameter."""
    _start, question, query = before.partition("?")
    if not question:
        return "?"
    return "&" if query and not query.endswith("&") else ""


# In a condition one branch may begin the query, or the fragment, and another not: so the template keeps in `_q` what
# must stand before the addition, and “#” once it has been made.
_DONE = "{% set _q = '#' %}"


def _in_branches(pieces: Sequence[Piece], addition: str) -> str:
    beginning, *others = pieces  # its scheme and host at least, which no condition holds
    made = [beginning.template, f"{{% set _q = '{_mark(beginning.text)}' %}}"]
    for kind, text in others:
        if kind != "text":
            made.append(text)
            if kind == "output":
                made.append("{% if _q == '' %}{% set _q = '&' %}{% endif %}")
            continue
        head, fragment, tail = text.partition("#")
        made += [literal(head), _seen(head)]
        if fragment:
            made += [_added(addition), literal(fragment + tail)]
    return "".join([*made, _added(addition)])


def _added(addition: str) -> str:
    return "{% if _q != '#' %}{{ _q }}" + addition + _DONE + "{% endif %}"


def _seen(head: str) -> str:
    """What the text of an address means for the mark behind it."""
    _before, question, query = head.partition("?")
    if question:
        # Where the query had begun before, this is no more than a character of it.
        first, later = ("&" if query and query[-1] != "&" else ""), ("" if head[-1] == "&" else "&")
        return (
            f"{{% if _q == '?' %}}{{% set _q = '{first}' %}}"
            f"{{% elif _q != '#' %}}{{% set _q = '{later}' %}}{{% endif %}}"
        )
    if not head:
        return ""
    mark = "" if head[-1] == "&" else "&"
    return f"{{% if _q == '' or _q == '&' %}}{{% set _q = '{mark}' %}}{{% endif %}}"
