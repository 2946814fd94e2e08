"""The lines of a text part that is made from HTML, from words and marks of where lines and paragraphs begin."""

import re
from collections.abc import Sequence

# Marks of the private use area would be letters to somebody; these are none.
PARAGRAPH, LINE, AFTER_LINK, KEPT_LINE, KEPT_SPACE = "\ufdd2", "\ufdd3", "\ufdd4", "\ufdd5", "\ufdd6"
OUTPUT, BLOCK = "\ufdd0", "\ufdd1"

_MARKED = re.compile(rf"[{OUTPUT}{BLOCK}](\d+)[{OUTPUT}{BLOCK}]")
_SPACES = re.compile(r"[ \t\r\n\xa0\u2003\u2007]+")
_BREAKS = re.compile(rf" ?[{PARAGRAPH}{LINE}][ {PARAGRAPH}{LINE}]*+")
_AFTER_LINK = re.compile(rf"{AFTER_LINK}+(?=([\w<{OUTPUT}])?)")
_ALONE = re.compile(rf"((?:^|\n)(?:{BLOCK}\d+{BLOCK} ?)+)\n+")
_EMPTY_ITEM = re.compile(r"(?<=\n)(?:-|\d+\.|[A-Za-z]+\.) *(?=\n|\Z)")
_FRAME = frozenset({"if", "elif", "else", "endif"})


def laid_out(text: str, tags: Sequence[str]) -> str:
    """Return the text in lines, with the templates of `tags` in place of the marks of outputs and blocks."""
    text = _AFTER_LINK.sub(lambda mark: " " if mark.group(1) else "", text)
    text = _SPACES.sub(" ", text)
    text = _BREAKS.sub(lambda breaks: "\n\n" if PARAGRAPH in breaks.group() else "\n", text)
    text = _ALONE.sub(r"\1", text)  # a condition alone on a line leaves no empty line
    text = _EMPTY_ITEM.sub("", "\n" + text)
    text = re.sub(r"\n{3,}", "\n\n", text).strip()
    text = (
        re.sub(rf"{KEPT_LINE}+\Z|\A{KEPT_LINE}+", "", text).replace(KEPT_LINE, "\n").replace(KEPT_SPACE, " ")
    )
    return _without_empty_conditions(text, tags) + "\n"


def _without_empty_conditions(text: str, tags: Sequence[str]) -> str:
    """Put the tags in their places, without those conditions that hold nothing in any branch."""
    written: list[str] = []
    open_ifs: list[int] = []  # where each began, in `written`
    latest = -1  # the last place in `written` of what is no part of a condition's frame
    at = 0
    for mark in _MARKED.finditer(text):
        if mark.start() > at:
            latest = len(written)
            written.append(text[at : mark.start()])
        at = mark.end()
        tag = tags[int(mark.group(1))]
        word = _word(tag) if mark.group()[0] == BLOCK else ""
        if word not in _FRAME:
            latest = len(written)
        written.append(tag)
        if word == "if":
            open_ifs.append(len(written) - 1)
        elif word == "endif" and open_ifs:
            start = open_ifs.pop()
            if latest < start:
                del written[start:]
    written.append(text[at:])
    return "".join(written)


def _word(tag: str) -> str:
    found = re.match(r"\{%[-+]? (\w+)", tag)
    return found.group(1) if found else ""
