"""The columns of an import: which field each is, and its cells as the database takes them.

Cells are converted column by column, some thousands at once: that is what makes a million rows quick.
"""

import json
import re
import unicodedata
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from functools import cache, lru_cache
from zoneinfo import available_timezones

from django.utils.translation import gettext_noop as n_

from audiences.fields import DATE, NUMBER, TEXT, YES_NO, longest

NULL = "\x01"  # what COPY reads as NULL: no cell holds it, control characters are cleaned away

CLEANED = n_("Control characters were replaced by a space.")
TOO_LONG = n_("The value is longer than %(most)d characters and was cut.")
NO_ZONE = n_("There is no time zone “%(value)s”; the field stays empty.")
NO_LANGUAGE = n_("“%(value)s” is no code of a language; the field stays empty.")
NO_DATE = n_("“%(value)s” is no date; the field stays empty.")
NO_NUMBER = n_("“%(value)s” is no number; the field stays empty.")
NO_YES_NO = n_("“%(value)s” is neither yes nor no; the field stays empty.")

_FLAGS = ("no_email", "no_sms", "no_contact")
_NAMES = {
    "external_id": "external_id externalid id id_externo codigo codigo_cliente cliente_id customer_id client_id crm_id",
    "email": "email e_mail e_mail_address mail email_address endereco_de_email correio_eletronico",
    "first_name": "first_name firstname name given_name nome primeiro_nome",
    "last_name": "last_name lastname surname family_name sobrenome ultimo_nome apelido",
    "language": "language lang locale idioma lingua",
    "country": "country pais",
    "city": "city town cidade municipio",
    "time_zone": "time_zone timezone tz fuso fuso_horario zona_horaria",
    "birth_date": "birth_date birthdate birthday date_of_birth data_de_nascimento nascimento aniversario",
    "phone": "phone mobile phone_number telephone telefone celular fone",
    "no_email": "no_email opt_out optout unsubscribed sem_email nao_enviar_email descadastrado opt_out_email",
    "no_sms": "no_sms sem_sms nao_enviar_sms opt_out_sms",
    "no_contact": "no_contact sem_contato nao_contatar",
}
FIELD_OF = {alias: name for name, aliases in _NAMES.items() for alias in aliases.split()}
KEYS = ("external_id", "email")

_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_BLANKS = re.compile("[\\s\x00-\x1f\x7f-\x9f\u2028\u2029]+")
_LANGUAGE = re.compile(r"([a-z]{2,3})(?:[-_]([a-z]{4}))?(?:[-_]([a-z]{2}|\d{3}))?", re.IGNORECASE)
_ISO = re.compile(r"(\d{4})-(\d\d?)-(\d\d?)(?:[T ]00:00.*)?")
_WITH_DAY = re.compile(r"(\d\d?)([./-])(\d\d?)\2(\d{4})")
_PLAIN_NUMBER = re.compile(r"-?(?:0|[1-9]\d{0,14})(?:\.\d{1,10})?").fullmatch
_POINT = re.compile(r"[+-]?(?:\d+|\d{1,3}(?:,\d{3})+)(?:\.\d+)?").fullmatch
_COMMA = re.compile(r"[+-]?(?:\d+|\d{1,3}(?:\.\d{3})+)(?:,\d+)?").fullmatch
_YES = frozenset({"1", "true", "yes", "y", "sim", "s", "x", "t", "verdadeiro"})
_NO = frozenset({"0", "false", "no", "n", "não", "nao", "f", "falso"})

Report = Callable[..., None]


@dataclass(slots=True)
class Column:
    """A column of the file that is brought in, by the name of its field."""

    position: int
    header: str
    name: str
    kind: str
    is_attribute: bool = False

    @property
    def is_flag(self) -> bool:
        return self.name in _FLAGS and not self.is_attribute


@dataclass(slots=True)
class Mapping:
    """What becomes of each column of a file."""

    columns: list[Column] = field(default_factory=list)
    unknown: list[Column] = field(default_factory=list)
    ignored: list[str] = field(default_factory=list)
    month_first: bool = False

    @property
    def own(self) -> list[Column]:
        """Those that are columns of the profile too."""
        return [column for column in self.columns if not column.is_attribute]

    @property
    def attributes(self) -> list[Column]:
        return [column for column in self.columns if column.is_attribute]

    @property
    def has_key(self) -> bool:
        return any(column.name in KEYS for column in self.own)


def plain(header: str) -> str:
    """A header as a name: small letters without accents, digits and _."""
    letters = unicodedata.normalize("NFKD", header).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "_", letters).strip("_")


def weigh(headers: list[str]) -> int:
    """How many of these headers name a field of a profile."""
    return len({FIELD_OF[name] for name in map(plain, headers) if name in FIELD_OF})


def mapped(headers: list[str], attributes: dict[str, str]) -> Mapping:
    """Each column by its name, in English or Portuguese; `attributes` maps the declared ones to their kinds."""
    mapping = Mapping()
    seen: set[str] = set()
    for position, header in enumerate(headers):
        name = plain(header)
        target = FIELD_OF.get(name)
        if target and target not in seen:
            seen.add(target)
            kind = DATE if target == "birth_date" else YES_NO if target in _FLAGS else TEXT
            mapping.columns.append(Column(position, header, target, kind))
        elif name in attributes and name not in seen:
            seen.add(name)
            mapping.columns.append(Column(position, header, name, attributes[name], True))
        elif target or not name or name in seen:
            mapping.ignored.append(header)
        else:
            seen.add(name)
            safe = name if name[0].isalpha() else f"a_{name}"
            mapping.unknown.append(Column(position, header, safe[:64], TEXT, True))
    return mapping


