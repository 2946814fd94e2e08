"""What operators do most, in one click from the desk's first page: to each only what they may open."""

from dataclasses import dataclass

from django.contrib import admin
from django.http import HttpRequest
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _


@dataclass(frozen=True)
class Shortcut:
    """A link into the desk; `adds` leads to the form of a new row, `query` narrows the list."""

    model: str  # as app_label.model_name
    label: str | Promise
    icon: str
    adds: bool = False
    query: str = ""

    @property
    def address(self) -> str:
        app, name = self.model.split(".")
        return reverse(f"admin:{app}_{name}_{'add' if self.adds else 'changelist'}") + self.query


SHORTCUTS = (
    Shortcut("deliveries.halt", _("Stop all sending, or allow it again"), "front_hand"),
    Shortcut("accounts.user", _("Invite a person"), "person_add", adds=True),
    Shortcut("accounts.rolegrant", _("Give a role in a unit"), "key", adds=True),
    Shortcut("deliveries.delivery", _("Look at what is being sent"), "outgoing_mail", query="?status__exact=sending"),
    Shortcut("deliveries.route", _("Look at the routes"), "alt_route"),
    Shortcut("audiences.quarantine", _("Release an address from quarantine"), "block"),
    Shortcut("django_rq.dashboard", _("Look into failed jobs"), "stacks"),
    Shortcut("accounts.auditevent", _("See what was refused"), "policy", query="?refused__exact=1"),
)  # fmt: skip


def of(request: HttpRequest) -> list[Shortcut]:
    """The shortcuts that lead this person somewhere."""
    desks = {model._meta.label_lower: desk for model, desk in admin.site._registry.items()}
    return [
        one
        for one in SHORTCUTS
        if (desk := desks.get(one.model)) is not None
        and (desk.has_add_permission(request) if one.adds else desk.has_view_permission(request))
    ]
