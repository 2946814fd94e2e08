"""Three templates that come with the product, each in English and in Brazilian Portuguese: one column, no picture.

They are read on a phone, by a screen reader and in the dark; compiled as anybody's content is.
"""

from dataclasses import dataclass
from functools import cache
from pathlib import Path

from django.utils.translation import get_language

FOLDER = Path(__file__).parent
LANGUAGES = ("en", "pt-br")
_FOOTER = {
    "en": 'You get this letter because you asked for it. <a href="{{ mirror_url }}">Read it in the browser</a> or '
    '<a href="{{ unsubscribe_url }}">unsubscribe</a>.',
    "pt-br": 'Você recebe esta carta porque pediu. <a href="{{ mirror_url }}">Leia no navegador</a> ou '
    '<a href="{{ unsubscribe_url }}">descadastre-se</a>.',
}
_WORDS = {
    ("newsletter", "en"): ("Newsletter", "News of the month", "Three stories and what is on the calendar"),
    ("newsletter", "pt-br"): ("Boletim", "As novidades do mês", "Três histórias e o que está na agenda"),
    ("offer", "en"): ("Offer", "The offer in one line", "What it is worth, and until when"),
    ("offer", "pt-br"): ("Oferta", "A oferta em uma linha", "Quanto vale, e até quando"),
    ("letter", "en"): ("Letter", "What this letter is about", "One thing, from one person to another"),
    ("letter", "pt-br"): ("Carta", "Do que trata esta carta", "Uma coisa só, de uma pessoa para outra"),
}


@dataclass(frozen=True)
class Shipped:
    """One of them, in one language."""

    key: str  # newsletter.en
    language: str
    label: str
    subject: str
    preheader: str
    html: str
    text: str = ""  # made from the HTML


@cache
def all_of_them() -> tuple[Shipped, ...]:
    return tuple(_read(kind, language) for kind, language in _WORDS)


def offered() -> list[Shipped]:
    """All of them; those in the reader's language first."""
    mine = get_language() or ""
    return sorted(all_of_them(), key=lambda each: each.language != mine)


def named(key: str) -> Shipped | None:
    return next((each for each in all_of_them() if each.key == key), None)


def _read(kind: str, language: str) -> Shipped:
    label, subject, preheader = _WORDS[kind, language]
    page = (FOLDER / "_page.html").read_text("utf-8")
    slots = {
        "language": "pt-BR" if language == "pt-br" else language,
        "title": subject,
        "body": (FOLDER / f"{kind}.{language}.html").read_text("utf-8").rstrip("\n"),
        "footer": _FOOTER[language],
    }
    for name, value in slots.items():
        page = page.replace(f"[[{name}]]", value)
    return Shipped(f"{kind}.{language}", language, label, subject, preheader, page)
