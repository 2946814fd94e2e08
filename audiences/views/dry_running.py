"""Dry runs: choose anew, see the rows behind a number, bring the file in, forget what was saved."""

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _t
from django.views.decorators.http import require_GET, require_POST

from accounts import access
from accounts.edge.refused import told
from accounts.rights import Right
from audiences import imports
from audiences.forms.dry_run import DELIMITERS, DryRunForm
from audiences.imports.columns import mappings
from audiences.imports.staging import looking
from audiences.imports.staging.outcomes import BEHIND
from audiences.models import Import, ImportMapping
from audiences.views.shared import visible_or_404
from campaign.lib.numbers import key as row_key

_IMPORTS = Import.objects.select_related("unit", "started_by", "audience")


def context(request: HttpRequest, importing: Import) -> dict[str, object]:
    """What the page of a dry run shows beside that of an import."""
    if not importing.is_dry:
        return {}
    is_here = importing.parts.exists()
    return {
        "dry_form": DryRunForm(importing=importing, user=request.user) if is_here else None,
        "saved": mappings.saved_for(importing),
        "delimiter_name": delimiter_name(importing.detected.get("delimiter", "")),
        "can_import": is_here and access.can(request.user, Right.IMPORT, importing.unit),
        "is_here": is_here,
    }


def delimiter_name(delimiter: str) -> str:
    """What people call a delimiter that was found."""
    return str(dict(DELIMITERS).get(delimiter, delimiter))


@require_POST
def look_again(request: HttpRequest, pk: int) -> HttpResponse:
    """The dry run once more, as is chosen now, or with what was saved for files like this."""
    importing = visible_or_404(request, _IMPORTS, pk)
    if "saved" in request.POST:
        options = imports.as_saved(importing)
    else:
        form = DryRunForm(request.POST, importing=importing, user=request.user)
        if not form.is_valid():
            messages.error(
                request, _t("This can't be chosen: %(errors)s") % {"errors": form.errors.as_text()}
            )
            return redirect("audiences:import", pk)
        options = form.options
    with told(request, importing, action="look_again"):
        imports.look_again(importing=importing, by=request.user, options=options)
    return redirect("audiences:import", pk)


@require_POST
def carry_out(request: HttpRequest, pk: int) -> HttpResponse:
    """Bring in what was looked through."""
    importing = visible_or_404(request, _IMPORTS, pk)
    with told(request, importing, action="import_profiles"):
        imports.carry_out(importing=importing, by=request.user)
    return redirect("audiences:import", pk)


@require_GET
def rows(request: HttpRequest, pk: int, count: str) -> HttpResponse:
    """Show the rows behind a number, from behind a line on; raise Http404 for a number that there is not."""
    importing = visible_or_404(request, _IMPORTS, pk)
    if count not in BEHIND or not importing.dry_run:
        raise Http404
    after = request.GET.get("after", "")
    page = looking.rows(importing, count, user=request.user, after=row_key(after) or 0)
    label = looking.label_of(importing, count)
    return render(
        request, "audiences/import_rows.html", {"importing": importing, "page": page, "label": label}
    )


@require_POST
def forget(request: HttpRequest, pk: int) -> HttpResponse:
    """What was saved for files of a header is not offered any more."""
    mapping = visible_or_404(request, ImportMapping.objects.select_related("unit"), pk)
    mappings.forget(mapping, by=request.user)
    messages.success(request, _t("The choices are forgotten."))
    importing = request.POST.get("importing", "")
    if (back := row_key(importing)) is not None:
        return redirect("audiences:import", back)
    return redirect("audiences:imports")
