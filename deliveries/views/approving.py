"""Approving or rejecting what was prepared, with all of it on one page."""

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _t
from django.views.decorators.http import require_http_methods

from accounts.models import User
from audiences import sight
from campaign.lib import clock
from deliveries import lifecycle
from deliveries.approval import decisions as approval
from deliveries.approval.decisions import CommentMissing
from deliveries.drafting import attachments
from deliveries.lifecycle import Step
from deliveries.models import Delivery, Message
from deliveries.proofs import previews
from deliveries.schedule import plan_report, rescheduling
from deliveries.views.actions import STEPS, action_bar, changed_parts
from deliveries.views.dashboard import findings, target_facts
from deliveries.views.shared import find, page, person, to_dashboard, told


@require_http_methods(["GET", "HEAD", "POST"])
def decide(request: HttpRequest, pk: int) -> HttpResponse:
    """By GET show everything that the decision is about; by POST decide, naming the seal that was shown."""
    delivery = find(request, pk)
    if request.method == "POST":
        return _decided(request, delivery)
    with told(request, delivery):
        lifecycle.check(delivery, Step.APPROVE, by=person(request), seal=delivery.seal)
        return page(request, "approval", _shown(request, delivery))
    return to_dashboard(request, delivery)


def _decided(request: HttpRequest, delivery: Delivery) -> HttpResponse:
    accepted = request.POST.get("decision") == "approve"
    decision = {
        "delivery": delivery,
        "seal": request.POST.get("seal", ""),
        "by": person(request),
        "at": clock.now(),
        "comment": request.POST.get("comment", "").replace("\x00", "").strip(),
    }
    asked_again = False
    with told(request, delivery, action="approve" if accepted else "reject"):
        try:
            approval.approve(**decision) if accepted else approval.reject(**decision)
        except CommentMissing:
            asked_again = True
            raise
        messages.success(request, _said(accepted))
    if asked_again:
        return redirect(f"{reverse('deliveries:approval', args=[delivery.pk])}?decision=reject")
    return to_dashboard(request, delivery)


def _said(accepted: bool) -> str:
    if accepted:
        return _t("Approved. It waits for its confirmation now.")
    return _t("Rejected. Whoever prepared it reads your comment.")


def _shown(request: HttpRequest, delivery: Delivery) -> dict[str, object]:
    preparation = delivery.latest_preparation()
    bar = action_bar(delivery, person(request), changed=changed_parts(delivery))
    first = _first(delivery, person(request))
    return {
        "delivery": delivery,
        "preparation": preparation,
        "content": preparation.content,
        "attached": attachments.of(delivery),
        "only_change": rescheduling.in_words(delivery),
        "causes": preparation.cause_rows,
        "findings": findings(delivery),
        "plan": plan_report.plan(delivery, at=clock.now()),
        "audience": target_facts(delivery, counted=False),
        "preview": previews.preview(delivery=delivery, message=first),
        "first_query": f"seq={first.seq}" if first else "",
        "rejecting": request.GET.get("decision") == "reject",
        "may_approve": any(button.label == STEPS[Step.APPROVE].label for button, _url in bar.buttons),
        "instead": bar.instead,
        "now": clock.now(),
    }


def _first(delivery: Delivery, user: User) -> Message | None:
    """Return the first recipient, for whoever may see the person; for others the content is shown without values."""
    rows = Message.objects.filter(delivery_id=delivery.pk).exclude(address="").order_by("seq")
    first: Any = sight.marked(rows, user=user, unit=delivery.unit).first()
    return first if first is not None and first.is_clear else None
