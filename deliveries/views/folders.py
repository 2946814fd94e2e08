"""Folders and campaigns: the tree, one of them, making and changing it; and where a delivery lies."""

from django.contrib import messages
from django.db import transaction
from django.db.models import Count, Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils.translation import gettext as _t
from django.views.decorators.http import require_http_methods, require_safe

from accounts import access, audit
from accounts.rights import Right
from campaign.lib import numbers
from campaign.lib.refusals import Forbidden, Refusal
from deliveries.folders import goals, naming, placing, tree
from deliveries.forms.folders import FolderForm, PlaceForm
from deliveries.models import Delivery, Folder
from deliveries.views.shared import find, page, person, refused_to_dashboard, to_dashboard, told


@require_safe
def listing(request: HttpRequest) -> HttpResponse:
    """The folders that the person may see, each below the one in which it lies, with the deliveries they may see."""
    user = person(request)
    mine = Delivery.objects.visible_to(user).values("pk")
    rows = Folder.objects.visible_to(user).select_related("unit", "owner")
    rows = rows.annotate(deliveries_in=Count("deliveries", filter=Q(deliveries__in=mine)))
    context = {"folders": naming.in_order(rows), "may_create": access.units(user, Right.PREPARE).exists()}
    return page(request, "folders", context)


@require_safe
def one(request: HttpRequest, pk: int) -> HttpResponse:
    """One folder: where it lies, what lies in it, and what a campaign should reach."""
    folder, user = _found(request, pk), person(request)
    below = naming.in_order(
        Folder.objects.visible_to(user).below(folder).exclude(pk=pk).select_related("unit")
    )
    within = Delivery.objects.visible_to(user).filter(folder__path__startswith=folder.path)
    goal = goals.goal_of(folder)
    context = {
        "folder": folder,
        "above": naming.in_order(Folder.objects.visible_to(user).filter(pk__in=folder.lineage[:-1])),
        "below": below,
        "deliveries": within.count(),
        "goal": goal,
        "goal_value": goal.shown(folder.goal_value) if goal else "",
        "may_change": access.can(user, Right.PREPARE, folder),
        "may_create": access.units(user, Right.PREPARE).exists(),
    }
    return page(request, "folder", context)


@require_http_methods(["GET", "HEAD", "POST"])
def create(request: HttpRequest) -> HttpResponse:
    """A new folder, in the one that the address names; raise access.NotAllowed for who may prepare nowhere."""
    by = person(request)
    if not access.units(by, Right.PREPARE).exists():
        raise access.NotAllowed(by=by, right=Right.PREPARE, target=by)
    parent = Folder.objects.visible_to(by).filter(pk=numbers.key(request.GET.get("in", ""))).first()
    begun = {"parent": parent, "unit": parent.unit_id} if parent else {}
    form = FolderForm(request.POST or None, by=by, initial=begun)
    if request.method == "POST" and form.is_valid():
        data = form.cleaned_data
        try:
            made = tree.create(unit=data["unit"], parent=data["parent"], by=by, **form.settings)
        except Refusal as refusal:
            _said_in(form, request, refusal, "create_folder")
        else:
            return redirect("deliveries:folder", made.pk)
    return page(request, "folder_form", {"form": form})


@require_http_methods(["GET", "HEAD", "POST"])
def edit(request: HttpRequest, pk: int) -> HttpResponse:
    """Change a folder, or put it with all in it somewhere else."""
    folder, by = _found(request, pk), person(request)
    access.require(by, Right.PREPARE, folder)
    form = FolderForm(request.POST or None, by=by, folder=folder)
    if request.method == "POST" and form.is_valid():
        try:
            with transaction.atomic():
                tree.change(folder=folder, by=by, **form.settings)
                tree.move(folder=folder, parent=form.cleaned_data["parent"], by=by)
        except Refusal as refusal:
            _said_in(form, request, refusal, "change_folder")
        else:
            return redirect("deliveries:folder", pk)
    return page(request, "folder_form", {"form": form, "folder": folder})


@require_http_methods(["GET", "HEAD", "POST"])
def delete(request: HttpRequest, pk: int) -> HttpResponse:
    """By GET ask, by POST delete a folder in which nothing lies."""
    folder, by = _found(request, pk), person(request)
    access.require(by, Right.PREPARE, folder)
    if request.method != "POST":
        return page(request, "folder_delete", {"folder": folder})
    with told(request, folder, action="delete_folder"):
        tree.delete(folder=folder, by=by)
        messages.success(request, _t("“%(folder)s” is deleted.") % {"folder": folder.label})
        return redirect("deliveries:folders")
    return redirect("deliveries:folder", pk)


@require_http_methods(["GET", "HEAD", "POST"])
@refused_to_dashboard
def place(request: HttpRequest, pk: int) -> HttpResponse:
    """Put a delivery into a folder, or out of it, whatever its status."""
    delivery, by = find(request, pk), person(request)
    access.require(by, Right.PREPARE, delivery)
    form = PlaceForm(request.POST or None, by=by, unit=delivery.unit, initial={"folder": delivery.folder_id})
    if request.method == "POST" and form.is_valid():
        placing.place(delivery=delivery, folder=form.cleaned_data["folder"], by=by)
        return to_dashboard(request, delivery)
    return page(request, "place", {"form": form, "delivery": delivery})


def _found(request: HttpRequest, pk: int) -> Folder:
    """The folder, for whoever may see it; for anybody else there is none."""
    rows = Folder.objects.visible_to(person(request)).select_related("unit", "parent", "owner")
    found = rows.filter(pk=pk).first()
    if found is None and request.method == "POST" and (hidden := Folder.objects.filter(pk=pk).first()):
        access.record_hidden(by=person(request), target=hidden)
    return found or get_object_or_404(rows, pk=pk)


def _said_in(form: FolderForm, request: HttpRequest, refusal: Refusal, action: str) -> None:
    """Say above the form what a rule refuses; a missing right is raised on."""
    if isinstance(refusal, Forbidden):
        raise refusal
    audit.record_refusal(refusal, by=person(request), action=action)
    form.add_error(None, str(refusal))
