"""The dashboard of a delivery: what it is, how it stands, what may be done with it."""

from dataclasses import dataclass, field
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.urls import NoReverseMatch, reverse
from django.utils.translation import gettext as _t
from django.views.decorators.http import require_safe

from accounts import access
from accounts.models import OrganizationalUnit
from accounts.rights import Right
from audiences.models import Audience
from audiences.rules import rules, targeting
from audiences.rules.rules import RuleError
from audiences.targets import combining
from audiences.targets.combining import Part
from campaign.lib import clock
from campaign.lib.keyset import key_page
from deliveries.content.findings import Finding
from deliveries.drafting import attachments
from deliveries.folders import naming
from deliveries.lifecycle import groups, link_parameters, seal
from deliveries.models import Delivery, LogLine, Preparation, PreparationStatus, StatusChange
from deliveries.models.route import LARGEST_LIMIT
from deliveries.operations import remainders
from deliveries.overview import diagnosis, state
from deliveries.overview.diagnosis import Diagnosis
from deliveries.schedule import capacity
from deliveries.series import calendar
from deliveries.views.actions import action_bar, changed_parts, is_complete
from deliveries.views.shared import find, number, page, person

STOP_POLLING = 286  # htmx's own word for it
LINES = 8
RUNS = 10  # runs of a series that its dashboard shows


@require_safe
def dashboard(request: HttpRequest, pk: int) -> HttpResponse:
    """Show all of one delivery."""
    delivery = find(request, pk)
    runs = list(calendar.runs(delivery)[:RUNS])
    at = clock.now()
    state.annotate([delivery, *(row.execution for row in runs if row.execution)], at=at)
    changed = changed_parts(delivery)
    plan = state.of(delivery).plan
    is_wave_held = plan is not None and bool(plan.held)
    # “Resume” has no page of its own that could say why it is refused.
    closed = diagnosis.closed(delivery) if is_wave_held or delivery.status in groups.AT_REST else []
    counted = delivery.status in groups.EDITABLE and "counts" in request.GET
    context = _live(delivery) | {
        "changed": seal.in_words(changed),
        "diagnoses": _callouts(delivery),
        "bar": action_bar(delivery, person(request), changed=changed, closed=closed),
        "is_complete": is_complete(delivery),
        "audience": target_facts(delivery, counted=counted),
        "counts_follow": delivery.status in groups.EDITABLE and not counted,
        "history": history(delivery)[:LINES],
        "log": delivery.log.all()[:LINES],
        "proofs": delivery.proofs.count(),
        "rejection": _rejection(delivery),
        "no_worker_runs": [one.text for one in diagnosis.without_workers(delivery)],
        "deployment_url": _deployment_url(delivery),
        "remainder": remainders.of(delivery),
        "upcoming": calendar.of_delivery(delivery, at=clock.now()),
        "runs": runs,
        "run": calendar.of_run(delivery),
        "plan": plan,
        "may_release": is_wave_held and not closed and access.can(person(request), Right.START, delivery),
        "largest_limit": LARGEST_LIMIT,
        "attached": attachments.of(delivery),
        "folder_in_words": naming.in_words(delivery.folder) if delivery.folder else "",
        "links_get": link_parameters.said(delivery).in_words(),
    }
    return page(request, "dashboard", context)


def _callouts(delivery: Delivery) -> list[Diagnosis]:
    """What it waits for; a held wave has a callout of its own, with the button."""
    if delivery.status not in groups.EXPLAINED:  # the others: in the action bar, or in the Deployment block
        return []
    found = diagnosis.about_itself(delivery, at=clock.now())
    return [one for one in found if one.code != diagnosis.WAVE_HELD]


@require_safe
def progress(request: HttpRequest, pk: int) -> HttpResponse:
    """Return the live part alone; the page reloads where status or preparation are others than it knows."""
    delivery = find(request, pk)
    answer = page(request, "_progress", _live(delivery))
    stands = state.of(delivery)
    if not (stands.changes_by_itself or stands.awaits_people):
        answer.status_code = STOP_POLLING
    known = {"status": delivery.status, "preparation": str(delivery.preparation_id or "")}
    if any(request.GET.get(name, value) != value for name, value in known.items()):
        answer["HX-Refresh"] = "true"
    return answer


@require_safe
def log(request: HttpRequest, pk: int) -> HttpResponse:
    """Show every line of the log and every step, newest first."""
    delivery = find(request, pk)
    shown = key_page(
        delivery.log.all(), before=number(request, "before"), after=number(request, "after"), size=50
    )
    return page(request, "log", {"delivery": delivery, "shown": shown, "history": history(delivery)[:100]})


def history(delivery: Delivery) -> Any:
    """The steps that were taken, newest first."""
    return StatusChange.objects.filter(delivery=delivery).select_related("by")


def _live(delivery: Delivery) -> dict[str, Any]:
    preparation, stands = delivery.preparation, state.of(delivery)
    return {
        "delivery": delivery,
        "preparation": preparation,
        "counted": bool(preparation and preparation.status == PreparationStatus.DONE),
        "causes": preparation.cause_rows if preparation else [],
        "findings": findings(delivery),
        "last_lines": _last_lines(preparation) if stands.is_being_prepared else [],
        "now": clock.now(),
    }


def findings(delivery: Delivery) -> list[Finding]:
    """Return what the preparation found, with the present limits; errors first, information last."""
    order = {"error": 0, "warning": 1, "info": 2}
    return sorted(capacity.current(delivery, at=clock.now()), key=lambda finding: order[finding.level])


def _last_lines(preparation: Preparation | None) -> list[LogLine]:
    return list(preparation.log.all()[:4]) if preparation else []


@dataclass(frozen=True)
class AudienceFacts:
    """An audience in words, with its present count if asked for; `problem` where its rule makes no sense any more."""

    audience: Audience
    words: str
    count: int | None
    problem: str = ""
    parts: list[Part] = field(default_factory=list)  # the lists and rules that it is made of


def audience_facts(
    audience: Audience, *, unit: OrganizationalUnit | None = None, counted: bool = True
) -> AudienceFacts:
    """Return what a preparation would target now; not `counted` where that follows, or none can any more."""
    try:
        words = "" if audience.kind == Audience.Kind.LIST else rules.in_words(audience.rule)
        count = targeting.count(audience, unit=unit) if counted else None
        parts = combining.parts_of(audience, unit=unit) if counted else []
        return AudienceFacts(audience, words, count, parts=parts)
    except RuleError as error:
        return AudienceFacts(audience, "", None, str(error))


def target_facts(delivery: Delivery, *, counted: bool = True) -> AudienceFacts | None:
    """Return whom the delivery goes to: its audience, or those whom the delivery before it never wrote to."""
    if delivery.audience is None:
        return None
    if delivery.remainder_of_id is not None:
        words = _t("Those who never got %(original)s") % {"original": f"DM{delivery.remainder_of_id}"}
        return AudienceFacts(delivery.audience, words, remainders.size(delivery) if counted else None)
    return audience_facts(delivery.audience, unit=delivery.unit, counted=counted)


def _rejection(delivery: Delivery) -> StatusChange | None:
    """The last step, if it was a rejection."""
    last = history(delivery).first() if state.of(delivery).is_draft else None
    return last if last is not None and last.step == "reject" else None


def _deployment_url(delivery: Delivery) -> str:
    """Return the address of the block with the figures of the send, which `reporting` draws."""
    try:
        return reverse("reporting:block", args=[delivery.pk])
    except NoReverseMatch:
        return ""
