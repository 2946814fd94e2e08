"""What a person reads in a notice: its text, the addresses that failed, and what it says of each."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import Enum, auto
from itertools import islice
from urllib.parse import unquote

from selectolax.lexbor import LexborHTMLParser

from feedback.reports import addresses, fields
from feedback.reports.mime import Part
from feedback.reports.phrases import level
from feedback.reports.rules import RuleBook

MOST_LINES = 400  # of a notice; what is said of recipients stands at its beginning
LONGEST_LINE = 1000
LONGEST_SEPARATOR = 120
LONGEST_BULLET = 16
LONGEST_LEAD = 60  # characters before an address that are looked at
LARGEST_HTML = 64 * 1024
MOST_TAGS = 3000  # the parser takes a time that grows with the square of the depth
ABOUT = 12  # lines after an address that may be about it
MOST_RECIPIENTS = 500
FARTHEST_ORIGIN = 400  # characters between an address and the one that it was expanded from
MOST_PROGRAMS = 50
LONGEST_PROGRAM = 250  # characters
REASON = 3  # lines of a reason
LONGEST_CELL = 40  # characters of the name of a row
FEW = 5  # recipients, whose names are also looked for within other words

_DECORATED = re.compile(r"^\s{0,40}[-=*_#~+|]{2}|:\s{0,40}$|follow|reads|[-=*_#~+|]{2}\s{0,40}$", re.I)
_TOP_OF_A_HEADER = re.compile(
    r"(?:Received|Return-Path|Message-ID|DKIM-Signature|X-Original-To|Delivered-To)[ \t]?:", re.I
)
_RULED = re.compile(r"\s{0,40}[-=_*]{4,}\s*$")
_BULLET = re.compile(
    r"^[\s>*•·\-–—+#\"'(<]*(?:\d{1,3}[.)]\s*)?(?:e?-?mail|rfc822|smtp)?[:;]?\s*[<\"'(\[]*$", re.I
)
_ORIGIN = re.compile(
    r"\(?(?:expanded|generated) from:?\s{1,40}<?([^\s<>()]{1,200}@[^\s<>()]{1,255})>?|"
    r"originally addressed to:?\s{1,40}<?([^\s<>()]{1,200}@[^\s<>()]{1,255})>?", re.I
)  # fmt: skip
# Between an address and where it came from: an end of what is said of it, or another address.
_OTHERS = re.compile(r"\n[ \t]{0,80}\n|\n\S|^[^\n]{0,200}@|\n\s{0,80}<?[^\s<>()]{1,128}@")
_PROGRAM = re.compile(r"<\"?[|/][^<>\n]{1,200}>?[\s:]{0,8}\Z")
_NAME = re.compile(r"[\w.+-]{1,64}")
_NOBODYS = re.compile(r"(?:postmaster|mailer-daemon|mailerdaemon|abuse|hostmaster|webmaster|noc)@", re.I)


# To: or Cc:, in the languages of notices: the header of the message, not what became of it.
_QUOTED_HEADER = re.compile(r"\W{0,8}\w{1,4}\s?[:：]$")


class _Place(Enum):
    """Where an address stands in a notice."""

    LISTED = auto()  # the first of its line
    NAMED = auto()  # after a word that says it failed
    ANSWERED = auto()  # the same, within what a server answered
    ELSEWHERE = auto()
    QUOTED = auto()  # in a line of the message's header
    NOT_MEANT = auto()  # after a word that says it is another's


@dataclass(frozen=True, slots=True)
class Notice:
    """The text of a notice, parted from the message that it returns."""

    text: str
    returned: str


def read(mail: Part, book: RuleBook) -> Notice:
    """Return the text of a mail, without what it returns."""
    return split("\n".join(_texts(mail)), book)


def split(text: str, book: RuleBook) -> Notice:
    """Part a text at the line after which the returned message stands; quoted subjects and footers are left out."""
    lines = [line[:LONGEST_LINE] for line in text.split("\n", MOST_LINES * 50)]
    kept: list[str] = []
    for number, line in enumerate(lines[:MOST_LINES]):
        if kept and _TOP_OF_A_HEADER.match(line):
            return Notice("\n".join(kept), "\n".join(lines[number:]))
        levelled = level(line[:LONGEST_SEPARATOR])
        if kept and book.form("footer", levelled):
            break
        if _may_separate(line) and book.form("separator", levelled):
            return Notice("\n".join(kept), "\n".join(lines[number + 1 :]))
        if not (":" in line and book.form("subject_line", levelled)):
            kept.append(line)
    return Notice("\n".join(kept), "")


def recipients(
    notice: str, book: RuleBook, *, own: Iterable[str], written_to: Iterable[str] = ()
) -> list[str]:
    """Return the addresses that failed, as far as the text says so.

    Those that stand first on their lines are believed before those that follow a word such as *recipient*, and these
    before one that stands anywhere else: it is taken if it is the only one, or one that the returned message was
    written to. An address in `own`, to or from which the mail came, must stand first on its line.
    """
    mine = {address.lower() for address in own}
    found: dict[_Place, list[str]] = {place: [] for place in _Place}
    before = ""
    for line in notice.split("\n"):
        place = None
        for lead, address, rest in _found(line):
            # What follows an address on its line is of its kind, as in a list.
            place = place if place and not lead.strip(" ,;<>") else _place(lead, book)
            is_entry = rest.lstrip("> ").startswith(":")
            if place == _Place.LISTED and not is_entry and _goes_on(before, line):
                place = _Place.ELSEWHERE
            is_mine = address.lower() in mine or _NOBODYS.match(address)
            if not is_mine or (place == _Place.LISTED and is_entry):
                found[place].append(address)
        before = line
    for place, some in found.items():
        # "user@domain" is a way to say it, beside addresses that are some.
        found[place] = [address for address in some if "." in address.rpartition("@")[2]] or some
    to = {address.lower() for address in written_to}
    others = addresses.distinct(found[_Place.ELSEWHERE] or found[_Place.QUOTED])
    others = others if len(others) == 1 else [address for address in others if address.lower() in to]
    best = found[_Place.LISTED] or found[_Place.NAMED] or found[_Place.ANSWERED]
    best = best or _origins_alone(notice) or others
    return addresses.distinct(origins(notice, best))[:MOST_RECIPIENTS]


def lists(notice: str, found: Iterable[str]) -> bool:
    """Whether one of these addresses stands alone on a line."""
    lines = {line.strip(" \t<>[]()*:;,'\"").lower() for line in notice.split("\n")}
    return any(address.lower() in lines for address in found)


def is_form(notice: str, book: RuleBook) -> bool:
    """Whether one line gives an address after its name, such as *Recipient:*, and another the reason."""
    lines = [line.strip() for line in notice.split("\n")]
    named = (line.partition(":") for line in lines if len(line) < addresses.LONGEST)
    values = [value.strip(" <>") for name, _, value in named if name and book.form("lead", level(name))]
    is_named = any(addresses.ADDRESS.fullmatch(value) for value in values)
    return is_named and any(
        line[-1:] != ":" and book.form("reason_line", level(line)) for line in lines if ":" in line
    )


def about(notice: str, everybody: Iterable[str]) -> dict[str, str]:
    """Return what is said of each address, by the address in lower case.

    That is each line that names it, and those that follow until another is named; after a list, of all in it.
    """
    said: dict[str, list[str]] = {address.lower(): [] for address in everybody if address}
    few = list(said) if len(said) <= FEW else []
    meant: set[str] = set()
    left = 0
    is_list = False
    for line in notice.split("\n"):
        lower = line.lower()
        named = {address.lower() for address in addresses.all_in(line)} & said.keys()
        if named or (named := {address for address in few if address in lower}):
            meant, left = (meant | named) if is_list else named, ABOUT
            is_list = _is_bare(lower, named)
            for address in named:
                said[address].append(line)
            continue
        if left == 0 or _RULED.match(line):
            meant, is_list = set(), False
        elif line.strip():
            is_list = False
        for address in meant:
            said[address].append(line)
        left = max(left - 1, 0)
    return {address: "\n".join(lines) for address, lines in said.items()}


def _is_bare(line: str, named: Iterable[str]) -> bool:
    """Whether a line has nothing but these addresses."""
    for address in named:
        line = line.replace(address, "")
    return not any(character.isalnum() for character in line)


def reasons(text: str, book: RuleBook) -> str:
    """Return what stands in a text after words such as *Reason*; nothing if there are none."""
    lines = text.split("\n")[:MOST_LINES]
    found: list[str] = []
    for number, line in enumerate(lines):
        if book.form("reason_line", level(line)):
            found += _paragraph(lines[number : number + REASON])
    return "\n".join(found)


def _paragraph(lines: list[str]) -> Iterator[str]:
    """The first line and those after it up to an empty one, which may be the second if the first says nothing yet."""
    is_alone = lines[0].rstrip().endswith((":", "：", ":-"))
    for number, line in enumerate(lines):
        if not line.strip() and not (number == 1 and is_alone):
            return
        yield line


def local_names(notice: str, domain: str, book: RuleBook) -> list[str]:
    """Return addresses of names without a domain, which some mail systems list for people of their own."""
    paragraphs = [part for part in re.split(r"\n[ \t]{0,80}\n", notice) if part.strip()]
    for paragraph in paragraphs:
        first, *rest = paragraph.strip().split("\n")
        names = [line.strip() for line in rest if line.strip()]
        if names and first.rstrip().endswith(":") and book.form("local_names", level(first)):
            return [f"{name}@{domain}" for name in names if _NAME.fullmatch(name)][:MOST_RECIPIENTS]
    return []


def text_of_html(html: str) -> str:
    """Return what a person sees of a page, a line for each block."""
    tree = LexborHTMLParser("<".join(html[:LARGEST_HTML].split("<", MOST_TAGS)[:MOST_TAGS]))
    tree.strip_tags(["script", "style", "head"])
    for row in tree.css("tr")[:MOST_LINES]:
        cells = list(islice(row.iter(), 3))
        if len(cells) == 2 and row.css_first("table") is None:
            name, value = (cell.text(separator=" ", strip=True) for cell in cells)
            if 0 < len(name) <= LONGEST_CELL:
                row.replace_with(f"{name.rstrip(': ')}: {value}")
    for link in tree.css("a[href^='mailto:']")[:MOST_LINES]:
        address = addresses.tidy(
            unquote((link.attributes.get("href") or "")[7:LONGEST_LINE].partition("?")[0])
        )
        if address and "@" not in link.text():
            link.replace_with(f"{link.text(strip=True)} <{address}>")
    return tree.text(separator="\n", strip=True) if tree.body else ""


def _texts(mail: Part) -> Iterator[str]:
    parts = [part for part in mail.walk() if not part.parts]
    plain = [
        part
        for part in parts
        if part.type == "text/plain" and part.value("content-disposition")[:10] != "attachment"
    ]
    texts = [part.text for part in plain]
    if not any(text.strip() for text in texts):
        texts = [text_of_html(part.text) for part in parts if part.type == "text/html"]
    yield from texts[:20]


def _may_separate(line: str) -> bool:
    return 8 <= len(line.strip()) <= LONGEST_SEPARATOR and _DECORATED.search(line) is not None


def _found(line: str) -> Iterator[tuple[str, str, str]]:
    """Yield each address of a line with what stands before it, from the address before on, and after it."""
    at = 0
    for begin, end, address in addresses.places(line):
        yield line[at:begin], address, line[end:]
        at = end


def _place(lead: str, book: RuleBook) -> _Place:
    marks = lead.strip()
    if len(marks) <= LONGEST_BULLET and _BULLET.match(marks):
        return _Place.LISTED
    if _QUOTED_HEADER.match(marks):
        return _Place.QUOTED
    words = level(lead[-LONGEST_LEAD:])
    if book.form("not_lead", words):
        return _Place.NOT_MEANT
    if book.form("lead", words) or (marks.endswith(":") and book.failure(words)):
        return _Place.ANSWERED if fields.has_reply(lead) else _Place.NAMED
    return _Place.ELSEWHERE


def _goes_on(before: str, line: str) -> bool:
    """Whether a line that begins with an address goes on with the sentence of the line before."""
    if not before.strip() or line.lstrip()[:1] == "<" or addresses.ADDRESS.match(before.strip(" <")):
        return False
    is_even = len(before) - len(before.lstrip()) == len(line) - len(line.lstrip())
    return is_even and (before.rstrip()[-1].isalnum() or before.rstrip()[-1] == ",")


def origins(notice: str, found: Iterable[str]) -> list[str]:
    """Return the address that we wrote to for each that it was expanded to, as far as the text says so."""
    result = []
    for address in found:
        at = notice.find(address)
        match = _ORIGIN.search(notice, at, at + len(address) + FARTHEST_ORIGIN) if at >= 0 else None
        between = notice[at + len(address) : match.start()] if match else ""
        origin = addresses.tidy(match[1] or match[2]) if match and not _OTHERS.search(between) else ""
        result.append(origin or address)
    return result


def _origins_alone(notice: str) -> list[str]:
    """The addresses that we wrote to, where what they were expanded to is a program or a file."""
    found = []
    for match in islice(_ORIGIN.finditer(notice), MOST_PROGRAMS):
        before = notice[max(match.start() - LONGEST_PROGRAM, 0) : match.start()]
        address = addresses.tidy(match[1] or match[2]) if _PROGRAM.search(before) else ""
        found += [address] if address else []
    return found
