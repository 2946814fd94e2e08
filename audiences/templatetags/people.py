"""The people behind rows, as `audiences.sight` lets them be seen."""

from typing import Any

from django import template

from audiences import sight
from audiences.consent import consent_words

register = template.Library()
# {{ row|address }}: of a row that `sight.marked` has marked.
register.filter("address", sight.address)
# {{ profile|email }}, {{ profile|phone }}: of a profile of `sight.with_addresses`.
register.filter("email", sight.email)
register.filter("phone", sight.phone)


@register.filter
def told(row: Any, name: str) -> str:
    """Return a text of a marked row that may name the person, as far as it may be read."""
    return sight.told(getattr(row, name) or "", row.is_seen, row.is_clear)


# {{ problem|reason }}: of a line of a report that `sight.reported` has marked.
register.filter("reason", sight.reason)
# {{ event.source|consent_source }}: of a row of the consent log.
register.filter("consent_source", consent_words.source)
