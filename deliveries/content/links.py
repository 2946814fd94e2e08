"""Addresses in content: which are tracked, which stay, which are refused."""

import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any, Literal, NamedTuple
from urllib.parse import quote

from django.utils.translation import gettext_noop as n_

from deliveries.content import references
from deliveries.content.merge_tags.expressions import Name
from deliveries.content.merge_tags.own_addresses import SYSTEM_SLOTS
from deliveries.content.merge_tags.problem import Problem
from deliveries.content.merge_tags.scope import Scope
from deliveries.content.merge_tags.segments import Segment
from deliveries.content.parameters import NONE, Parameters, Piece, with_parameters
from deliveries.content.reading import bounds

LinkKind = Literal["tracked", "opt_out", "mirror"]

KINDS: dict[str, LinkKind] = {"unsubscribe_url": "opt_out", "mirror_url": "mirror"}
UNTRACKED_SCHEMES = frozenset({"mailto", "tel", "sms", "webcal", "whatsapp"})
MAX_LABEL = 100

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):")
_STATIC_START = re.compile(r"https?://[^\s/?#@\\%<>\"']+(?::\d+)?(?P<rest>[/?#].*)?\Z", re.I | re.S)
_IGNORED_IN_ADDRESSES = re.compile(r"[\x00-\x20\x7f\u00a0\u2028\u2029]")
# As the URL standard reads what stands in an attribute: its ends are cut, and line breaks and tabs drop.
_AT_THE_ENDS = "".join(map(chr, range(0x21)))
_DROPPED = re.compile(r"[\t\n\r]")
# A browser leaves these, or writes them its own way once it opens the address.
_SAFE_IN_ADDRESSES = "%/:?#[]@!$&'()*+,;=-._~|^`{}\\"
_SENT_AS_IT_IS = re.compile(rf"[A-Za-z0-9{re.escape(_SAFE_IN_ADDRESSES)}]*").fullmatch
_PATH = re.compile(r"[^?#]*+")


@dataclass(frozen=True)
class Link:
    """One link of the content: `url` as its author wrote it, `template` as rendered when somebody clicks.

    The template has the parameters that the link gets, and so has `substitute`: where it leads whom it can't be filled
    in for; empty where its author gave no such address.
    """

    index: int
    label: str
    url: str
    kind: LinkKind
    template: str = ""
    substitute: str = ""

    def to_dict(self) -> dict[str, Any]:
        found = asdict(self)
        if not self.substitute:
            del found["substitute"]  # what was sealed before there was such a thing stays as it is
        return found


class Address(NamedTuple):
    """An address as read from the content: what it is, and as a template."""

    kind: Literal["tracked", "opt_out", "mirror", "other", "relative", "anchor"]
    template: str
    plain: str = ""  # the text before the first merge tag
    url: str = ""  # as written
    pieces: tuple[Piece, ...] = ()  # of the template


class LinkBook:
    """Numbers the links of one content, and gives them their parameters.

    The same label and address share a number, unless a parameter tells them apart.
    """

    def __init__(self, parameters: Parameters = NONE) -> None:
        self.links: list[Link] = []
        self._parameters, self._places = parameters, 0
        self._known: dict[tuple[str, ...], Link] = {}
        self._by_address: dict[tuple[str, str], Link] = {}
        self._straight: dict[str, str] = {}

    def add(self, address: Address, *, label: str, substitute: Address | None = None) -> Link:
        """Return the link with this label, address and substitute, a new one if need be.

        Raise Problem where there are more links than may be.
        """
        label = label[:MAX_LABEL]
        template = self._with_parameters(address, label)
        instead = self._filled(substitute, label) if substitute else ""
        key = (label, address.url, address.kind, template, instead)
        if known := self._known.get(key):
            return known
        if len(self.links) >= bounds.MOST_LINKS:
            raise Problem(bounds.CODE, bounds.LINKS, most=bounds.MOST_LINKS)
        link = Link(len(self.links), label, address.url, address.kind, template, instead)  # type: ignore[arg-type]  # one of the kinds of a link
        self.links.append(link)
        self._known[key] = link
        self._by_address.setdefault((address.url, address.kind), link)
        return link

    def for_text(self, address: Address) -> Link:
        """Return the link of the HTML with the same address, else a new one; raises as `add` does."""
        known = self._by_address.get((address.url, address.kind))
        return known or self.add(address, label=address.url)

    def straight(self, address: Address, *, label: str) -> str:
        """Return the template of a link that leads straight to its address, and is not tracked."""
        template = self._with_parameters(address, label)
        self._straight.setdefault(address.url, template)
        return template

    def straight_in_text(self, address: Address) -> str:
        """Return the template that the same address has in the HTML, else one of its own."""
        return self._straight.get(address.url) or self.straight(address, label=address.url)

    def _with_parameters(self, address: Address, label: str) -> str:
        if address.kind != "tracked":
            return address.template
        self._places += 1
        return self._filled(address, label)

    def _filled(self, address: Address, label: str) -> str:
        pairs = self._parameters.of_link(address.plain, label=label, position=self._places)
        return with_parameters(address.pieces, pairs) if pairs and address.pieces else address.template


def slot(link: Link) -> str:
    """Return what stands in the compiled content in place of the link's address."""
    if link.kind == "tracked":
        return f"{{{{ _base }}}}/c/{{{{ _c{link.index} }}}}"
    return SYSTEM_SLOTS["unsubscribe_url" if link.kind == "opt_out" else "mirror_url"]


