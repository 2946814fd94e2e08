"""Webhooks of a unit: made, changed, tried, given another secret, taken away; and the log of what they were told."""

from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _t
from django.views.decorators.http import require_http_methods, require_POST

from accounts import access, audit
from accounts.desk import person
from accounts.edge.refused import told
from alerts.forms import WebhookChangeForm, WebhookForm
from alerts.models import Webhook, WebhookMessage
from alerts.views.units import find as find_unit
from alerts.webhooks import registry
from campaign.lib import clock
from campaign.lib.keyset import key_page
from campaign.lib.refusals import Forbidden, Refusal


@require_http_methods(["GET", "HEAD", "POST"])
def create(request: HttpRequest, pk: int) -> HttpResponse:
    """One webhook more; its secret is shown on the page that answers, and never again. Raise Forbidden."""
    unit = find_unit(request, pk)
    form = WebhookForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            webhook, secret = registry.create(
                unit=unit, **form.cleaned_data, by=person(request), at=clock.now()
            )
        except Forbidden:
            raise
        except Refusal as refusal:
            _refused(request, form, refusal, action="create_webhook")
        else:
            return _secret(request, webhook, secret)
    return render(request, "alerts/webhook_new.html", {"unit": unit, "form": form})


@require_http_methods(["GET", "HEAD", "POST"])
def one(request: HttpRequest, pk: int) -> HttpResponse:
    """What it is told and where, and what became of that. Raise Forbidden without the right to change it."""
    webhook = find(request, pk)
    form = WebhookChangeForm(request.POST or None, initial=_said(webhook))
    if request.method == "POST" and form.is_valid():
        try:
            registry.change(webhook=webhook, **form.cleaned_data, by=person(request))
        except Forbidden:
            raise
        except Refusal as refusal:
            _refused(request, form, refusal, action="change_webhook")
        else:
            messages.success(request, _t("“%(webhook)s” is saved.") % {"webhook": webhook})
            return redirect("alerts:webhook", pk)
    rows = WebhookMessage.objects.filter(webhook=webhook).select_related("alert__delivery")
    page = key_page(
        rows.prefetch_related("attempts"), before=request.GET.get("before"), after=request.GET.get("after")
    )
    return _never_stored(
        render(request, "alerts/webhook.html", {"webhook": webhook, "form": form, "page": page})
    )


@require_POST
def test(request: HttpRequest, pk: int) -> HttpResponse:
    """A signed example is on its way."""
    webhook = find(request, pk)
    with told(request, webhook, action="test_webhook"):
        registry.test(webhook=webhook, by=person(request), at=clock.now())
        messages.info(request, _t("A signed example is on its way: look again in a moment."))
    return redirect("alerts:webhook", pk)


@require_POST
def rotate(request: HttpRequest, pk: int) -> HttpResponse:
    """Another secret, shown on the page that answers, and never again."""
    webhook = find(request, pk)
    secret = registry.rotate(webhook=webhook, by=person(request), at=clock.now())
    return _secret(request, webhook, secret)


@require_POST
def remove(request: HttpRequest, pk: int) -> HttpResponse:
    """It is told nothing any more."""
    webhook = find(request, pk)
    registry.remove(webhook=webhook, by=person(request))
    messages.success(request, _t("“%(webhook)s” is removed.") % {"webhook": webhook})
    return redirect("alerts:unit", webhook.unit_id)


def find(request: HttpRequest, pk: int) -> Webhook:
    """The webhook, for the administrators of its unit. Raise Http404 for anybody else."""
    webhook = registry.administered_by(person(request)).filter(pk=pk).first()
    if webhook is None:
        hidden = Webhook.objects.select_related("unit").filter(pk=pk).first()
        if hidden is not None and request.method == "POST":
            access.record_hidden(by=person(request), target=hidden)
        raise Http404
    return webhook


def _said(webhook: Webhook) -> dict[str, Any]:
    return {name: getattr(webhook, name) for name in ("label", "url", "conditions", "is_active")}


def _refused(request: HttpRequest, form: WebhookForm, refusal: Refusal, *, action: str) -> None:
    audit.record_refusal(refusal, by=person(request), action=action)
    form.add_error(None, str(refusal))


def _secret(request: HttpRequest, webhook: Webhook, secret: str) -> HttpResponse:
    return _never_stored(
        render(request, "alerts/webhook_secret.html", {"webhook": webhook, "secret": secret})
    )


def _never_stored(response: HttpResponse) -> HttpResponse:
    response.headers["Cache-Control"] = "no-store, private"
    return response
