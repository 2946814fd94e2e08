"""A text part made from the HTML: for those who read text, and for filters that ask for one.

What a reader doesn't see of the page is left out. A tag ends where a browser ends it, if its end is written or not.
"""

import re
from collections.abc import Container, Iterator, Mapping, Sequence
from typing import NamedTuple

from django.utils.translation import gettext_noop as n_

from deliveries.content import references
from deliveries.content.merge_tags.literals import literal
from deliveries.content.merge_tags.scope import Scope
from deliveries.content.reading.markup import Attribute, Token
from deliveries.content.reading.tree import NOWHERE, Tree
from deliveries.content.reading.visibility import Visibility
from deliveries.content.text_part import layout
from deliveries.content.text_part.layout import BLOCK, KEPT_LINE, KEPT_SPACE, LINE, OUTPUT, PARAGRAPH
from deliveries.content.text_part.lists import Numbers

_PARAGRAPHS = frozenset(
    "p table h1 h2 h3 h4 h5 h6 ul ol dl blockquote pre hr section article header footer main nav aside figure "
    "address map".split()
)
_LINES = frozenset("div tr li br dt dd center caption figcaption summary details legend option".split())
_CELLS = frozenset({"td", "th"})
MOST_HIDDEN_WORDS = 40  # as many as a preheader may have
_WHITE = re.compile(r"\s{2,}|[^\S ]")  # what isn't one space already
_INVISIBLE = re.compile("[\u00ad\u034f\u200b-\u200f\u2060\ufeff\x00-\x08\x0e-\x1f]")


_PLACING = frozenset({"a", "pre", "head"})


class Place(NamedTuple):
    """What stands around a tag or a text: the nearest link by its number (-1: none), a <pre>, the head of the page."""

    link: int = -1
    is_kept: bool = False
    is_in_head: bool = False

    def inside(self, number: int, name: str) -> "Place":
        """Return the place of what stands in the tag of this number and name, which stands here."""
        link = number if name == "a" else self.link
        return Place(link, self.is_kept or name == "pre", self.is_in_head or name == "head")


_NOWHERE = Place()


