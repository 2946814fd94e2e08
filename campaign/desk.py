"""The operators' desk as Django and django-unfold know it: an admin site."""

from typing import Any

from django.contrib.admin.apps import AdminConfig
from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject
from unfold.sites import UnfoldAdminSite


class Desk(UnfoldAdminSite):
    """django-unfold's site. What is registered is put together, sorted by its translated names, where a page shows it.

    Every page is handed that list, which costs more than all else in it, and the side bar has a list of its own.
    """

    def get_app_list(self, request: HttpRequest, app_label: str | None = None) -> Any:
        """Return what there is for this person by app, as Django's site does, once it is looked at."""
        return SimpleLazyObject(lambda: super(Desk, self).get_app_list(request, app_label))

    def get_sidebar_list(self, request: HttpRequest) -> list[dict[str, Any]]:
        """Return the groups of the side bar, one of them marked: ours has nothing else that django-unfold knows."""
        groups = self._get_value(self._get_config("SIDEBAR", request)["navigation"], request)
        for group in groups:
            for item in group["items"]:
                item["active"] = item["link"] in request.path
        return groups


class DeskConfig(AdminConfig):
    default_site = "campaign.desk.Desk"
