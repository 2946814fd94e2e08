"""Phrases that a person can read and add to, found in text whose small differences are levelled.

Text and phrase are compared without case, accents, line breaks and runs of spaces; ä, ae and a are the same, and so are
e-mail and email, can't and cannot, doesn't and does not, recognised and recognized, NO_USER and no user. In a phrase,
`*` stands for up to 60 characters; `^` at its beginning says that the text begins so, and `$` at its end that it ends
so; `~` at its beginning says that a clause begins so, or that an address or a host stands before it. A phrase begins
and ends where a word does, unless it says `*` there. Host names and reply codes are taken out of the text before, and
`@` stands for an address or a host: one called `spam-filter` says nothing. A name in braces stands for any of some
words: with `{who}` for user, recipient, mailbox, "no such {who}" is found with each of them, also with a name or an
address between them. Each phrase takes a time that grows with the text and no faster, whoever wrote it.
"""

import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

GAP = 60  # characters
LONGEST_TEXT = 16 * 1024  # characters that are looked at
LONGEST_PHRASE = 200
_MOST_TRIES = 500  # places where a phrase may begin
_MOST_KNOWN = 32  # texts that are kept with their words named
_MARKS_BEFORE = 8  # characters, such as brackets, before the beginning of a text

_EVEN = str.maketrans(
    {"’": "'", "‘": "'", "“": '"', "”": '"', "`": "'", "´": "'", "«": '"', "»": '"', "\xa0": " ",
     "ł": "l", "đ": "d", "ø": "o", "ı": "i", "æ": "ae", "œ": "oe"}
)  # fmt: skip
_ADDRESS = re.compile(r"<?[^\s<>()\[\],;:\"'@]{1,128}@[\w-]{1,63}(?:\.[\w-]{1,63}){0,10}>?")
_URL = re.compile(r"https?://[^\s<>\"]{1,500}")
_HOST = re.compile(r"(?<![\w.-])[a-z0-9_-]{1,63}(?:\.[a-z0-9_-]{1,63}){0,8}\.[a-z0-9-]{1,24}(?![\w-])")
# What stands before each line of a reply: in the midst of a sentence where the lines were joined.
_CODE = re.compile(r"(?<![\d.])[245]\d\d[- ]#?[245]\.\d{1,3}\.\d{1,3}(?![\d.])|(?<![\d.])[245]\d\d-(?=\S)")
# One spelling for what is written in several: it doubles what a phrase finds.
_NOT = re.compile(r"(?<![a-z])(does|did|do|is|was|are|were|has|have|had|could|would|should)n'?t(?![a-z])")
_CANNOT = re.compile(r"(?<![a-z])(?:cannot|can't|cant)(?![a-z])")
_EMAIL = re.compile(r"(?<![a-z0-9])e-mail")
# Programs name what happened in one word of several: NO_SUCH_USER.
_UNDERSCORE = re.compile(r"(?<=[a-z])_(?=[a-z])")
_SPACES = re.compile(r"\s+")
# Who it is may stand between the word for them and what is said of them, or that we wrote to them.
_APPOSITION = re.compile(r"(\{[\w-]+\}) (?:@|\"[^\"]{1,60}\"|\([^()]{1,60}\))(?= )")
_WHICH = re.compile(
    r"(\{[\w-]+\}) (?:(?:that|which|to which|whom) )?you (?:(?:\{is\}|have|had) )?"
    r"(?:(?:trying|tried|try|attempting|attempted|wanted|want|wish|wished) to "
    r"(?:reach|contact|email|mail|write to|deliver to|send (?:mail |email |this |a message )?to)|"
    r"specified|entered|gave|typed|provided|addressed|requested|wrote to|mailed)(?= )"
)
# Where they are, too.
_WHERE = re.compile(
    r"(\{[\w-]+\}) (?:in|at|on|for|within) (?:(?:this|the|that|our|domain|host|server) ){0,3}"
    r"(?:@|domain|server|host|system|machine|site|organization)(?= )"
)
_PLACE = re.compile(r"\{([^{}]*)\}")


@dataclass(frozen=True, slots=True)
class Text:
    """Levelled text, without hosts and with them."""

    plain: str
    with_hosts: str

    def __bool__(self) -> bool:
        return bool(self.plain)


def level(text: str) -> Text:
    """Return the text as phrases are compared with it; what is beyond 16,000 characters is left out."""
    even = _even(text[:LONGEST_TEXT])
    no_address = _ADDRESS.sub(" @ ", _CODE.sub(" ", even))
    plain = _HOST.sub("@", _URL.sub("@", no_address))
    return Text(_apart(plain), _apart(no_address))


def _apart(text: str) -> str:
    return _SPACES.sub(" ", _UNDERSCORE.sub(" ", text)).strip()


def _even(text: str) -> str:
    text = text.casefold().translate(_EVEN)
    if not text.isascii():
        apart = unicodedata.normalize("NFKD", text)
        text = "".join(character for character in apart if not unicodedata.combining(character))
    text = _CANNOT.sub("can not", text.replace("won't", "will not"))
    text = _EMAIL.sub("email", _NOT.sub(r"\1 not", text))
    text = text.replace("recognis", "recogniz").replace("authoris", "authoriz")
    # As those write who have no ä, ö and ü at hand. The same is done to each phrase, in whatever language.
    return text.replace("ae", "a").replace("oe", "o").replace("ue", "u")


class NotAPhrase(ValueError):
    """The phrase is empty, too long, or nothing but gaps."""