class Derivation:
    """The text part of one page.

    `links` holds what to write for the link that begins at a position, `tagged` the numbers of the tokens that merge
    tags stand in.
    """

    def __init__(
        self,
        scope: Scope,
        tokens: Sequence[Token],
        tree: Tree,
        *,
        tagged: Container[int],
        seen: Visibility,
        links: Mapping[int, str],
    ) -> None:
        self._scope, self._tokens, self._tree, self._seen, self._links = scope, tokens, tree, seen, links
        self._tagged = tagged
        self._unseen: list[int] = []  # the numbers of texts that a reader doesn't see
        self._numbers = Numbers(scope, tokens, tree)
        self._tags: list[str] = []
        self._pieces: list[str] = []
        self._link = -1  # the number of the tag that links, where one is being read
        self._read_links: set[int] = set()
        self._link_from = 0  # how many pieces there were before it
        self._places: dict[int, Place] = {}

    def text(self) -> str:
        """Return it as a template.

        Conditions are kept wherever they stand, so they stay balanced; outputs only where a reader sees them.
        """
        tagged = self._tagged
        for number, token in enumerate(self._tokens):
            if token.in_condition:
                continue
            if token.kind == "text":
                self._words(number, token, has_tags=number in tagged)
                continue
            if number in tagged:
                self._blocks(token)
            if token.kind == "start":
                self._start(number, token)
            elif token.kind == "end":
                self._end(token)
        self._change_link(-1)
        self._warn_of_losses()
        return layout.laid_out("".join(self._pieces), self._tags)

    def _warn_of_losses(self) -> None:
        """Warn of links, and of more words than a preheader has, that stand only in what is hidden."""
        addresses = list(self._addresses())
        said = {address for number, address in addresses if self._is_in_text(number)}
        lost = {address for _number, address in addresses} - said
        words = sum(self._words_in(number) for number in self._unseen if self._is_hidden(number))
        if lost or words > MOST_HIDDEN_WORDS:
            self._scope.findings.warning(
                "text_lost",
                n_(
                    "The text part was made without what is hidden in the HTML, and %(links)s links and %(words)s "
                    "words stand only there. Show them, or write a text part."
                ),
                where="text",
                links=len(lost),
                words=words,
            )

    def _addresses(self) -> Iterator[tuple[int, str]]:
        """The number and the address of each link that a browser finds."""
        for number, token in enumerate(self._tokens):
            if token.kind == "start" and not token.in_condition and token.start in self._links:
                yield number, self._links[token.start]

    def _is_in_text(self, number: int) -> bool:
        return number in self._read_links or self._tokens[number].name == "area"

    def _is_hidden(self, number: int) -> bool:
        return number in self._tree.around and not self._place(number).is_in_head

    def _words_in(self, number: int) -> int:
        token = self._tokens[number]
        return len(references.in_text(self._scope.source[token.start : token.end]).split())

    def _words(self, number: int, token: Token, *, has_tags: bool) -> None:
        is_seen, place = self._seen.shows_words(number), _NOWHERE
        if is_seen:
            place = self._place(number)
            if place.link != self._link:
                self._change_link(place.link)
        else:
            self._unseen.append(number)
        if not has_tags:
            if is_seen:
                self._pieces.append(self._plain(self._scope.source[token.start : token.end], place))
            return
        for segment, text in self._scope.between(token.start, token.end):
            if segment.is_block:
                self._pieces.append(self._mark(BLOCK, self._scope.tag(segment)))
            elif is_seen and segment.kind == "output":
                self._pieces.append(self._mark(OUTPUT, self._scope.tag(segment)))
            elif is_seen and not segment.is_tag:
                self._pieces.append(self._plain(text, place))

    def _blocks(self, token: Token) -> None:
        for segment, _text in self._scope.between(token.start, token.end):
            if segment.is_block and token.start <= segment.start:
                self._pieces.append(self._mark(BLOCK, self._scope.tag(segment)))

    def _enter(self, number: int) -> None:
        """What follows belongs to the link around it, if there is one."""
        self._change_link(self._place(number).link)

    def _place(self, number: int) -> "Place":
        """Where a tag or a text stands; asked once for all that stands in one tag."""
        within = self._tree.around.get(number, NOWHERE)
        known = self._places.get(within)
        if known is None:
            known = Place()
            if within != NOWHERE:
                known, name = self._place(within), self._tokens[within].name
                if name in _PLACING:
                    known = known.inside(within, name)
            self._places[within] = known
        return known

    def _start(self, number: int, token: Token) -> None:
        if token.name == "area":
            self._area(number, token)
        elif token.name == "img":
            self._picture(number, token)
        elif token.name in _PARAGRAPHS:
            self._pieces.append(PARAGRAPH)
        elif token.name == "li" and self._seen.shows_words(number):
            self._pieces.append(LINE + self._numbers.of(number))
        elif token.name in _LINES:
            self._pieces.append(LINE)
        elif token.name in _CELLS:
            self._pieces.append(" ")

    def _end(self, token: Token) -> None:
        if token.name == "a":
            self._change_link(-1)
        elif token.name in _PARAGRAPHS:
            self._pieces.append(PARAGRAPH)
        elif token.name in _LINES:
            self._pieces.append(LINE)
        elif token.name in _CELLS:
            self._pieces.append(" ")

    def _change_link(self, number: int) -> None:
        """End the link that was read, with its address, where another or none follows."""
        if number == self._link:
            return
        if self._link >= 0:
            behind = len(self._pieces)
            while behind > self._link_from and self._pieces[behind - 1] in (PARAGRAPH, LINE, " "):
                behind -= 1
            label = "".join(self._pieces[self._link_from : behind]).strip()
            address = self._links.get(self._tokens[self._link].start)
            if address and re.sub(r"\s+", "", label) != address:
                self._pieces.insert(behind, f" <{self._mark(OUTPUT, address)}>")
            self._pieces.append(layout.AFTER_LINK)
        self._link, self._link_from = number, len(self._pieces)
        self._read_links.add(number)

    def _picture(self, number: int, token: Token) -> None:
        if not self._seen.shows_picture(number):
            return
        self._enter(number)
        if (alt := token.attribute("alt")) and alt.value_end > alt.value_start:
            self._pieces += [" ", self._alternative(alt), " "]

    def _area(self, number: int, token: Token) -> None:
        if not (address := self._links.get(token.start)):
            return
        self._change_link(-1)
        alt = token.attribute("alt")
        words = self._alternative(alt) if alt else ""
        self._pieces.append(f"{LINE}{words} <{self._mark(OUTPUT, address)}>{LINE}")

    def _alternative(self, alt: Attribute) -> str:
        written = []
        for segment, text in self._scope.between(alt.value_start, alt.value_end):
            if segment.kind == "output":
                written.append(self._mark(OUTPUT, self._scope.tag(segment)))
            elif segment.is_block:
                written.append(self._mark(BLOCK, self._scope.tag(segment)))
            elif not segment.is_tag:
                written.append(self._braces(references.in_attribute(text)))
        return "".join(written)

    def _plain(self, text: str, place: Place) -> str:
        """A text as it is shown there: its white space is kept as written only in a <pre>."""
        text = references.in_text(text)
        if place.is_kept:
            return self._braces(
                text.replace("\n", KEPT_LINE).replace("\t", KEPT_SPACE * 4).replace(" ", KEPT_SPACE)
            )
        return self._braces(_WHITE.sub(" ", text))

    def _mark(self, mark: str, tag: str) -> str:
        self._tags.append(tag)
        return f"{mark}{len(self._tags) - 1}{mark}"

    def _braces(self, text: str) -> str:
        if not (text.isascii() and text.isprintable()):
            text = _INVISIBLE.sub("", text)
        return text if literal(text) == text else self._mark(OUTPUT, literal(text))
