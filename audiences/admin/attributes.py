"""What profiles may have beside their own fields."""

from typing import Any

from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils.translation import gettext_lazy as _

from accounts import access
from accounts.desk import VerbAdmin, VerbForm, administers_everything, anywhere, person, told
from accounts.rights import Right
from accounts.roles import root
from audiences.fields import attributes
from audiences.models import Attribute


class AttributeForm(VerbForm):
    class Meta:
        model = Attribute
        fields = ["name", "label", "kind"]

    def apply(self) -> Attribute:
        data = self.cleaned_data
        if self.instance.pk:
            return attributes.relabel(attribute=self.fresh, label=data["label"], by=self.by)
        return attributes.declare_one(name=data["name"], label=data["label"], kind=data["kind"], by=self.by)


@admin.register(Attribute)
class AttributeAdmin(VerbAdmin):
    """What profiles may have beside their own fields. Its name and kind stay: contents and rules use them."""

    form = AttributeForm
    under_unit = False
    list_display = ["name", "label", "kind"]
    search_fields = ["name", "label"]
    change_form_outer_before_template = "admin/audiences/attribute/_remove.html"

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return administers_everything(request) or self._declares(request)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return self._declares(request)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self._declares(request)

    def _declares(self, request: HttpRequest) -> bool:
        return Right.DECLARE in anywhere(request) and self.may(request, Right.DECLARE, root())

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        return ["name", "kind"] if obj is not None else []

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        return [
            path("<int:pk>/remove/", view(self.remove_view), name="audiences_attribute_remove"),
            *super().get_urls(),
        ]

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, obj: Any = None, **kwargs: Any
    ) -> HttpResponse:
        context["may_remove"] = obj is not None and self._declares(request)
        return super().render_change_form(request, context, *args, obj=obj, **kwargs)

    def remove_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """What would be lost, with the name to be written; by POST the attribute is gone."""
        attribute = get_object_or_404(Attribute, pk=pk)
        access.require(person(request), Right.DECLARE, root())
        if request.method == "POST":
            with told(request, attribute):
                attributes.remove(
                    attribute=attribute, by=person(request), confirmed=request.POST.get("confirmed", "")
                )
                messages.success(request, _("The attribute is removed."))
                return redirect("admin:audiences_attribute_changelist")
        context = {
            **self.admin_site.each_context(request), "opts": self.opts, "attribute": attribute,
            "title": _("Remove"), "loss": attributes.loss(attribute, person(request)),
        }  # fmt: skip
        return TemplateResponse(request, "admin/audiences/attribute/remove.html", context)
