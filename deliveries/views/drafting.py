"""Making a delivery and changing it, block by block."""

from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _t
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts import access
from accounts.models import OrganizationalUnit, User
from accounts.rights import Right
from audiences.forms.combining import CombineForm
from audiences.models import Audience
from audiences.views.shared import refusals_in
from campaign.lib import clock, numbers
from campaign.lib.refusals import Refusal
from deliveries import drafting
from deliveries.forms.delivery import ChooseAudience, General, NewDelivery, suggested
from deliveries.forms.schedule import When, when_of
from deliveries.lifecycle import link_parameters, seal
from deliveries.models import Delivery, Folder
from deliveries.operations import remainders
from deliveries.overview import state
from deliveries.schedule import rescheduling
from deliveries.series import calendar
from deliveries.views.dashboard import AudienceFacts, audience_facts, target_facts
from deliveries.views.shared import (
    find,
    find_editable,
    page,
    person,
    refused_to_dashboard,
    to_dashboard,
    told,
)


@require_http_methods(["GET", "HEAD", "POST"])
def create(request: HttpRequest) -> HttpResponse:
    """One page for label, unit, audience and schedule; then on to the content.

    Raise access.NotAllowed for a person who may prepare nowhere.
    """
    user = person(request)
    if not access.units(user, Right.PREPARE).exists():
        raise access.NotAllowed(by=user, right=Right.PREPARE, target=user)
    form = NewDelivery(request.POST or None, user=user, initial=suggested("UTC") | _begun_in(request))
    if request.method == "POST" and form.is_valid():
        with told(request, action="create_delivery"):
            delivery = _created(form, by=user)
            _tell_of_two_moments(request, form)
            return redirect("deliveries:content", delivery.pk)
    return page(request, "new", {"form": form})


def _begun_in(request: HttpRequest) -> dict[str, object]:
    """The folder that the address names, and its unit where the person may prepare there."""
    rows = Folder.objects.visible_to(person(request)).select_related("unit")
    folder = rows.filter(pk=numbers.key(request.GET.get("folder", ""))).first()
    if folder is None:
        return {}
    may_there = access.can(person(request), Right.PREPARE, folder)
    return {"folder": folder.pk} | ({"unit": folder.unit_id} if may_there else {})


@transaction.atomic
def _created(form: NewDelivery, *, by: User) -> Delivery:
    """The draft, with the sender that was chosen for it."""
    delivery = drafting.create(by=by, **form.settings)
    if sender := form.cleaned_data["sender"]:
        drafting.send_as(delivery=delivery, sender=sender, by=by, at=clock.now())
    return delivery


@require_http_methods(["GET", "HEAD", "POST"])
@refused_to_dashboard
def edit(request: HttpRequest, pk: int) -> HttpResponse:
    """Change general settings: label, unit, approval, validity, route, tracking, link parameters."""
    delivery = find_editable(request, pk)
    form = General(request.POST or None, user=person(request), initial=General.of(delivery))
    if request.method == "POST" and form.is_valid() and _saved(request, delivery, form.cleaned_data):
        return to_dashboard(request, delivery)
    links_get = link_parameters.said(delivery).in_words()
    return page(request, "edit", {"form": form, "delivery": delivery, "links_get": links_get})


@require_http_methods(["GET", "HEAD", "POST"])
@refused_to_dashboard
def audience(request: HttpRequest, pk: int) -> HttpResponse:
    """Choose whom it goes to. The count as of now follows, or is there at once for whoever asks for `counts`.

    Raise TargetFixed for a remainder, whose recipients are given.
    """
    delivery = find_editable(request, pk)
    if delivery.remainder_of_id is not None:
        raise drafting.TargetFixed(original=f"DM{delivery.remainder_of_id}")
    form = ChooseAudience(request.POST or None, user=person(request), initial={"audience": delivery.audience})
    if request.method == "POST" and form.is_valid() and _saved(request, delivery, form.cleaned_data):
        return to_dashboard(request, delivery)
    counted = "counts" in request.GET
    facts = target_facts(delivery, counted=counted)
    context = {"form": form, "delivery": delivery, "audience": facts, "counts_follow": not counted}
    return page(request, "audience", context)


@require_http_methods(["GET", "HEAD", "POST"])
@refused_to_dashboard
def combine(request: HttpRequest, pk: int) -> HttpResponse:
    """Several lists and rules as the audience of this delivery, each and the whole counted."""
    delivery = find_editable(request, pk)
    form = CombineForm(request.POST or None, user=person(request), unit=delivery.unit)
    counted: dict[str, object] = {}
    with refusals_in(form):
        counted = form.counted() if request.method == "POST" else {}
        if request.method == "POST" and request.POST.get("do") == "save" and form.is_valid():
            with transaction.atomic():
                made = form.make(by=person(request))
                drafting.edit(delivery=delivery, by=person(request), at=clock.now(), audience=made)
            return to_dashboard(request, delivery)
    if request.htmx:
        return render(request, "audiences/_combined.html", {"form": form, **counted})
    return page(request, "combine", {"form": form, "delivery": delivery, **counted})


