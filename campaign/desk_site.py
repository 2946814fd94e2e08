"""The operators' desk as a site: django-unfold's own, which puts together no more than a page shows."""

from collections.abc import Callable, Iterator
from functools import wraps
from typing import Any

from django.contrib import admin
from django.contrib.admin import sites
from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject
from unfold.apps import DefaultAppConfig
from unfold.sites import UnfoldAdminSite

Headers = Callable[[Any], Iterator[dict[str, Any]]]


class DeskSite(UnfoldAdminSite):
    """Each page has the list of all models at hand; the side bar shows its own instead."""

    def get_app_list(self, request: HttpRequest, app_label: str | None = None) -> Any:
        """As Django's, once somebody looks: four rights of each model are asked for, and two addresses made."""
        found = super().get_app_list
        return SimpleLazyObject(lambda: found(request, app_label))


class DeskConfig(DefaultAppConfig):
    """Installed in place of `unfold`."""

    def ready(self) -> None:
        """The desk is this site, and its lists make their headers once instead of for each row."""
        from unfold.templatetags import unfold_list

        admin.site = sites.site = DeskSite()
        unfold_list.result_headers = once_for_a_list(unfold_list.result_headers)


def once_for_a_list(headers: Headers) -> Headers:
    """Return what gives the headers of a list, as they were made for it first."""

    @wraps(headers)
    def known(changes: Any) -> Iterator[dict[str, Any]]:
        if not hasattr(changes, "_headers"):
            changes._headers = list(headers(changes))
        return iter(changes._headers)

    return known
