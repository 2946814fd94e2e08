"""The operators' desk on folders and campaigns, and the button that puts a delivery into one."""

from datetime import datetime
from typing import Any

from django import forms
from django.contrib import admin
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display
from unfold.widgets import UnfoldAdminSelectWidget

from accounts import access
from accounts.desk import UnitFilter, VerbAdmin, VerbForm, anywhere, person
from accounts.models import User
from accounts.rights import Right
from campaign.lib import numbers
from deliveries.desk import DeskStep, Done, Order, register
from deliveries.folders import goals, naming, placing, tree
from deliveries.folders.naming import NoSuchFolder
from deliveries.forms.folders import FIELDS, PlaceForm
from deliveries.models import Delivery, Folder
from deliveries.models.folder import CAMPAIGN_ONLY

NAMED = 10  # of what keeps a folder from being deleted


class FolderDeskForm(VerbForm):
    goal_figure = forms.ChoiceField(required=False, label=_("Goal"), widget=UnfoldAdminSelectWidget)

    class Meta:
        model = Folder
        fields = ["label", "unit", "parent", "description", "is_campaign", *CAMPAIGN_ONLY]
        labels = {"goal_value": _("Value of the goal")}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "label" not in self.fields:
            return  # the person may only read
        self.fields["goal_figure"].choices = [("", _("None")), *goals.choices()]
        self.fields["parent"].queryset = Folder.objects.visible_to(self.by)
        owners: Any = access.people(self.by)
        if self.instance.pk:
            owners = access.holders(Right.VIEW, self.instance.unit)
        elif "unit" in self.fields:
            self.fields["unit"].queryset = access.units(self.by, Right.PREPARE).order_by("path")
            self.initial.setdefault("unit", self.by.home_unit_id)
        self.fields["owner"].queryset = owners

    def apply(self) -> Folder:
        said = {name: self.cleaned_data[name] for name in FIELDS}
        parent = self.cleaned_data["parent"]
        if not said["is_campaign"] and not self.instance.pk:
            said = {name: value for name, value in said.items() if name not in CAMPAIGN_ONLY}
        if not self.instance.pk:
            return tree.create(unit=self.cleaned_data["unit"], parent=parent, by=self.by, **said)
        if not said["is_campaign"]:
            said = {name: said[name] for name in ("label", "description", "is_campaign")}
        with transaction.atomic():
            folder = tree.change(folder=self.fresh, by=self.by, **said)
            return tree.move(folder=folder, parent=parent, by=self.by)


@admin.register(Folder)
class FolderAdmin(VerbAdmin):
    """Where deliveries lie. One with something in it is not deleted."""

    form = FolderDeskForm
    right = Right.VIEW
    list_display = ["label", "lies_in", "unit", "is_campaign", "starts_on", "ends_on", "owner"]
    list_select_related = ["unit", "parent", "owner"]
    list_filter = ["is_campaign", UnitFilter]
    search_fields = ["label", "description"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Folder]:
        return super().get_queryset(request).select_related(*self.list_select_related)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        return ["unit"] if obj is not None else []

    def has_add_permission(self, request: HttpRequest) -> bool:
        return Right.PREPARE in anywhere(request)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.has_add_permission(request) if obj is None else self.may(request, Right.PREPARE, obj)

    has_delete_permission = has_change_permission

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        """What would go with it: nothing, as only an empty folder is deleted; what lies in it is said instead."""
        left = [
            f"{within._meta.verbose_name}: {within}"
            for one in objs
            for lying in (one.children.all(), one.deliveries.visible_to(person(request)))
            for within in lying[:NAMED]
        ] or [str(one) for one in objs if one.deliveries.exists()]
        return [str(one) for one in objs], {str(self.opts.verbose_name_plural): len(objs)}, set(), left

    def delete_model(self, request: HttpRequest, obj: Folder) -> None:
        tree.delete(folder=obj, by=person(request))

    @display(description=_("lies in"), ordering="path")
    def lies_in(self, folder: Folder) -> str:
        return str(folder.parent) if folder.parent else "–"


class FolderFilter(admin.SimpleListFilter):
    """Deliveries by folder, with those in its folders."""

    title = _("folder")
    parameter_name = "folder"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(str(one.pk), one.in_words) for one in naming.offered(person(request))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        folder = Folder.objects.visible_to(person(request)).filter(pk=numbers.key(self.value())).first()
        return queryset.filter(folder__path__startswith=folder.path) if folder else queryset


def _place(order: Order) -> Done:
    """Raise NoSuchFolder for a folder that the person may not see."""
    text = order.posted.get("folder", "")
    folder = Folder.objects.visible_to(order.by).filter(pk=numbers.key(text)).first()
    if text and folder is None:
        raise NoSuchFolder(text=text[:200])
    placing.place(delivery=order.delivery, folder=folder, by=order.by)
    if folder is None:
        return Done(_("It lies in no folder."))
    return Done(_("It lies in “%(folder)s”.") % {"folder": naming.in_words(folder)})


def _place_page(delivery: Delivery, user: User, at: datetime) -> dict[str, Any]:
    return {"form": PlaceForm(by=user, unit=delivery.unit, initial={"folder": delivery.folder_id})}


register(
    DeskStep(
        "place", _place, page="place", context=_place_page,
        offered=lambda delivery, user, rights: Right.PREPARE in rights,
    )
)  # fmt: skip
