"""What a unit's administrators say of alerts: its limits, and who else is told."""

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _t
from django.views.decorators.http import require_http_methods

from accounts import access, audit
from accounts.desk import person
from accounts.models import OrganizationalUnit
from accounts.rights import Right
from alerts import limits as limiting
from alerts.forms import LimitsForm, WebhookForm
from alerts.models import Webhook
from campaign.lib.refusals import Forbidden, Refusal


@require_http_methods(["GET", "HEAD", "POST"])
def limits(request: HttpRequest, pk: int) -> HttpResponse:
    """The unit's limits, with what holds above; and its webhooks."""
    unit = find(request, pk)
    above = limiting.in_force(unit.lineage[:-1], limiting.said())
    form = LimitsForm(request.POST or None, instance=limiting.own(unit), above=above)
    if request.method == "POST" and form.is_valid() and _saved(request, unit, form):
        return redirect("alerts:unit", unit.pk)
    context = {
        "unit": unit,
        "form": form,
        "webhook_form": WebhookForm(),
        "webhooks": Webhook.objects.filter(unit=unit).order_by("label", "pk"),
        "above": Webhook.objects.filter(unit__in=unit.lineage[:-1])
        .select_related("unit")
        .order_by("unit__path"),
    }
    return render(request, "alerts/unit.html", context)


def _saved(request: HttpRequest, unit: OrganizationalUnit, form: LimitsForm) -> bool:
    try:
        limiting.save(unit=unit, by=person(request), **form.cleaned_data)
    except Forbidden:
        raise
    except Refusal as refusal:
        audit.record_refusal(refusal, by=person(request), target=unit, action="save_alert_limits")
        form.add_error(None, str(refusal))
        return False
    messages.success(request, _t("The limits of “%(unit)s” are saved.") % {"unit": unit})
    return True


def find(request: HttpRequest, pk: int) -> OrganizationalUnit:
    """The unit, for its administrators. Raise NotAllowed for whoever may read it, and Http404 for anybody else."""
    unit = access.readable_units(person(request)).filter(pk=pk).first()
    if unit is None:
        hidden = OrganizationalUnit.objects.filter(pk=pk).first() if request.method == "POST" else None
        if hidden is not None:
            access.record_hidden(by=person(request), target=hidden)
        raise Http404
    access.require(person(request), Right.ADMINISTER, unit)
    return unit
