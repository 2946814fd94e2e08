"""Where people begin."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from accounts import access, roles
from accounts.desk import administers_everything, person
from accounts.rights import Right
from campaign.lib import clock, reader_zone
from deliveries.overview import diagnosis
from home import first_steps as leading
from home import guide as guiding
from home import leaving, months, standing
from home import search as looking


@require_safe
def home(request: HttpRequest) -> HttpResponse:
    """What needs the person, what goes out today, how the last ones did, and what is unwell."""
    user, at = person(request), clock.now()
    is_operator = administers_everything(request)
    may_create = Right.PREPARE in access.on_any_unit(user)
    context = {
        "standing": standing.of(user, at=at),
        "may_create": may_create,
        "guide": guiding.of(user, at=at),
        "may_show_guide": may_create and guiding.is_dismissed(user),
        "problems": diagnosis.at_a_glance() if is_operator else [],
        "is_new": is_operator and not leading.is_over(),
        "today": reader_zone.spelled(timezone.localtime(at), "l, j F Y"),
    }
    return render(request, "home/home.html", context)


@require_POST
def guide(request: HttpRequest) -> HttpResponse:
    """The person has put the guide to a first delivery aside, or has it shown again: their own matter alone."""
    turn = guiding.show if request.POST.get("guide") == "show" else guiding.dismiss
    turn(by=person(request))
    return redirect("home:home")


@require_safe
def calendar(request: HttpRequest) -> HttpResponse:
    """What leaves when, by month or by week, of all units or of one and below, by the reader's clocks."""
    user, at = person(request), clock.now()
    today = timezone.localtime(at).date()
    sheet = months.sheet(month=request.GET.get("month", ""), week=request.GET.get("week", ""), today=today)
    unit = access.readable_unit(user, request.GET.get("unit"))
    span = leaving.between(sheet.since, sheet.until, user=user, at=at, unit=unit)
    sheet.fill(span.rows)
    context = {
        "sheet": sheet,
        "is_cut": span.is_cut,
        "units": access.readable_units(user).order_by("path"),
        "unit": unit,
        "today": today,
        "this_week": months.week_name(today),
        "certainties": list(leaving.Certainty),
    }
    return render(request, "home/calendar.html", context)


@require_safe
def search(request: HttpRequest) -> HttpResponse:
    """What the text finds among deliveries, audiences and people; a part of a page to htmx."""
    found = looking.of(person(request), request.GET.get("q", "")[: 2 * looking.LONGEST])
    template = "home/_found.html" if request.headers.get("HX-Request") else "home/search.html"
    return render(request, template, {"found": found})


@require_safe
def first_steps(request: HttpRequest) -> HttpResponse:
    """The steps from an empty database to the first delivery, for those who administer everything.

    Raise access.NotAllowed for others.
    """
    if not administers_everything(request):
        raise access.NotAllowed(by=person(request), right=Right.ADMINISTER, target=roles.root())
    steps = leading.of_installation(at=clock.now())
    todo = next((step for step in steps if not step.is_done), None)
    return render(
        request,
        "home/first_steps.html",
        {"steps": steps, "next_step": todo, "done": sum(step.is_done for step in steps)},
    )
