"""Headers that sort a list, and how many rows it has."""

from typing import Any

from django import template
from django.template.context import Context
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _t
from django.utils.translation import ngettext

from accounts.lists import CHOSEN, ListForm
from campaign.lib.keyset import MOST_COUNTED, KeyPage
from campaign.templatetags.sinete import full_number, icon

register = template.Library()


@register.simple_tag(takes_context=True)
def sort_header(context: Context, form: ListForm, name: str, label: Any, css: str = "") -> SafeString:
    """A column's header whose link sorts the list by it; once more, the other way round.

    Of a list that is too long for that order there is no link.
    """
    shown = format_html(' class="{}"', css) if css else ""
    if not form.offers(name):
        why = _t("Narrow the list to sort it by this.")
        return format_html('<th scope="col"{} title="{}">{}</th>', shown, why, label)
    order, largest_first = form.order
    is_current = order == name
    wanted_largest = not largest_first if is_current else form.orders[name].largest_first
    query = context["request"].GET.copy()
    for gone in ("before", "after"):
        query.pop(gone, None)
    query["sort"], query[CHOSEN] = f"{'-' if wanted_largest else ''}{name}", "1"
    said = "descending" if largest_first else "ascending"
    return format_html(
        '<th scope="col"{}{}><a class="sort" href="?{}">{}{}</a></th>',
        shown,
        format_html(' aria-sort="{}"', said) if is_current else "",
        query.urlencode(),
        label,
        icon("arrow-down" if largest_first else "arrow-up") if is_current else "",
    )


@register.filter
def in_all(page: KeyPage) -> str:
    """How many rows the whole list has, in words."""
    if page.total is None:
        return ""
    if not page.is_counted:
        return _t("More than %(number)s") % {"number": full_number(MOST_COUNTED)}
    words = ngettext("%(number)s row", "%(number)s rows", page.total)
    return words % {"number": full_number(page.total)}