def guess_kind(cells: Iterable[str]) -> str:
    """The kind of attribute that a sample of cells looks like."""
    cells = {cell.strip() for cell in cells} - {""}
    if not cells:
        return TEXT
    if all(_PLAIN_NUMBER(cell) or (_COMMA(cell) and not cell.startswith(("0", "+"))) for cell in cells):
        return NUMBER
    if all(_ISO.fullmatch(cell) or _WITH_DAY.fullmatch(cell) for cell in cells):
        return DATE
    if {cell.lower() for cell in cells} <= _YES | _NO:
        return YES_NO
    return TEXT


def guess_month_first(cells: Iterable[str]) -> bool:
    """Whether dates such as 12/31/2026 put the month first; the day comes first unless a sample proves it."""
    found = [match for cell in cells if (match := _WITH_DAY.fullmatch(cell.strip()))]
    return any(int(match[3]) > 12 for match in found) and not any(int(match[1]) > 12 for match in found)


class Converter:
    """Turns the cells of columns into what COPY takes; reports what it had to change or leave out."""

    def __init__(self, *, month_first: bool, report: Report) -> None:
        self.report = report
        self.read_date = lru_cache(100_000)(lambda cell: _date(cell, month_first))
        self.converters: dict[str, tuple[Callable[[str], str | None], str]] = {
            "time_zone": (_time_zone, NO_ZONE),
            "language": (language, NO_LANGUAGE),
        }
        self.by_kind: dict[str, tuple[Callable[[str], str | None], str]] = {
            DATE: (self.read_date, NO_DATE),
            NUMBER: (_number, NO_NUMBER),
            YES_NO: (_yes_no, NO_YES_NO),
        }

    def cells(self, column: Column, cells: Iterable[str], lines: list[int]) -> list[str]:
        """The cells trimmed, without control characters, converted; empty where they make no sense."""
        trimmed = list(map(str.strip, cells))
        together = "".join(trimmed)
        if not together.isprintable() and _CONTROL.search(together):
            self._clean(trimmed, column, lines)
        own = None if column.is_attribute else self.converters.get(column.name)
        convert = own or self.by_kind.get(column.kind)
        if convert:
            return self._converted(trimmed, convert, column, lines)
        if not column.is_attribute:
            self._cut(trimmed, column, lines)
        return trimmed

    def _clean(self, cells: list[str], column: Column, lines: list[int]) -> None:
        for index, cell in enumerate(cells):
            if _CONTROL.search(cell):
                cells[index] = _BLANKS.sub(_one_space, cell).strip()
                self.report(lines[index], column.header, CLEANED)

    def _cut(self, cells: list[str], column: Column, lines: list[int]) -> None:
        most = longest(column.name)
        if len(max(cells, key=len)) <= most:
            return
        for index, cell in enumerate(cells):
            if len(cell) > most:
                cells[index] = cell[:most]
                self.report(lines[index], column.header, TOO_LONG, {"most": most})

    def _converted(
        self,
        cells: list[str],
        convert: tuple[Callable[[str], str | None], str],
        column: Column,
        lines: list[int],
    ) -> list[str]:
        read, reason = convert
        found = [read(cell) if cell else "" for cell in cells]
        if None not in found:
            return found  # type: ignore[return-value]  # no None is left in it
        for index, value in enumerate(found):
            if value is None:
                found[index] = ""
                self.report(lines[index], column.header, reason, {"value": cells[index][:80]})
        return found  # type: ignore[return-value]  # no None is left in it


def _one_space(blanks: re.Match[str]) -> str:
    """Blanks with a control character among them are one space; others stay."""
    return " " if _CONTROL.search(blanks.group()) else blanks.group()


def json_pairs(column: Column, cells: list[str]) -> list[str]:
    """The cells of an attribute as `"name": value` of a JSON object; empty where there is no value."""
    name = json.dumps(column.name)
    if column.kind in (NUMBER, YES_NO):
        return [f"{name}: {cell}" if cell else "" for cell in cells]
    encode = json.encoder.encode_basestring
    return [f"{name}: {encode(cell)}" if cell else "" for cell in cells]


@cache
def _zones() -> dict[str, str]:
    return {zone.lower(): zone for zone in available_timezones()}


def _time_zone(cell: str) -> str | None:
    return _zones().get(cell.lower())


@lru_cache(10_000)
def _languages(cell: str) -> str | None:
    match = _LANGUAGE.fullmatch(cell)
    if not match:
        return None
    language, script, region = match.groups()
    parts = (language.lower(), script and script.title(), region and region.upper())
    return "-".join(part for part in parts if part)


def language(cell: str) -> str | None:
    """The code of a language as it is stored, such as pt-BR; None where it is none."""
    return _languages(cell) if len(cell) <= 16 else None


def _date(cell: str, month_first: bool) -> str | None:
    try:
        if iso := _ISO.fullmatch(cell):
            return date(int(iso[1]), int(iso[2]), int(iso[3])).isoformat()
        if other := _WITH_DAY.fullmatch(cell):
            day, month = (other[3], other[1]) if month_first else (other[1], other[3])
            return date(int(other[4]), int(month), int(day)).isoformat()
    except ValueError:
        pass
    return None


def _number(cell: str) -> str | None:
    if _PLAIN_NUMBER(cell):
        return cell
    if _POINT(cell):
        cell = cell.replace(",", "")
    elif _COMMA(cell):
        cell = cell.replace(".", "").replace(",", ".")
    else:
        return None
    number = Decimal(cell)
    return f"{number:f}" if abs(number) < 10**15 else None


def _yes_no(cell: str) -> str | None:
    word = cell.lower()
    return "true" if word in _YES else "false" if word in _NO else None