@require_safe
def count(request: HttpRequest) -> HttpResponse:
    """Return an audience in words and counted now: that which a form names, else that of the delivery which is named.

    Who is under the delivery's unit counts alone. Nothing is shown where neither is named.
    """
    delivery = find(request, numbers.key(request.GET["delivery"]) or 0) if "delivery" in request.GET else None
    if delivery is not None and "audience" not in request.GET:
        context: dict[str, object] = {"delivery": delivery, "audience": target_facts(delivery)}
    else:
        unit = delivery.unit if delivery else None
        context = {"unit": unit, "audience": _facts_of(request, unit=unit)}
    return page(request, "_audience_facts", context)


def _facts_of(request: HttpRequest, *, unit: OrganizationalUnit | None) -> AudienceFacts | None:
    """What is known of the audience that the address names, if the person sees it."""
    rows = access.visible(person(request), Audience.objects.select_related("unit"))
    found = rows.filter(pk=numbers.key(request.GET.get("audience"))).first()
    return audience_facts(found, unit=unit) if found else None


@require_http_methods(["GET", "HEAD", "POST"])
@refused_to_dashboard
def schedule(request: HttpRequest, pk: int) -> HttpResponse:
    """Change when it leaves: at once, at a date, at a local hour, in waves, or recurring."""
    delivery = find_editable(request, pk)
    said = {name: value for name, value in when_of(delivery).items() if value is not None}
    initial = suggested(delivery.time_zone) | said
    form = When(request.POST or None, initial=initial)
    if request.method == "POST" and form.is_valid() and _saved(request, delivery, form.settings):
        _tell_of_two_moments(request, form)
        return to_dashboard(request, delivery)
    return page(request, "schedule", {"form": form, "delivery": delivery})


@require_safe
def occurrences(request: HttpRequest) -> HttpResponse:
    """Return the recurrence that a form describes, in words with its next ten moments; or what is wrong with it."""
    access_needed = access.units(person(request), Right.PREPARE).exists()
    form = When(request.GET) if access_needed else None
    found = calendar.of_form(form) if form is not None and form.is_valid() else None
    return page(request, "_occurrences", {"form": form, "upcoming": found})


@require_POST
def duplicate(request: HttpRequest, pk: int) -> HttpResponse:
    """Create a draft with the same settings and content, without a date."""
    delivery = find(request, pk)
    copy = delivery
    with told(request, delivery, action="duplicate"):
        copy = drafting.duplicate(delivery=delivery, by=person(request))
        messages.success(request, _t("This is the copy. It has no date: choose when it leaves."))
    return to_dashboard(request, copy)


@require_POST
def remainder(request: HttpRequest, pk: int) -> HttpResponse:
    """Create a draft for those whom a stopped delivery never wrote to."""
    delivery = find(request, pk)
    made = delivery
    with told(request, delivery, action="create_remainder"):
        made = remainders.create(delivery=delivery, by=person(request), at=clock.now())
        messages.success(
            request,
            _t(
                "This goes to those who never got %(original)s, and to nobody else. Prepare it when you are ready."
            )
            % {"original": delivery.name},
        )
    return to_dashboard(request, made)


@require_http_methods(["GET", "HEAD", "POST"])
@refused_to_dashboard
def delete(request: HttpRequest, pk: int) -> HttpResponse:
    """By GET ask, by POST delete a delivery that was never released."""
    if request.method != "POST":
        return page(request, "delete", {"delivery": find_editable(request, pk)})
    delivery = find(request, pk)
    with told(request, delivery, action="delete"):
        drafting.delete(delivery=delivery, by=person(request))
        messages.success(request, _t("“%(delivery)s” is deleted.") % {"delivery": delivery.label})
        return redirect("deliveries:list")
    return to_dashboard(request, delivery)


def _saved(request: HttpRequest, delivery: Delivery, settings: dict[str, object]) -> bool:
    """Save the settings; return whether the verb took them, and tell the person what that unsealed."""
    try:
        changed = drafting.edit(delivery=delivery, by=person(request), at=clock.now(), **settings)
    except Refusal:
        with told(request, delivery, action="edit_delivery"):
            raise
        return False
    delivery.refresh_from_db()
    if changed and not state.of(delivery).is_draft and rescheduling.in_words(delivery):
        messages.success(
            request,
            _t(
                "Saved. Recipients and content stay as prepared; the new time must be approved and confirmed."
            ),
        )
    elif changed:
        parts = seal.in_words(changed)
        messages.warning(
            request,
            _t("Saved. Changed since it was prepared: %(parts)s. Prepare it again.") % {"parts": parts},
        )
    else:
        messages.success(request, _t("Saved."))
    return True


def _tell_of_two_moments(request: HttpRequest, form: When) -> None:
    if form.comes_twice():
        messages.info(
            request,
            _t("Clocks are set back over this time, so it comes twice: the first of the two was taken."),
        )
