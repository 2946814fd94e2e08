"""Mails in the forms of the world's mail systems, as compact text: the files in the folder `world`.

A mail begins after a line `### name`. Lines `# kind recipient` say what is true of it, one for each recipient; a line
`# reason some words` gives the reasons of all of them together, a line `# charset name` in which charset it is written,
where that isn't UTF-8. In the mail stand

    {{returned}}              the header of the message that failed, to the first recipient
    {{report status|words}}   a whole report with that status and those words of a server, on the first recipient
    {{b64 charset|text}}      the text in that charset, in base64; raw64: without line breaks; qp: quoted-printable;
                              text: as it is
    {{cr line|lines}}         with a carriage return at each end of a line
"""

import base64
import quopri
import re
from dataclasses import dataclass
from pathlib import Path

from feedback.reports.tests.mails import delivery_report

FOLDER = Path(__file__).with_name("world")
_BESIDE = ("charset", "reason")
_MACRO = re.compile(r"\{\{(\w+) ?([^|{}]*)\|?(.*?)\}\}", re.S)


@dataclass(frozen=True, slots=True)
class Mail:
    """One mail, and what is true of it: pairs of kind and recipient, and the reasons, where they were written down."""

    name: str
    raw: bytes
    true: frozenset[tuple[str, str]]
    reasons: frozenset[str] = frozenset()


def files() -> list[Path]:
    """The files of the folder, in the order of their names."""
    return sorted(path for path in FOLDER.iterdir() if path.suffix in (".txt", ".tsv"))


def mails(path: Path) -> list[Mail]:
    """Every mail of a file; each line of a *.tsv, kind, status and words of a server, makes a report."""
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".tsv":
        return [_reply(*line.split("\t")) for line in text.splitlines()]
    return [_mail(piece) for piece in re.split(r"^### ", text, flags=re.M)[1:]]


def _reply(kind: str, status: str, words: str) -> Mail:
    to = "a@b.example"
    raw = delivery_report(f"smtp; {words}", status=status, final=f"rfc822; {to}")
    return Mail(words, raw, frozenset({(kind, to)}))


def _mail(piece: str) -> Mail:
    name, _, rest = piece.partition("\n")
    said = []
    while rest.startswith("# "):
        line, _, rest = rest.removeprefix("# ").partition("\n")
        key, _, value = line.partition(" ")
        said.append((key, value))
    beside = {key: value for key, value in said if key in _BESIDE}
    true = [pair for pair in said if pair[0] not in _BESIDE]
    raw = _written(rest.rstrip("\n") + "\n", beside.get("charset", "utf-8"), true[0][1])
    return Mail(name, raw, frozenset(true), frozenset(beside.get("reason", "").split()))


def _written(text: str, charset: str, to: str) -> bytes:
    written, at = b"", 0
    for macro in _MACRO.finditer(text):
        written += text[at : macro.start()].encode(charset) + _made(*macro.groups(), to=to)
        at = macro.end()
    return written + text[at:].encode(charset)


def _made(macro: str, argument: str, text: str, *, to: str) -> bytes:
    if macro == "returned":
        return f"Received: from x by relay.news.example\nFrom: News <news@news.example>\nTo: {to}\nSubject: hello\nMessage-ID: <m1@news.example>\n".encode()
    if macro == "report":
        return delivery_report(text, status=argument, final=f"rfc822; {to}")
    if macro == "cr":
        return (argument + text).replace("\n", "\r").encode()
    encoded = text.encode(argument)
    encoders = {
        "b64": base64.encodebytes,
        "raw64": base64.b64encode,
        "qp": quopri.encodestring,
        "text": bytes,
    }
    return encoders[macro](encoded)
