"""A text part made from the HTML: for those who read text, and for filters that ask for one."""

import re
from collections.abc import Mapping, Sequence

from deliveries.content import references
from deliveries.content.markup import Token
from deliveries.content.merge_tags.literals import literal
from deliveries.content.merge_tags.scope import Scope

_PARAGRAPHS = frozenset(
    "p table h1 h2 h3 h4 h5 h6 ul ol blockquote pre hr section article header footer".split()
)
_LINES = frozenset("div tr li br dt dd center".split())
_SKIPPED = frozenset({"head", "template"})
_VOID = frozenset("area base br col embed hr img input link meta source track wbr".split())
_HIDDEN = re.compile(r"display\s*:\s*none", re.I)
_PARAGRAPH, _LINE, _AFTER_LINK = "\x01", "\x02", "\x03"
_BREAKS = re.compile(rf" ?[{_PARAGRAPH}{_LINE}][ {_PARAGRAPH}{_LINE}]*+")
_OUTPUT, _BLOCK = "\ufdd0", "\ufdd1"
_INVISIBLE = re.compile("[\u00ad\u034f\u200b-\u200f\u2060\ufeff]")


def derive(
    scope: Scope, tokens: Sequence[Token], *, links: Mapping[int, str], styles: Mapping[int, str]
) -> str:
    """Return the text part as a template; `links` holds what to write for the link that begins at a position.

    Conditions are kept wherever they stand, so they stay balanced; outputs only where a reader sees them.
    """
    return _Writer(scope, links, styles).text(tokens)


class _Writer:
    def __init__(self, scope: Scope, links: Mapping[int, str], styles: Mapping[int, str]) -> None:
        self.scope, self.links, self.styles = scope, links, styles
        self.tags: list[str] = []
        self.pieces: list[str] = []
        self.skipping: list[str] = []
        self.open_link: tuple[int, int] | None = None  # position of the tag, length of pieces at that time

    def text(self, tokens: Sequence[Token]) -> str:
        for token in tokens:
            if token.in_condition:
                continue
            if token.kind == "text" and not self.skipping:
                self._words(token)
            else:
                self._blocks(token)
                if token.kind in ("start", "end"):
                    self._element(token)
        return self._laid_out("".join(self.pieces))

    def _words(self, token: Token) -> None:
        for segment, text in self.scope.between(token.start, token.end):
            if segment.kind == "output":
                self.pieces.append(self._mark(_OUTPUT, self.scope.tag(segment)))
            elif segment.is_block:
                self.pieces.append(self._mark(_BLOCK, self.scope.tag(segment)))
            elif not segment.is_tag:
                self.pieces.append(self._mark_braces(re.sub(r"\s+", " ", references.in_text(text))))

    def _blocks(self, token: Token) -> None:
        for segment, _text in self.scope.between(token.start, token.end):
            if segment.is_block and token.start <= segment.start:
                self.pieces.append(self._mark(_BLOCK, self.scope.tag(segment)))

    def _element(self, token: Token) -> None:
        if self.skipping or self._is_hidden(token):
            self._skip(token)
            return
        if token.name in _PARAGRAPHS:
            self.pieces.append(_PARAGRAPH)
        elif token.name in _LINES:
            self.pieces.append(_LINE + ("- " if token.name == "li" and token.kind == "start" else ""))
        elif token.name in ("td", "th") and token.kind == "end":
            self.pieces.append(" ")
        elif token.name == "a":
            self._link(token)
        elif token.name == "img" and self.open_link:
            self._alternative(token)

    def _is_hidden(self, token: Token) -> bool:
        if token.kind != "start" or token.name in _VOID:
            return False
        return token.name in _SKIPPED or bool(_HIDDEN.search(self.styles.get(token.start, "")))

    def _skip(self, token: Token) -> None:
        if token.name in _VOID:
            return
        if token.kind == "start" and (not self.skipping or token.name == self.skipping[0]):
            self.skipping.append(token.name)
        elif token.kind == "end" and self.skipping and token.name == self.skipping[0]:
            self.skipping.pop()

    def _link(self, token: Token) -> None:
        if token.kind == "start":
            self.open_link = (token.start, len(self.pieces))
        elif self.open_link:
            at, length = self.open_link
            self.open_link = None
            if address := self.links.get(at):
                label = "".join(self.pieces[length:]).strip()
                if re.sub(r"\s+", "", label) != address:
                    self.pieces.append(f" <{self._mark(_OUTPUT, address)}>{_AFTER_LINK}")

    def _alternative(self, token: Token) -> None:
        if alt := token.attribute("alt"):
            for segment, text in self.scope.between(alt.value_start, alt.value_end):
                if segment.kind == "output":
                    self.pieces.append(self._mark(_OUTPUT, self.scope.tag(segment)))
                elif not segment.is_tag:
                    self.pieces.append(self._mark_braces(references.in_attribute(text)))

    def _mark(self, mark: str, tag: str) -> str:
        self.tags.append(tag)
        return f"{mark}{len(self.tags) - 1}{mark}"

    def _mark_braces(self, text: str) -> str:
        text = _INVISIBLE.sub("", text)
        return text if literal(text) == text else self._mark(_OUTPUT, literal(text))

    def _laid_out(self, text: str) -> str:
        text = re.sub(rf"{_AFTER_LINK}(?=[\w{_OUTPUT}])", " ", text).replace(_AFTER_LINK, "")
        text = re.sub(r"[ \t\r\n\xa0\u2003\u2007]+", " ", text)
        text = _BREAKS.sub(lambda breaks: "\n\n" if _PARAGRAPH in breaks.group() else "\n", text)
        alone = rf"((?:^|\n)(?:{_BLOCK}\d+{_BLOCK} ?)+)\n+"
        while (
            joined := re.sub(alone, r"\1", text)
        ) != text:  # a condition alone on a line leaves no empty line
            text = joined
        text = re.sub(r"\n-[ ]*(?=\n)", "", text)
        text = re.sub(r"\n{3,}", "\n\n", text).strip()
        restore = re.compile(f"[{_OUTPUT}{_BLOCK}](\\d+)[{_OUTPUT}{_BLOCK}]")
        text = restore.sub(lambda match: self.tags[int(match.group(1))], text)
        return _without_empty_conditions(text) + "\n"


def _without_empty_conditions(text: str) -> str:
    empty = re.compile(
        r"\{%[-+]? if (?:(?!%\}).)*%\}(?:\{%[-+]? (?:elif (?:(?!%\}).)*|else) [-+]?%\})*\{%[-+]? endif [-+]?%\}"
    )
    while (shorter := empty.sub("", text)) != text:
        text = shorter
    return text
