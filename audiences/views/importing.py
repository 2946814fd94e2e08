"""Imports: the list with the form, one import with its progress and its report."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _t
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts import access
from accounts.desk import person
from accounts.lists import as_it_was_left
from accounts.rights import Right
from audiences import imports, sight
from audiences.fields import attributes
from audiences.forms.filters import ImportFilter
from audiences.forms.importing import ChoicesForm, ImportForm
from audiences.imports.staging import looking
from audiences.models import Import
from audiences.views import dry_running
from audiences.views.shared import refusals_in, visible_or_404
from campaign.lib.jobs import Queue, unheard

PROBLEMS_SHOWN = 200


@require_http_methods(["GET", "POST"])
def listing(request: HttpRequest) -> HttpResponse:
    """What was imported, as one left the list, and the form for the next file.

    Raise access.NotAllowed for a file from a person who may import nowhere.
    """
    user = person(request)
    if (left := as_it_was_left(request, name="imports", form=ImportFilter, user=user)) is not None:
        return left
    form = ImportForm(request.POST or None, request.FILES or None, user=request.user)
    if request.method == "POST" and form.is_valid():
        chosen = form.cleaned_data
        with refusals_in(form):
            importing = imports.start(
                file=chosen["file"],
                name=chosen["file"].name,
                unit=chosen["unit"],
                by=request.user,
                options=form.options,
                dry_run="dry_run" in request.POST,
            )
            return redirect("audiences:import", importing.pk)
    elif request.method == "POST" and not access.units(request.user, Right.IMPORT).exists():
        raise access.NotAllowed(by=request.user, right=Right.IMPORT, target=request.user)
    filters = ImportFilter(request.GET, user=user, auto_id="filter_%s")
    rows = filters.narrowed(access.visible(user, Import.objects.select_related("unit", "started_by")))
    context = {
        "form": form,
        "filters": filters,
        "page": filters.page(rows, before=request.GET.get("before"), after=request.GET.get("after")),
        "can_import": access.units(user, Right.IMPORT).exists(),
    }
    return render(request, "audiences/imports.html", context)


@require_GET
def detail(request: HttpRequest, pk: int) -> HttpResponse:
    return render(request, "audiences/import.html", _context(request, pk))


@require_GET
def progress(request: HttpRequest, pk: int) -> HttpResponse:
    """The live part: the page holds the same fragment, which asks for itself until the import is final."""
    return render(request, "audiences/_import.html", _context(request, pk))


def _context(request: HttpRequest, pk: int) -> dict[str, object]:
    importing = visible_or_404(request, Import.objects.select_related("unit", "started_by", "audience"), pk)
    can_try_again = (
        importing.status == Import.Status.REFUSED
        and not importing.dry_run
        and importing.parts.exists()
        and access.can(request.user, Right.IMPORT, importing.unit)
    )
    return {
        "numbers": looking.numbers(importing),
        **dry_running.context(request, importing),
        "importing": importing,
        "problems": sight.reported(importing.problems.all(), request.user)[:PROBLEMS_SHOWN]
        if importing.is_final
        else [],
        "problems_shown": PROBLEMS_SHOWN,
        "can_try_again": can_try_again,
        "choices_form": ChoicesForm(initial={**importing.choices, "keep_good_rows": importing.bad_rows > 0}),
        "may_declare": attributes.may_declare(request.user),
        "who_declares": attributes.who_declares() if importing.detected.get("unknown") else "",
        "no_worker_runs": [] if importing.is_final else [text for _queue, text in unheard(Queue.DEFAULT)],
    }


@require_POST
def again(request: HttpRequest, pk: int) -> HttpResponse:
    """Import a file once more that was refused, as is chosen now; without a choice its good rows."""
    importing = visible_or_404(request, Import.objects.select_related("unit"), pk)
    form = ChoicesForm(request.POST)
    chosen = form.options if "choose" in request.POST and form.is_valid() else None
    new = imports.again(importing=importing, by=request.user, options=chosen)
    messages.success(request, _t("The file is being imported once more."))
    return redirect("audiences:import", new.pk)
