"""The attributes of profiles: the list, a new one, and the question before one is removed."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _t
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods

from accounts import access
from accounts.rights import Right
from accounts.roles import root
from audiences.fields import attributes
from audiences.forms.attributes import AttributeForm
from audiences.models import Attribute
from audiences.views.shared import refusals_in
from campaign.lib.keyset import key_page


@require_http_methods(["GET", "HEAD", "POST"])
def listing(request: HttpRequest) -> HttpResponse:
    """What is declared, and how many more may be; the form for a new one."""
    form = AttributeForm(request.POST or None)
    if request.method == "POST":
        access.require(request.user, Right.DECLARE, root())
        if form.is_valid():
            with refusals_in(form):
                made = attributes.declare_one(**form.cleaned_data, by=request.user)
                messages.success(request, _t("“%(label)s” is declared.") % {"label": made})
                return redirect("audiences:attributes")
    rows = Attribute.objects.all()
    context = {
        "form": form,
        "page": key_page(rows, before=request.GET.get("before"), after=request.GET.get("after")),
        "number": rows.count(),
        "most": attributes.most(),
        "may_declare": attributes.may_declare(request.user),
        "who_declares": attributes.who_declares(),
    }
    return render(request, "audiences/attributes.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
def remove(request: HttpRequest, pk: int) -> HttpResponse:
    """What would be lost, and the name to be written; by POST it is gone."""
    attribute = get_object_or_404(Attribute, pk=pk)
    access.require(request.user, Right.DECLARE, root())
    if request.method == "POST":
        lost = attributes.remove(
            attribute=attribute, by=request.user, confirmed=request.POST.get("confirmed", "")
        )
        text = ngettext(
            "“%(label)s” is removed, with the values of %(number)d profile.",
            "“%(label)s” is removed, with the values of %(number)d profiles.",
            lost.profiles,
        )
        messages.success(request, text % {"label": attribute, "number": lost.profiles})
        return redirect("audiences:attributes")
    context = {"attribute": attribute, "loss": attributes.loss(attribute, request.user)}
    return render(request, "audiences/attribute_remove.html", context)
