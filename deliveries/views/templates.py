"""Templates of content: the list, one of them, and what a delivery begins with."""

from typing import Any

from django.conf import settings
from django.contrib import messages
from django.db.models import Q
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils.translation import gettext as _t
from django.views.decorators.clickjacking import xframe_options_sameorigin
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts import access, audit
from accounts.rights import Right
from campaign.lib import clock, numbers
from campaign.lib.keyset import key_page
from campaign.lib.refusals import Forbidden, Refusal
from deliveries.content.source import Source
from deliveries.drafting import content_templates, shipped
from deliveries.drafting.shipped import Shipped
from deliveries.forms.templates import KeepAsTemplate, TemplateForm
from deliveries.models import ContentTemplate, Delivery
from deliveries.proofs import previews
from deliveries.views.content import FRAME_POLICY
from deliveries.views.shared import find, find_editable, page, person, refused_to_dashboard, told

MOST_SHOWN = 24  # of a unit's templates, each with a picture of itself, in the choice for a delivery


@require_safe
def listing(request: HttpRequest) -> HttpResponse:
    """The templates that the person may see, newest first, and those that come with the product."""
    words = request.GET.get("q", "").strip().replace("\0", "")[:200]
    rows = content_templates.seen_by(person(request)).defer("html", "text")
    if words:
        rows = rows.filter(Q(label__icontains=words) | Q(subject__icontains=words))
    found = key_page(rows, before=request.GET.get("before"), after=request.GET.get("after"))
    context = {
        "page": found,
        "q": words,
        "shipped": shipped.offered(),
        "may_write": access.units(person(request), Right.PREPARE).exists(),
    }
    return page(request, "templates", context)


@require_http_methods(["GET", "HEAD", "POST"])
def create(request: HttpRequest) -> HttpResponse:
    """A new template, empty or as one that comes with the product.

    Raise NotAllowed for a person who may prepare nowhere.
    """
    by = person(request)
    if not access.units(by, Right.PREPARE).exists():
        raise access.NotAllowed(by=by, right=Right.PREPARE, target=by)
    begun = shipped.named(request.GET.get("as", ""))
    initial = {part: getattr(begun, part) for part in content_templates.PARTS} if begun else {}
    initial |= {"unit": by.home_unit_id, "label": begun.label if begun else ""}
    return _written(request, None, TemplateForm(request.POST or None, by=by, initial=initial))


@require_http_methods(["GET", "HEAD", "POST"])
def edit(request: HttpRequest, pk: int) -> HttpResponse:
    """One template: to read for those who may see it, to change for those who prepare in its unit."""
    template = _seen(request, pk)
    if not access.can(person(request), Right.PREPARE, template.unit):
        if request.method == "POST":
            access.require(person(request), Right.PREPARE, template.unit)
        return page(request, "template", {"template": template})
    parts = (*content_templates.PARTS, "unit", "label")
    initial = {part: getattr(template, part) for part in parts}
    form = TemplateForm(request.POST or None, by=person(request), initial=initial)
    return _written(request, template, form)


def _written(request: HttpRequest, template: ContentTemplate | None, form: TemplateForm) -> HttpResponse:
    if request.method == "POST" and form.is_valid():
        try:
            saved = content_templates.save(template=template, by=person(request), at=clock.now(), **form.said)
        except Forbidden:
            raise
        except Refusal as refusal:
            audit.record_refusal(refusal, by=person(request), target=template, action="save_template")
            form.add_error(None, str(refusal))
        else:
            messages.success(request, _t("“%(template)s” is saved.") % {"template": saved})
            return redirect("deliveries:template", saved.pk)
    return page(request, "template", {"form": form, "template": template})


@require_POST
def delete(request: HttpRequest, pk: int) -> HttpResponse:
    """The template is gone; what began with it stays."""
    template = _seen(request, pk)
    content_templates.delete(template=template, by=person(request))
    messages.success(request, _t("“%(template)s” is deleted.") % {"template": template})
    return redirect("deliveries:templates")


@require_safe
@xframe_options_sameorigin
def frame(request: HttpRequest, key: str) -> HttpResponse:
    """Return what begins with the template, alone, for a frame: it runs nothing."""
    template = _named(request, key)
    source = Source(
        subject=template.subject, preheader=template.preheader, from_name="", from_address="", reply_to="",
        html=template.html, text=template.text,
    )  # fmt: skip
    answer = page(request, "frame", {"preview": previews.of_source(source, pictures=_addresses(template))})
    answer["Content-Security-Policy"] = FRAME_POLICY
    answer["Referrer-Policy"] = "no-referrer"
    return answer


def _addresses(template: ContentTemplate | Shipped) -> dict[str, str]:
    if isinstance(template, Shipped):
        return {}
    rows = template.pictures.values_list("path", "sha256", "media_type")
    return {path: f"{settings.PUBLIC_URL}/i/{sha}.{kind.rpartition('/')[2]}" for path, sha, kind in rows}


# -- what a delivery begins with ---------------------------------------------------------------------------


@require_http_methods(["GET", "HEAD", "POST"])
@refused_to_dashboard
def begin(request: HttpRequest, pk: int) -> HttpResponse:
    """Choose a template, or the last delivery of the unit, as the next version of the content."""
    delivery = find_editable(request, pk)
    last = content_templates.latest(delivery, by=person(request))
    if request.method == "POST" and _begun(request, delivery, last):
        return redirect("deliveries:content", pk)
    own = content_templates.of_unit(delivery.unit).defer("html", "text")
    seen = content_templates.seen_by(person(request))
    context = {
        "delivery": delivery,
        "last": last,
        "templates": own.filter(pk__in=seen.values("pk")).order_by("-changed_at")[:MOST_SHOWN],
        "shipped": shipped.offered(),
    }
    return page(request, "begin", context)


def _begun(request: HttpRequest, delivery: Delivery, last: Delivery | None) -> bool:
    how: dict[str, Any] = {"delivery": delivery, "by": person(request), "at": clock.now()}
    with told(request, delivery, action="begin_content"):
        if request.POST.get("last"):
            if last is None:
                raise Http404
            content = content_templates.begin_as(other=last, **how)
        else:
            content = content_templates.begin_with(
                template=_named(request, request.POST.get("template", "")), **how
            )
        text = _t("Version %(number)s begins with it. Your earlier versions stay below.")
        messages.success(request, text % {"number": content.number})
        return True
    return False


@require_POST
def keep(request: HttpRequest, pk: int) -> HttpResponse:
    """The content as it was saved last becomes a template."""
    delivery = find(request, pk)
    form = KeepAsTemplate(request.POST, by=person(request))
    if not form.is_valid():
        messages.error(request, " ".join(str(each[0]) for each in form.errors.values()))
        return redirect("deliveries:content", pk)
    with told(request, delivery, action="save_template"):
        kept = content_templates.keep(
            delivery=delivery, by=person(request), at=clock.now(), **form.cleaned_data
        )
        messages.success(request, _t("“%(template)s” is saved as a template.") % {"template": kept})
    return redirect("deliveries:content", pk)


def _seen(request: HttpRequest, pk: int) -> ContentTemplate:
    return get_object_or_404(content_templates.seen_by(person(request)), pk=pk)


def _named(request: HttpRequest, key: str) -> ContentTemplate | Shipped:
    """The template of this number, or that of this name which comes with the product. Raise Http404 for neither."""
    if found := shipped.named(key):
        return found
    if (number := numbers.key(key)) is None:
        raise Http404
    return _seen(request, number)
