"""What is known of one person as plain data: the rows of each place, and what their fields are called.

Keys are the codes of places and the names of fields; they stay as they are. People of this house are named nowhere.
"""

from collections.abc import Iterator
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db.models import Field, ForeignKey, Model, QuerySet
from django.utils.translation import override

from accounts.models import User
from audiences.models import Attribute, ServiceText
from reporting.persons import field_names
from reporting.persons.identity import Person
from reporting.persons.places import PLACES, Place

LANGUAGES = tuple(code for code, _name in settings.LANGUAGES)
Words = dict[str, str]  # language -> text


def rows(place: Place, person: Person) -> QuerySet[Any]:
    """Return the rows of a place with all that their export names, in one statement."""
    joined = [each.name for each in place.columns if _is_named(each)]
    found = place.rows(person).defer(*(each.name for each in place.columns if _is_octets(each)))
    return found.select_related(*joined) if joined else found


def _is_named(column: Any) -> bool:
    return isinstance(column, ForeignKey) and column.related_model is not User


def plain(place: Place, row: Model) -> dict[str, Any]:
    """Return one row as plain data. What is octets is left out: files hold it."""
    return {column.name: _value(column, row) for column in place.columns if not _is_octets(column)}


def _is_octets(column: Field) -> bool:
    return column.get_internal_type() == "BinaryField"


def _value(column: Any, row: Model) -> Any:
    value = getattr(row, column.attname)
    if isinstance(column, ForeignKey):
        return _named(column, row, value)
    return _as_text(value)


def _named(column: ForeignKey, row: Model, key: Any) -> Any:
    """A row of another table by its number and its name; a colleague by their number alone."""
    if key is None or not _is_named(column):
        return key
    other = getattr(row, column.name)
    if isinstance(other, ServiceText):
        return {"id": key, "version": other.number, "words": other.words}
    return {"id": key, "name": str(other)}


def _as_text(value: Any) -> Any:
    if isinstance(value, datetime | date):
        return value.isoformat()
    return str(value) if isinstance(value, Decimal | UUID) else value


def in_languages(text: Any) -> Words:
    """A text in each language that there is."""
    said = {}
    for code in LANGUAGES:
        with override(code):
            said[code] = str(text)
    return said


def dictionary() -> dict[str, Any]:
    """Return what places and fields are called, in each language, and the words of their codes."""
    return {place.code: _described(place) for place in PLACES}


def _described(place: Place) -> dict[str, Any]:
    fields = {column.name: _words_of(column) for column in place.columns if not _is_octets(column)}
    return {"label": in_languages(place.label), "fields": fields}


def _words_of(column: Any) -> dict[str, Any]:
    said: dict[str, Any] = {"label": in_languages(field_names.label(column))}
    if column.choices:
        said["values"] = {str(code): in_languages(label) for code, label in column.flatchoices}
    return said


def attribute_labels() -> dict[str, str]:
    """What the attributes of profiles are called, by their names; of those that are declared now."""
    return dict(Attribute.objects.values_list("name", "label"))


def each_place(person: Person) -> Iterator[tuple[Place, list[dict[str, Any]]]]:
    """Each place with its rows as plain data; one place at a time is in memory."""
    for place in PLACES:
        yield place, [plain(place, row) for row in rows(place, person)]
