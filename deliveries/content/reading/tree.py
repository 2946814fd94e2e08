"""How a browser's parser nests a page: tags whose end is missing, and what stands where it may not, are put right.

The parser is given the page without what changes nothing: its tags, numbered, and a word for each text.
"""

import re
from collections.abc import Callable, Iterator, Sequence

from selectolax.lexbor import LexborHTMLParser

from deliveries.content import references
from deliveries.content.merge_tags.segments import MASK
from deliveries.content.reading.markup import VOID, Token

NUMBER = "data-s"
_TAG = re.compile(
    rf'<(?P<end>/?)(?P<name>[A-Za-z][^\s/>]*+)(?: {NUMBER}="(?P<number>\d++)")?+'
    r'[^>"]*+(?:"[^"]*+"[^>"]*+)*+>|(?P<text>\d++);'
)
# By these a parser decides how it nests.
_STEERING = {"font": ("color", "face", "size"), "input": ("type",), "annotation-xml": ("encoding",)}
NOWHERE = -1
_WITHOUT_END = VOID | {"basefont", "bgsound", "frame", "keygen"}


class Tree:
    """The tags of one page by the numbers of their tokens, and what each stands in.

    `is_said` tells of two positions whether a value stands between them that a reader sees.
    """

    def __init__(self, masked: str, tokens: Sequence[Token], *, is_said: Callable[[int, int], bool]) -> None:
        self._masked, self._tokens, self._is_said = masked, tokens, is_said
        self.size = sum(token.kind == "start" for token in tokens)
        self.around: dict[int, int] = {}  # the number of a tag or text: that of the tag around it
        self.depth = 0
        self._doctype = ""
        self._pieces = self._written()
        self._read(LexborHTMLParser(self.skeleton()).html or "")

    def outwards(self, number: int) -> Iterator[int]:
        """Yield the numbers of the tags around a tag or a text, the nearest first."""
        at = self.around.get(number, NOWHERE)
        while at != NOWHERE:
            yield at
            at = self.around[at]

    def skeleton(self, attributes: frozenset[str] = frozenset(), *, head: str = "") -> str:
        """Return the page for a parser, with these attributes, and with `head` in front of its first tag."""
        pieces = self._pieces
        if attributes:
            pieces = pieces.copy()
            for number, token in enumerate(self._tokens):
                if token.attributes and token.kind == "start" and not token.in_condition:
                    pieces[number] = self._start(number, token, attributes)
        return "".join([self._doctype, head, *pieces])

    def _written(self) -> list[str]:
        """What stands for each token in the page for a parser."""
        pieces: list[str] = []
        has_begun = False
        for number, token in enumerate(self._tokens):
            kind, piece = token.kind, ""
            if token.in_condition:
                pass
            elif kind == "text":
                piece, has_begun = self._text(number, token), True
            elif kind == "start":
                piece, has_begun = self._start(number, token), True
            elif kind == "end":
                piece, has_begun = f"</{token.name}>", True
            elif kind == "declaration" and not has_begun and not self._doctype:
                self._doctype = self._masked[token.start : token.end].replace(MASK, "")
            pieces.append(piece)
        return pieces

    def _start(self, number: int, token: Token, attributes: frozenset[str] = frozenset()) -> str:
        name = token.name
        if name == "link":
            return ""  # never fetched
        written = f'<{name} {NUMBER}="{number}"'
        steering = _STEERING.get(name, ())
        if not token.attributes or not (attributes or steering):
            return written + ">"
        for attribute in token.attributes:
            if attribute.name in attributes or attribute.name in steering:
                value = (
                    self._masked[attribute.value_start : attribute.value_end] if attribute.has_value else ""
                )
                value = references.in_attribute(value).replace("&", "&amp;").replace('"', "&quot;")
                written += f' {attribute.name}="{value}"'
        return written + ">"

    def _text(self, number: int, token: Token) -> str:
        text = self._masked[token.start : token.end]
        if text.isspace():
            return " "
        if MASK in text and not text.replace(MASK, "").strip() and not self._is_said(token.start, token.end):
            return ""
        return f"{number};"

    def _read(self, parsed: str) -> None:
        open_tags, depth = [NOWHERE], 0
        around = self.around
        for end, name, number, text in _TAG.findall(parsed):
            if text:
                around[int(text)] = open_tags[-1]
            elif end:
                if len(open_tags) > 1:
                    open_tags.pop()
            else:
                inner = open_tags[-1]
                if number:
                    inner = int(number)
                    around.setdefault(inner, open_tags[-1])
                if name not in _WITHOUT_END:
                    open_tags.append(inner)
                    depth = max(depth, len(open_tags))
        self.depth = depth
