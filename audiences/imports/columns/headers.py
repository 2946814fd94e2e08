"""Which field each column of a file is, by its name and, of a few, by what stands in it.

Names are known in English and Portuguese, and as Mailchimp, Brevo, Google, Outlook, listmonk, Mautic and ActiveCampaign
write them. A column about consent is known by its words too, in whatever order: to miss one could cost a consent.
"""

import re
from dataclasses import dataclass, field

from audiences.fields.fields import DATE, TEXT
from audiences.imports.columns import words
from audiences.imports.columns.consent_headers import GENERIC_STATUS, wish_of
from audiences.imports.columns.wishes import KEPT, Asks, Wish

_NAMES = {
    "external_id": "external_id externalid id id_externo codigo codigo_cliente cliente_id customer_id client_id crm_id"
    " ext_id user_id contact_id subscriber_id member_id kundennummer id_cliente codigo_do_cliente",
    "email": "email e_mail e_mail_address mail email_address endereco_de_email correio_eletronico emailaddress e_mails"
    " e_mail_adresse email_adresse mail_address endereco_de_e_mail endereco_email correo correo_electronico emails"
    " e_mail_value primary_email email_principal e_mail_principal adresse_email adresse_e_mail adresse_mail courriel"
    " work_email contact_email email_do_cliente email_cliente direccion_de_correo_electronico subscriber_email",
    "first_name": "first_name firstname name given_name nome primeiro_nome first fname vorname prenom nombre"
    " contact_name full_name fullname nome_completo",
    "last_name": "last_name lastname surname family_name sobrenome ultimo_nome apelido last lname nachname apellido"
    " apellidos nom_de_famille",
    "language": "language lang locale idioma lingua sprache preferred_language",
    "country": "country pais country_name land country_region home_country_region",
    "city": "city town cidade municipio ort stadt ville ciudad home_city",
    "time_zone": "time_zone timezone tz fuso fuso_horario zona_horaria",
    "birth_date": "birth_date birthdate birthday date_of_birth data_de_nascimento nascimento aniversario dob"
    " geburtsdatum data_nascimento fecha_de_nacimiento",
    "phone": "phone mobile phone_number telephone telefone celular fone mobile_phone telefon cell_phone phone_value"
    " primary_phone numero_de_telefone",
}
FIELD_OF = {alias: name for name, aliases in _NAMES.items() for alias in aliases.split()}
KEYS = ("external_id", "email")
NAMED = frozenset(_NAMES)

_ADDRESS = re.compile(r"\s*(?:mailto:)?[^\s@]+@[^\s@]+\.[^\s@]+\s*").fullmatch
_FIRST_OF_SEVERAL = re.compile(r"_?1(?=_|$)")


@dataclass(slots=True)
class Column:
    """A column of the file that is brought in, by the name of its field."""

    position: int
    header: str
    name: str
    kind: str
    is_attribute: bool = False
    # How its numbers and dates are written, told by the whole column: `,` or `.`; `day` or `month` first.
    decimal: str = ""
    order: str = ""
    chosen: str = ""  # one of these, as a person chose
    # No field and no attribute claims it; new: it is to become an attribute.
    is_unknown: bool = False
    is_new: bool = False


@dataclass(slots=True)
class Mapping:
    """What becomes of each column of a file."""

    columns: list[Column] = field(default_factory=list)
    wishes: list[Wish] = field(default_factory=list)
    unknown: list[Column] = field(default_factory=list)
    ignored: list[str] = field(default_factory=list)
    # Columns whose name says status and nothing else: what stands in them says whether it is about a subscription.
    perhaps: list[Column] = field(default_factory=list)

    @property
    def own(self) -> list[Column]:
        """Those that are columns of the profile too."""
        return [column for column in self.columns if not column.is_attribute]

    @property
    def attributes(self) -> list[Column]:
        return [column for column in self.columns if column.is_attribute]

    @property
    def new(self) -> list[Column]:
        """Those that are to become attributes."""
        return [column for column in self.unknown if column.is_new]

    @property
    def has_key(self) -> bool:
        return any(column.name in KEYS for column in self.own)

    @property
    def named(self) -> list[list[str]]:
        """The columns that come in, each with the name of its field, in the file's order."""
        taken: list[Column | Wish] = [*self.columns, *self.wishes]
        return [[column.header, column.name] for column in sorted(taken, key=lambda each: each.position)]