def read_address(scope: Scope, start: int, end: int, *, is_html: bool) -> Address:
    """Return the address between two positions of the source; raise Problem if it must not be sent."""
    written = _as_opened(scope.source[start:end], is_html=is_html).strip(_AT_THE_ENDS)
    return _read(scope, start, end, is_html=is_html)._replace(url=written)


def reported_address(scope: Scope, start: int, end: int, *, is_html: bool) -> Address | None:
    """Return the address between two positions; none, and an error in the findings, if it must not be sent."""
    try:
        return read_address(scope, start, end, is_html=is_html)
    except Problem as problem:
        problem.line = scope.line_at(start)
        scope.report(problem)
        return None


def _read(scope: Scope, start: int, end: int, *, is_html: bool) -> Address:
    pieces = [
        (segment, _as_opened(text, is_html=is_html) if not segment.is_tag else "")
        for segment, text in scope.between(start, end)
        if segment.kind != "comment"
    ]
    _strip(pieces)
    if not pieces:
        return Address("anchor", "")
    segment, text = pieces[0]
    if segment.is_tag:
        return _of_ours(pieces, segment)
    if text.startswith("#"):
        return Address("anchor", "")
    read = tuple(_templated(scope, pieces))
    return _classify(text, read, is_whole=len(pieces) == 1, segment=segment)


def _as_opened(text: str, *, is_html: bool) -> str:
    """Return a piece of an address without what a browser takes out of it: references, line breaks and tabs."""
    text = references.in_attribute(text) if is_html else text
    return text if text.isprintable() else _DROPPED.sub("", text)


def static_start(url: str) -> str:
    """Return scheme and host of an address or of its template, in lower case; nothing where it has none."""
    match = re.match(r"https?://[^/?#{]+", url, re.I)
    return match.group().lower() if match else ""


def _strip(pieces: list[tuple[Segment, str]]) -> None:
    for index in (0, -1):
        while pieces and not pieces[index][0].is_tag:
            segment, text = pieces[index]
            text = text.lstrip(_AT_THE_ENDS) if index == 0 else text.rstrip(_AT_THE_ENDS)
            pieces[index] = (segment, text)
            if text:
                break
            pieces.pop(index)


def _of_ours(pieces: list[tuple[Segment, str]], segment: Segment) -> Address:
    expression = segment.expression
    if (
        segment.kind == "output"
        and isinstance(expression, Name)
        and expression.name in KINDS
        and len(pieces) == 1
    ):
        return Address(KINDS[expression.name], "")
    raise _dynamic(segment)


def _dynamic(segment: Segment) -> Problem:
    return Problem(
        "dynamic_link_host",
        n_(
            "A link's beginning, such as https://www.example.com/, must be written out; only what follows may vary."
        ),
        line=segment.line,
    )


def _templated(scope: Scope, pieces: list[tuple[Segment, str]]) -> Iterator[Piece]:
    depth, is_path = 0, True
    for segment, text in pieces:
        if not segment.is_tag:
            path = _PATH.match(text).group() if is_path else ""  # type: ignore[union-attr]  # it matches nothing, too
            is_path = is_path and path == text
            read = path.replace("\\", "/") + text[len(path) :]
            yield Piece("text", read if _SENT_AS_IT_IS(read) else quote(read, safe=_SAFE_IN_ADDRESSES))
        else:
            depth += (segment.kind == "if") - (segment.kind == "endif")
            if segment.kind == "set" or depth < 0 or (depth == 0 and segment.kind in ("elif", "else")):
                raise _unbalanced(segment)
            yield Piece(segment.kind, scope.tag_in_address(segment))
    if depth:
        raise _unbalanced(pieces[-1][0])


def _unbalanced(segment: Segment) -> Problem:
    return Problem(
        "template_not_allowed",
        n_("A condition that begins in a link must end in that link."),
        line=segment.line,
    )


def _classify(text: str, pieces: tuple[Piece, ...], *, is_whole: bool, segment: Segment) -> Address:
    bare = _IGNORED_IN_ADDRESSES.sub("", text)
    if bare.startswith("//"):
        text, bare = "https:" + text, "https:" + bare
        pieces = (Piece("text", "https:"), *pieces)
    template = "".join(piece.template for piece in pieces)
    scheme = _SCHEME.match(bare)
    if not scheme:
        if not is_whole and not text.startswith(("/", ".", "?")) and "/" not in text:
            raise _dynamic(segment)
        return Address("relative", template, text)
    name = scheme.group(1).lower()
    if name in ("http", "https"):
        start = _STATIC_START.match(text)
        if not start and not is_whole and re.fullmatch(r"https?:/?/?[^\s/?#\\]*", text, re.I):
            raise _dynamic(segment)
        if not start:
            raise Problem(
                "unsafe_link", n_("“%(url)s” is not a valid address."), line=segment.line, url=text[:200]
            )
        if not is_whole and start.group("rest") is None:
            raise _dynamic(segment)
        return Address("tracked", template, text, pieces=pieces)
    if name in UNTRACKED_SCHEMES:
        return Address("other", template, text)
    raise Problem(
        "unsafe_link",
        n_("A link with “%(scheme)s:” is not sent: use http, https, mailto or tel."),
        line=segment.line,
        scheme=name,
    )