class Words:
    """Words that stand for one another, by the name of what they have in common."""

    def __init__(self, words: Mapping[str, Iterable[str]]) -> None:
        """Make them ready; raises NotAPhrase where a word is empty or has two names."""
        self._names: dict[str, str] = {}
        for name, some in words.items():
            for word in map(_levelled, some):
                if not word or self._names.setdefault(word, name) != name:
                    raise NotAPhrase(word)
        longest_first = sorted(self._names, key=len, reverse=True)
        found = "|".join(map(re.escape, longest_first)) or "(?!)"
        self._any = re.compile(rf"\{{[\w-]+\}}|(?<!\w)(?:{found})(?!\w)")
        self._known: dict[str, str] = {}

    @property
    def names(self) -> set[str]:
        return set(self._names.values())

    def named(self, text: str) -> str:
        """Return a levelled text with the name of each such word, in braces, in its place."""
        if text not in self._known:
            if len(self._known) >= _MOST_KNOWN:
                self._known = {}
            named = self._any.sub(self._name, text)
            self._known[text] = _shortened(named)
        return self._known[text]

    def _name(self, found: re.Match[str]) -> str:
        name = self._names.get(found.group())
        return f"{{{name}}}" if name else found.group()


def _shortened(named: str) -> str:
    for beside in (_APPOSITION, _WHICH, _APPOSITION, _WHERE):
        named = beside.sub(r"\1", named)
    return named


NO_WORDS = Words({})


class Phrases:
    """Several phrases of one meaning."""

    def __init__(self, phrases: Iterable[str], *, with_hosts: bool = False, words: Words = NO_WORDS) -> None:
        """Make them ready; raises NotAPhrase."""
        self.with_hosts = with_hosts
        self._words = words
        given = list(phrases)
        self._literal = [_ready(phrase) for phrase in given if "{" not in phrase]
        self._worded = [_ready(_worded(phrase, words)) for phrase in given if "{" in phrase]

    def found_in(self, text: Text) -> bool:
        """Whether one of them stands in the text."""
        searched = text.with_hosts if self.with_hosts else text.plain
        if _is_any_in(self._literal, searched):
            return True
        return bool(self._worded) and _is_any_in(self._worded, self._words.named(searched))


def _is_any_in(phrases: Iterable["_Phrase"], text: str) -> bool:
    # Most phrases aren't even begun in a text, and this is where reading spends its time.
    return any(phrase.is_in(text) for phrase in phrases if phrase.fragments[0] in text)


@dataclass(frozen=True, slots=True)
class _Phrase:
    """Fragments that follow one another with gaps between. Found without a regex, so that no phrase can be slow."""

    fragments: tuple[str, ...]
    begins_text: bool
    begins_clause: bool
    ends_text: bool
    begins_word: bool
    ends_word: bool

    def is_in(self, text: str) -> bool:
        first = self.fragments[0]
        at = text.find(first)
        for _ in range(_MOST_TRIES):
            if at < 0 or (self.begins_text and at > _MARKS_BEFORE):
                return False
            if self._begins(text, at) and self._goes_on(text, at):
                return True
            at = text.find(first, at + 1)
        return False

    def _begins(self, text: str, at: int) -> bool:
        if self.begins_text:
            return not any(character.isalnum() for character in text[:at])
        if self.begins_clause and not _is_clause(text[max(at - GAP, 0) : at]):
            return False
        return not (self.begins_word and at and text[at - 1].isalnum())

    def _goes_on(self, text: str, at: int) -> bool:
        end = at + len(self.fragments[0])
        for fragment in self.fragments[1:]:
            if fragment[0] == " " == text[end - 1] and text.startswith(fragment[1:], end):
                end += len(fragment) - 1  # nothing stands in the gap
                continue
            at = text.find(fragment, end, end + GAP + len(fragment))
            if at < 0:
                return False
            end = at + len(fragment)
        if self.ends_text:
            return not any(character.isalnum() for character in text[end:])
        return not (self.ends_word and text[end : end + 1].isalnum())


def _levelled(text: str) -> str:
    return _apart(_even(text))


def _worded(phrase: str, words: Words) -> str:
    if unknown := set(_PLACE.findall(phrase)) - words.names:
        raise NotAPhrase(f"{phrase}: {unknown.pop()}")
    return words.named(_levelled(phrase))


def _ready(phrase: str) -> _Phrase:
    even = _levelled(phrase)
    bare = even.removeprefix("^").removeprefix("~").removesuffix("$")
    fragments = tuple(fragment for fragment in bare.split("*") if fragment.strip())
    if not fragments or len(phrase) > LONGEST_PHRASE:
        raise NotAPhrase(phrase)
    return _Phrase(
        fragments,
        begins_text=even.startswith("^"),
        begins_clause=even.startswith("~"),
        ends_text=even.endswith("$"),
        begins_word=_is_letter(bare[0]),
        ends_word=_is_letter(bare[-1]),
    )


def _is_clause(before: str) -> bool:
    """Whether what stands before is no word: nothing, a mark, a number, something quoted, an address or a host."""
    before = before.rstrip()
    for verb in (" is", " was", " are", " has been"):
        before = before.removesuffix(verb).rstrip()
    bare = before.rstrip("()[]<>*-")
    return not bare or bare[-1] in ".;:,!?|=/@\"'" or bare[-1].isdigit() or before[-1] in "-*"


def _is_letter(character: str) -> bool:
    # Chinese, Japanese, and Thai with its neighbours put no space between words; Korean, taken apart into its letters,
    # hangs endings on them.
    return character.isalnum() and ord(character) < 0x2E80 and not 0x0E00 <= ord(character) < 0x1200