def weigh(headers: list[str]) -> int:
    """How many of these headers name a field of a profile; none where an address stands: that row is somebody's."""
    if any(map(_ADDRESS, headers)):
        return 0
    return len({name for name in map(field_of, headers) if name}) + sum(
        wish_of(header) is not None for header in headers
    )


def field_of(header: str) -> str:
    """The field of a profile that a header names; empty where it names none. “E-mail 1 - Value” is an address too."""
    name = words.plain(header)
    return FIELD_OF.get(name) or FIELD_OF.get(_FIRST_OF_SEVERAL.sub("", name, count=1).strip("_"), "")


def mapped(headers: list[str], attributes: dict[str, str]) -> Mapping:
    """Each column by its name; `attributes` maps the declared ones to their kinds."""
    return _Mapper(attributes, headers).mapping


class _Mapper:
    def __init__(self, attributes: dict[str, str], headers: list[str]) -> None:
        self.mapping, self.attributes = Mapping(), attributes
        self.seen: set[str] = set()
        # A field's own name comes before another name of it, wherever in the file it stands.
        self.exact = {name for name in map(words.plain, headers) if name in _NAMES}
        for position, header in enumerate(headers):
            self._place(position, header)

    def _place(self, position: int, header: str) -> None:
        name, mapping = words.plain(header), self.mapping
        wish = wish_of(header, sure=name in self.attributes)
        target = self._target(name, header)
        if wish and self._is_taken_up(wish):
            wish.position = position
            mapping.wishes.append(wish)
        elif target and not wish:
            self.seen.add(target)
            kind = DATE if target == "birth_date" else TEXT
            mapping.columns.append(Column(position, header, target, kind))
        elif name in self.attributes and name not in self.seen:
            self.seen.add(name)
            column = Column(position, header, name, self.attributes[name], True)
            mapping.columns.append(column)
            self._remember(name, column)
        elif wish or not name or name in self.seen or field_of(header) in self.seen:
            mapping.ignored.append(header)
        else:
            self.seen.add(name)
            column = Column(position, header, as_name(name), TEXT, True, is_unknown=True)
            mapping.unknown.append(column)
            self._remember(name, column)

    def _target(self, name: str, header: str) -> str:
        if name in self.attributes and name not in _NAMES:
            return ""
        target = field_of(header)
        taken = target in self.seen or (target in self.exact and name != target)
        return "" if taken else target

    def _is_taken_up(self, wish: Wish) -> bool:
        """Every column about consent counts; of its date, source and words the first does."""
        kept = KEPT.get(wish.asks)
        if kept is None:
            return True
        is_first = kept not in self.seen
        self.seen.add(kept)
        return is_first

    def _remember(self, name: str, column: Column) -> None:
        if name in GENERIC_STATUS:
            self.mapping.perhaps.append(column)


def as_name(name: str) -> str:
    """A plain name as an attribute's: Latin letters, one first."""
    latin = re.sub(r"[^a-z0-9]+", "_", name).strip("_") or "column"
    return (latin if latin[0].isalpha() else f"a_{latin}")[:64]


def as_status(mapping: Mapping, column: Column, *, blank_is_doubt: bool) -> None:
    """A column turned out to say how people stand with a list: it is no attribute."""
    for group in (mapping.columns, mapping.unknown):
        if column in group:
            group.remove(column)
    mapping.wishes.append(Wish(column.position, column.header, Asks.STATUS, blank_is_doubt=blank_is_doubt))
