"""What the operators' desk shows of a row, as pages write it: numbers as 12,345, labels begun large.

Django groups no digits unless it groups those of keys in addresses, too; so what django-unfold shows of a row is asked
for here, in its lists and beside what can't be changed.
"""

from collections.abc import Iterator
from functools import cache
from typing import Any

from django.contrib.admin import utils as of_django
from django.db import models
from django.template.loader import render_to_string
from django.utils.formats import number_format
from django.utils.safestring import SafeData, SafeString
from django.utils.text import capfirst
from django.utils.translation import get_language
from unfold import fields, utils
from unfold.templatetags import unfold_list

_headers = unfold_list.result_headers
# Numbers that count nothing: they name something.
NAMES = frozenset(
    {"port", "profile_id", "token", "code", "status", "seq", "mark", "timeline", "key", "audit_event"}
)


def lookup_field(name: Any, row: Any, model_admin: Any = None) -> tuple[Any, Any, Any]:
    """Return field, attribute and value as Django does; a number that a method counts is in words already."""
    field, attr, value = of_django.lookup_field(name, row, model_admin)
    if type(value) is int and (field is None or field.primary_key):
        value = str(value) if field is not None else number_format(value, 0, force_grouping=True)
    return field, attr, value


def display_for_field(value: Any, field: Any, empty: str) -> Any:
    """Return what a field says, with the digits of a number in groups."""
    if type(value) is int and _counts(field):
        return number_format(value, 0, force_grouping=True)
    return utils.display_for_field(value, field, empty)


def boolean_icon(value: Any) -> SafeString:
    """Return the sign for yes, no or unknown. A list shows it for each row and column: each is made once a language."""
    return _icon(value, get_language())


@cache
def _icon(value: Any, language: str | None) -> SafeString:
    return render_to_string("unfold/helpers/boolean.html", {"value": value})


def result_headers(changes: Any) -> Iterator[dict[str, Any]]:
    """The headers of a list, which stand beside each value on a phone: they begin large, as in tables.

    They are asked for at each row, and made once.
    """
    if not hasattr(changes, "begun_headers"):
        changes.begun_headers = [_begun(header) for header in _headers(changes)]
    return iter(changes.begun_headers)


def _begun(header: dict[str, Any]) -> dict[str, Any]:
    plain = isinstance(header["text"], SafeData)
    return header if plain else header | {"text": capfirst(header["text"])}


def _counts(field: Any) -> bool:
    if not isinstance(field, models.IntegerField) or field.flatchoices:
        return False
    return not field.primary_key and field.name not in NAMES


def install() -> None:
    """From here on the desk's lists and forms look values up in this file."""
    unfold_list.result_headers = result_headers
    utils._boolean_icon = boolean_icon
    for where in (fields, unfold_list):
        where.lookup_field = lookup_field
        where.display_for_field = display_for_field
