"""The people behind rows, as `audiences.sight` lets them be seen."""

from typing import Any

from django import template

from audiences import sight

register = template.Library()
# {{ row|address }}: of a row that `sight.marked` has marked.
register.filter("address", sight.address)


@register.filter
def if_seen(text: str, row: Any) -> str:
    """A text that may tell who the person is, such as the answer of a mail server; else nothing."""
    return text if row.is_seen else ""
