"""The top bar's links."""

from functools import lru_cache
from typing import Any

from django import template
from django.template.context import Context
from django.template.loader import render_to_string
from django.utils.safestring import SafeString
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from campaign.templatetags.sinete import address_of

register = template.Library()

NAVIGATION = [
    ("home:home", _("Home"), "home"),
    ("deliveries:list", _("Deliveries"), "send"),
    ("reporting:reports", _("Reports"), "chart"),
    ("home:calendar", _("Calendar"), "calendar"),
    ("deliveries:waiting", _("Waiting for me"), "inbox"),
    ("audiences:list", _("Audiences"), "target"),
    ("audiences:profiles", _("Profiles"), "users"),
    ("audiences:imports", _("Imports"), "upload"),
]
UNITS = ("units", _("Units"), "shield")  # for those who administer one
KEPT = 1_024  # bars that a process keeps as they were written


@register.simple_tag(takes_context=True)
def main_navigation(context: Context) -> SafeString:
    """The links of the top bar that lead somewhere, the page's own section marked."""
    request = context.get("request")
    administers_units = bool(context.get("administers_units"))
    return _written(
        get_language() or "",
        administers_units,
        _section(_links(administers_units), request) if request else "",
        str(context.get("waiting_count") or ""),  # what is read when shown is no number by itself
        bool(getattr(context.get("user"), "is_staff", False)),
    )


@lru_cache(maxsize=KEPT)
def _written(
    language: str, administers_units: bool, current: str, waiting_count: str, is_staff: bool
) -> SafeString:
    """The links as all read them who see the same of them: every page has them, and they are dear to write."""
    return render_to_string(
        "_nav.html",
        {
            "items": [link | {"is_current": link["name"] == current} for link in _links(administers_units)],
            "waiting_count": waiting_count,
            "admin": address_of("admin:index") if is_staff else "",
        },
    )


@lru_cache(maxsize=2)
def _links(administers_units: bool) -> list[dict[str, Any]]:
    return [
        {"name": name, "href": address, "label": label, "icon": icon}
        for name, label, icon in ([*NAVIGATION, UNITS] if administers_units else NAVIGATION)
        if (address := address_of(name))
    ]


def _section(links: list[dict[str, Any]], request: Any) -> str:
    """The link whose address begins the path, the longest first; else one of the same app."""
    path = request.path
    inside = [
        link
        for link in links
        if link["href"] == path or (link["href"] != "/" and path.startswith(link["href"]))
    ]
    if inside:
        return str(max(inside, key=lambda link: len(link["href"]))["name"])
    app = getattr(request.resolver_match, "app_name", "") or ":"
    return next((str(link["name"]) for link in links if link["name"].startswith(f"{app}:")), "")
