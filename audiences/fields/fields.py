"""The fields of a profile, own columns and declared attributes alike, for rules and for content."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import cache
from typing import Any

from django.db import connection
from django.db.models import DateField, DecimalField, Expression, F, Func, TextField, Value
from django.db.models.functions import Coalesce
from django.utils.formats import date_format, number_format
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from psycopg import sql

from audiences.fields import value_names
from audiences.models import Attribute, Profile
from campaign.lib.reader_zone import localised

TEXT, NUMBER, DATE, YES_NO = "text", "number", "date", "yes_no"


@dataclass(frozen=True, slots=True)
class ProfileField:
    """A field by the name that rules and templates know it by."""

    name: str
    label: str | Promise
    kind: str
    column: bool

    def value_of(self, profile: Profile) -> Any:
        """The profile's value: a text, a number, a date or ISO date, true or false; None where there is none."""
        return getattr(profile, self.name) if self.column else profile.attributes.get(self.name)

    def in_words(self, value: Any) -> Any:
        """A value as people read it: dates and numbers in the reader's language, codes with their names."""
        if value in (None, "") or isinstance(value, bool):
            return value
        if self.kind == DATE:
            return _day(value)
        if self.kind == NUMBER and isinstance(value, int | float):
            return number_format(Decimal(str(value)), use_l10n=True, force_grouping=True)
        return value_names.shown(self.name, value) if isinstance(value, str) else value


def _day(value: Any) -> str:
    try:
        day = value if isinstance(value, date) else date.fromisoformat(value)
    except (TypeError, ValueError):  # masked, or of an earlier kind
        return str(value)
    return date_format(day, localised("j M Y"))


COLUMNS = (
    ProfileField("external_id", _("External id"), TEXT, True),
    ProfileField("email", _("Email"), TEXT, True),
    ProfileField("first_name", _("First name"), TEXT, True),
    ProfileField("last_name", _("Last name"), TEXT, True),
    ProfileField("language", _("Language"), TEXT, True),
    ProfileField("country", _("Country"), TEXT, True),
    ProfileField("city", _("City"), TEXT, True),
    ProfileField("time_zone", _("Time zone"), TEXT, True),
    ProfileField("birth_date", _("Birth date"), DATE, True),
    ProfileField("phone", _("Phone"), TEXT, True),
)


def fields() -> list[ProfileField]:
    """Every field that content and rules can use; one query."""
    return [*COLUMNS, *attributes()]


def by_name() -> dict[str, ProfileField]:
    return {field.name: field for field in fields()}


MOST_SHOWN = (
    200  # attributes that a form or a list of choices holds; Django takes a thousand fields of a form
)
NEWEST = 1_000  # profiles that tell which attributes are in use


def shown(first: Iterable[str] = ()) -> list[ProfileField]:
    """The fields for a form: of too many attributes those named first, then those in use, then by name."""
    known = attributes()
    if len(known) > MOST_SHOWN:
        places = {name: place for place, name in enumerate(dict.fromkeys([*first, *_in_use()]))}
        known = sorted(known, key=lambda field: places.get(field.name, len(places)))[:MOST_SHOWN]
        known.sort(key=lambda field: field.name)
    return [*COLUMNS, *known]


def _in_use() -> list[str]:
    """The attributes of the newest profiles, the most frequent first."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT name FROM (SELECT attributes FROM audiences_profile ORDER BY id DESC LIMIT %s) AS newest,"
            " jsonb_object_keys(attributes) AS name GROUP BY name ORDER BY count(*) DESC, name LIMIT %s",
            [NEWEST, MOST_SHOWN],
        )
        return [name for (name,) in cursor.fetchall()]


def attributes() -> list[ProfileField]:
    """The declared attributes."""
    rows = Attribute.objects.values_list("name", "label", "kind")
    return [ProfileField(name, label or name, kind, False) for name, label, kind in rows]


@cache
def longest(name: str) -> int:
    """How many characters a column of the profile takes; 0 where it has no bound."""
    return getattr(Profile._meta.get_field(name), "max_length", None) or 0


def value_sql(field: ProfileField) -> sql.Composable:
    """The value in a query that calls the profile `p`; fit for `jsonb_build_object`, where dates become ISO texts."""
    if field.column:
        return sql.SQL("p.{}").format(sql.Identifier(field.name))
    return sql.SQL("(p.attributes -> {})").format(sql.Literal(field.name))


class _Attribute(Func):
    """An attribute's text; NULL unless it was stored as the kind that it is declared to be."""

    template = "(CASE WHEN jsonb_typeof(%(expressions)s) = '%(json_type)s' THEN (%(expressions)s) #>> '{}' END)%(cast)s"
    arg_joiner = " -> "

    def as_sql(self, compiler: Any, connection: Any, *args: Any, **extra: Any) -> tuple[str, tuple[Any, ...]]:
        sql_, params = super().as_sql(compiler, connection, *args, **extra)
        return sql_, (*params, *params)  # the expression stands in the template twice


def expression(field: ProfileField) -> Expression | F:
    """The field in Django's terms: texts never NULL, numbers and dates NULL where empty."""
    if field.column:
        return (
            Coalesce(field.name, Value(""), output_field=TextField()) if field.kind == TEXT else F(field.name)
        )
    parts = (F("attributes"), Value(field.name))
    match field.kind:
        case "number":
            number = DecimalField(max_digits=40, decimal_places=10)
            return _Attribute(*parts, json_type="number", cast="::numeric", output_field=number)
        case "yes_no":
            yes_no = _Attribute(*parts, json_type="boolean", cast="", output_field=TextField())
            return Coalesce(yes_no, Value(""), output_field=TextField())
        case "date":
            # Compared as text: ISO dates sort as they read, and no value can break a cast.
            return Func(
                _Attribute(*parts, json_type="string", cast="", output_field=TextField()),
                template="(NULLIF(%(expressions)s, '') COLLATE \"C\")",
                output_field=TextField(),
            )
        case _:
            text = _Attribute(*parts, json_type="string", cast="", output_field=TextField())
            return Coalesce(text, Value(""), output_field=TextField())


def date_field(field: ProfileField) -> DateField | TextField:
    """What the values compared with a date field's expression are."""
    return DateField() if field.column else TextField()
