"""Tags of other systems, which stay as they are written; and the field that was probably meant."""

import re
from bisect import bisect
from collections.abc import Iterable, Iterator, Mapping, Sequence
from difflib import get_close_matches

from deliveries.content.merge_tags.segments import Segment
from deliveries.content.source import Field

_NAME = r"[A-Za-z_][\w.:-]{0,60}"
_FOREIGN = re.compile(
    rf"\*\|(?P<stars>{_NAME})\|\*|\[\[\s?(?P<square>{_NAME})\s?\]\]|(?<!\{{)\$?\{{(?P<brace>{_NAME})\}}(?!\}})"
    rf"|<%=?\s?(?P<angle>{_NAME})\s?%>|%%(?P<percents>{_NAME})%%|(?<![%\w])%(?P<percent>[A-Za-z_]{{3,40}})%(?!\w)"
    rf"|##(?P<signs>{_NAME})##"
)
_HEXADECIMAL = re.compile(r"[0-9A-Fa-f]{2}")
_PASSED = re.compile(r"<(style|script)\b[^>]{0,1000}>.*?(?:</\1|\Z)", re.I | re.S)
_LIKENESS = 0.75
# Names that other systems have for what every profile and every message has here.
_ELSEWHERE = {
    "first_name": "fname firstname vorname prenom nome primeironome nombre forename givenname name",
    "last_name": "lname lastname surname nachname sobrenome apellido nom familyname",
    "email": "email emailaddress mail emailadresse",
    "unsubscribe_url": "unsub unsubscribe unsubscribelink unsubscribeurl optout optoutlink listunsubscribe descadastro",
    "mirror_url": "archive archiveurl webversion viewinbrowser browser mirror mirrorpage onlineversion weblink",
}
_MEANT = {alias: name for name, aliases in _ELSEWHERE.items() for alias in aliases.split()}
_OF_A_MESSAGE = frozenset({"unsubscribe_url", "mirror_url"})


class Vocabulary:
    """The fields that there are, by all the names under which somebody may think of them."""

    def __init__(self, fields: Iterable[Field]) -> None:
        self._written: dict[str, str] = {}
        for field in fields:
            for name in (field.label, field.name):
                self._written[_plain(name)] = f"profile.{field.name}"
        for alias, name in _MEANT.items():
            written = name if name in _OF_A_MESSAGE else self._written.get(_plain(name), "")
            if written:
                self._written.setdefault(alias, written)
        self._known: dict[str, str] = {}

    def meant_by(self, name: str) -> str:
        """Return what was probably meant, as it stands in a tag; nothing where that can't be told."""
        plain = _plain(re.split(r"[.:]", name.rstrip(".:"))[-1][:60])
        if plain not in self._known:
            near = get_close_matches(plain, self._written, n=1, cutoff=_LIKENESS) if len(plain) > 2 else []
            self._known[plain] = self._written.get(plain, "") or (self._written[near[0]] if near else "")
        return self._known[plain]


def tags_in(
    source: str, segments: Sequence[Segment], vocabulary: Vocabulary, *, is_html: bool
) -> Iterator[tuple[int, str, str]]:
    """Yield position and writing of each tag of another system, and what was probably meant by it."""
    passed = [place for found in _PASSED.finditer(source) for place in found.span()] if is_html else []
    for segment in segments:
        if segment.kind != "text":
            continue
        for found in _FOREIGN.finditer(source, segment.start, segment.end):
            if bisect(passed, found.start()) % 2:
                continue
            names: Mapping[str, str] = {kind: name for kind, name in found.groupdict().items() if name}
            ((kind, name),) = names.items()
            meant = vocabulary.meant_by(name)
            if meant or not _may_be_words(kind, name):
                yield found.start(), found.group(), meant


def _may_be_words(kind: str, name: str) -> bool:
    """Whether it may be no tag at all: a share in a sentence, or an octet of an address."""
    return kind == "percent" and (not name.isupper() or bool(_HEXADECIMAL.match(name)))


def _plain(name: str) -> str:
    return re.sub(r"[\W_]", "", name).lower()
