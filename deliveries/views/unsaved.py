"""What is kept while somebody writes: asked for by the editor itself, shown and thrown away by its writer."""

from allauth.core import ratelimit
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _t
from django.views.decorators.http import require_POST

from campaign.lib import clock
from campaign.lib.refusals import Refusal
from deliveries.drafting import unsaved
from deliveries.forms.content import Write
from deliveries.models.content import PARTS
from deliveries.views.shared import find, find_editable, page, person


@require_POST
def keep(request: HttpRequest, pk: int) -> HttpResponse:
    """Keep what stands in the editor; the answer is the line that says so."""
    by = person(request)
    if not ratelimit.consume(request, action="keep_draft", key=str(by.pk)):
        return HttpResponse(status=429)
    problem, draft = "", None
    try:
        delivery = find_editable(request, pk)
        form = Write(request.POST, delivery=delivery)
        form.is_valid()
        if form.errors.keys() & set(PARTS):  # they are bounded in length alone
            return page(request, "_draft_line", {"problem": str(unsaved.DraftTooLong())})
        parts = {part: form.cleaned_data[part] for part in PARTS}
        draft = unsaved.keep(
            delivery=delivery, key=request.POST.get("draft", ""), base=form.cleaned_data.get("base") or 0,
            by=by, at=clock.now(), **parts,
        )  # fmt: skip
    except Refusal as refusal:
        problem = str(refusal)
    return page(request, "_draft_line", {"draft": draft, "problem": problem})


@require_POST
def throw_away(request: HttpRequest, pk: int) -> HttpResponse:
    """What was written and not saved is gone; the page shows the latest version."""
    delivery = find(request, pk)
    unsaved.throw_away(delivery=delivery, key=request.POST.get("draft", ""), by=person(request))
    messages.info(request, _t("Your draft is thrown away."))
    return redirect("deliveries:content", pk)
