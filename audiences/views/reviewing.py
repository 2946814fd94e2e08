"""Letting addresses go that have been in quarantine for months: look first, then do it."""

from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_http_methods

from accounts import access
from accounts.desk import person, told
from accounts.rights import Right
from accounts.roles import root
from audiences.quarantine import reviews
from audiences.views.shared import used_again
from campaign.lib import clock


class ReviewForm(forms.Form):
    """After how many months without an error."""

    months = forms.IntegerField(
        label=_("Months since the last error"), min_value=1, max_value=reviews.MOST_MONTHS
    )


@require_http_methods(["GET", "HEAD", "POST"])
def review(request: HttpRequest) -> HttpResponse:
    """Say by GET which addresses would be let go, and let them go by POST; raise Forbidden without the right."""
    by = person(request)
    access.require(by, Right.ADMINISTER, root())
    typed = request.POST if request.method == "POST" else request.GET
    form = ReviewForm(typed or {"months": reviews.usual_months()})
    context: dict[str, Any] = {"form": form, "title": _("Review the quarantine")}
    if form.is_valid():
        months, at = form.cleaned_data["months"], clock.now()
        if request.method == "POST":
            with told(request):
                number = reviews.review(months=months, by=by, at=at)
                messages.success(request, used_again(number))
            return redirect("audiences:review-quarantine")
        context["affected"] = reviews.foresee(months=months, by=by, at=at)
    return render(request, "audiences/review_quarantine.html", context)
