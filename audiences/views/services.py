"""Services: the list, one service with its form, words and subscribers, and what is done about it."""

from typing import Any

from django.conf import settings
from django.contrib import messages
from django.db.models import Count, Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _t
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts import access
from accounts.edge.refused import told
from accounts.rights import Right
from audiences import sight
from audiences.consent import consent_words
from audiences.forms.services import AudienceChoice, ServiceForm, TextForm
from audiences.models import ConsentEvent, Service
from audiences.rules import rules
from audiences.services import definitions as services
from audiences.services import subscribing, texts
from audiences.targets import definitions
from audiences.views.shared import refusals_in, visible_or_404
from campaign.lib import clock
from campaign.lib.keyset import key_page

SHOWN = 25


@require_safe
def listing(request: HttpRequest) -> HttpResponse:
    """The services that one may see, and how many are subscribed to each."""
    rows = access.visible(request.user, Service.objects.select_related("unit"))
    rows = rows.annotate(current=Count("subscriptions", filter=Q(subscriptions__ended_at=None)))
    page = key_page(rows, before=request.GET.get("before"), after=request.GET.get("after"))
    can_create = access.units(request.user, Right.PREPARE).exists()
    return render(request, "audiences/services.html", {"page": page, "can_create": can_create})


@require_http_methods(["GET", "HEAD", "POST"])
def create(request: HttpRequest) -> HttpResponse:
    """A new service, with the words that are shipped; somebody activates them before its form takes anybody."""
    form = ServiceForm(request.POST or None, user=request.user)
    if request.method == "POST" and form.is_valid():
        with refusals_in(form):
            made = services.create(**form.cleaned_data, by=request.user, at=clock.now())
            return redirect("audiences:service", made.pk)
    return render(request, "audiences/service_form.html", {"form": form})


@require_http_methods(["GET", "HEAD", "POST"])
def edit(request: HttpRequest, pk: int) -> HttpResponse:
    found = _found(request, pk)
    access.require(request.user, Right.PREPARE, found)
    form = ServiceForm(request.POST or None, user=request.user, service=found)
    if request.method == "POST" and form.is_valid():
        with refusals_in(form):
            services.change(service=found, **form.cleaned_data, by=request.user)
            return redirect("audiences:service", pk)
    return render(request, "audiences/service_form.html", {"form": form, "service": found})


@require_http_methods(["GET", "HEAD", "POST"])
def write(request: HttpRequest, pk: int) -> HttpResponse:
    """A new version of the words. What is in force stays so until somebody activates the new ones."""
    found = _found(request, pk)
    access.require(request.user, Right.PREPARE, found)
    form = TextForm(request.POST or None, text=found.texts.first())
    if request.method == "POST" and form.is_valid():
        with refusals_in(form):
            texts.write(service=found, words=form.words, by=request.user, at=clock.now())
            return redirect("audiences:service", pk)
    return render(
        request, "audiences/service_text.html", {"form": form, "service": found, "name": texts.NAME}
    )


@require_safe
def service(request: HttpRequest, pk: int) -> HttpResponse:
    """One service: its form and the snippet for pages of others, its words, who came and went lately."""
    found = _found(request, pk)
    rights = access.held(request.user, found)
    latest = found.texts.select_related("author", "activated_by").first()
    log = ConsentEvent.objects.filter(service=found, profile__in=sight.people(request.user).values("pk"))
    context: dict[str, Any] = {
        "service": found,
        "current": subscribing.current(found).count(),
        "latest": latest,
        "words": [(dict(settings.LANGUAGES)[code], code, said) for code, said in latest.words.items()]
        if latest
        else [],
        "form_url": f"{settings.PUBLIC_URL}/s/{found.key}",
        "log": consent_words.carried(log.select_related("profile", "by", "text")[:SHOWN], request.user),
        "can_change": Right.PREPARE in rights,
        "can_activate": Right.START in rights and latest is not None and latest.pk != found.text_id,
        "can_subscribe": Right.IMPORT in rights,
        "audience_form": AudienceChoice(service=found),
    }
    return render(request, "audiences/service.html", context)


@require_POST
def activate(request: HttpRequest, pk: int) -> HttpResponse:
    """The latest words, which the seal names, are in force."""
    found = _found(request, pk)
    with told(request, found, action="activate_service_text"):
        text = texts.activate(
            service=found, seal=request.POST.get("seal", ""), by=request.user, at=clock.now()
        )
        messages.success(request, _t("Text %(number)s is in force.") % {"number": text.number})
    return redirect("audiences:service", pk)


@require_POST
def subscribe(request: HttpRequest, pk: int) -> HttpResponse:
    """Whom an audience holds is subscribed, but nobody who said no."""
    found = _found(request, pk)
    form = AudienceChoice(request.POST, service=found)
    access.require(request.user, Right.IMPORT, found)
    if form.is_valid():
        with told(request, found, action="subscribe_audience"):
            number = subscribing.subscribe_audience(
                service=found,
                audience=form.cleaned_data["audience"],
                by=request.user,
                at=clock.now(),
                is_welcomed=form.cleaned_data["is_welcomed"],
            )
            said = ngettext(
                "%(number)d person is newly subscribed.", "%(number)d people are newly subscribed.", number
            )
            messages.success(request, said % {"number": number})
    return redirect("audiences:service", pk)


@require_POST
def audience(request: HttpRequest, pk: int) -> HttpResponse:
    """An audience of the service's subscribers, counted afresh at each use, so that a delivery can aim at them."""
    found = _found(request, pk)
    rule = {"field": rules.SERVICE_FIELD.name, "is": rules.SUBSCRIBED, "value": found.pk}
    label = _t("Subscribers of %(service)s") % {"service": found.label}
    made = definitions.create_rule(label=label[:128], rule=rule, unit=found.unit, by=request.user)
    return redirect("audiences:audience", made.pk)


def _found(request: HttpRequest, pk: int) -> Service:
    return visible_or_404(request, Service.objects.select_related("unit", "text"), pk)
