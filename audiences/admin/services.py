"""Services: what people subscribe to, the words by which they are asked, and sign-ups as they came."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import Count, Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import URLPattern, path
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_POST
from unfold.decorators import display

from accounts.desk import ReadableJSON, UnitFilter, person, told
from accounts.rights import Right
from audiences.admin.base import InUnitAdmin, OwnUnits
from audiences.models import Service
from audiences.services import definitions, texts
from campaign.lib import clock


class ServiceForm(OwnUnits):
    words: Any = ReadableJSON(
        label=_("Words"),
        required=False,
        help_text=_(
            "By language: consent, subject and body. What is changed is a new text, which somebody activates."
        ),
        widget=forms.Textarea(attrs={"rows": 16, "class": "vLargeTextField"}),
    )

    class Meta:
        model = Service
        fields = ["label", "public_name", "unit", "double_opt_in", "is_open"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "words" in self.fields:
            latest = self.instance.texts.first() if self.instance.pk else None
            self.initial["words"] = latest.words if latest else texts.shipped()

    def apply(self) -> Service:
        data, at = self.cleaned_data, clock.now()
        named = {name: data[name] for name in ("label", "public_name", "double_opt_in")}
        if not self.instance.pk:
            return definitions.create(**named, unit=data["unit"], words=data["words"], by=self.by, at=at)
        service = definitions.change(service=self.fresh, **named, is_open=data["is_open"], by=self.by)
        texts.write(service=service, words=data["words"], by=self.by, at=at)
        return service


@admin.register(Service)
class ServiceAdmin(InUnitAdmin):
    """What people subscribe to. Its form takes nobody before a holder of *Start deliveries* activates its text."""

    form = ServiceForm
    list_display = ["label", "public_name", "unit", "double_opt_in", "is_open", "subscribed", "in_force"]
    list_filter = ["double_opt_in", "is_open", UnitFilter]
    search_fields = ["label", "public_name"]
    list_select_related = ["unit", "text"]
    change_form_outer_before_template = "admin/audiences/service/_activate.html"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Service]:
        rows = super().get_queryset(request)
        return rows.annotate(current=Count("subscriptions", filter=Q(subscriptions__ended_at=None)))

    def get_fieldsets(self, request: HttpRequest, obj: Service | None = None) -> list[Any]:
        fields = ["label", "public_name", "unit", "double_opt_in"]
        fields += ["is_open", "subscribed", "in_force"] if obj is not None else []
        may_write = obj is None or self.has_change_permission(request, obj)
        return [(None, {"fields": [*fields, *(["words"] if may_write else [])]})]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        return ["unit", "subscribed", "in_force"] if obj is not None else []

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        return [
            path(
                "<int:pk>/activate/",
                view(require_POST(self.activate_view)),
                name="audiences_service_activate",
            ),
            *super().get_urls(),
        ]

    def activate_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """The latest text, which the seal names, is in force."""
        service = get_object_or_404(self.get_queryset(request), pk=pk)
        with told(request, service):
            seal = request.POST.get("seal", "")
            texts.activate(service=service, seal=seal, by=person(request), at=clock.now())
            messages.success(request, _("The text is in force."))
        return redirect("admin:audiences_service_change", pk)

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, obj: Any = None, **kwargs: Any
    ) -> HttpResponse:
        latest = obj.texts.first() if obj is not None else None
        if latest is not None:
            context["latest"] = latest
            context["may_activate"] = latest.pk != obj.text_id and self.may(request, Right.START, obj)
        return super().render_change_form(request, context, *args, obj=obj, **kwargs)

    @display(description=_("subscribed"))
    def subscribed(self, service: Any) -> int:
        return service.current

    @display(description=_("text in force"))
    def in_force(self, service: Service) -> Any:
        return service.text.number if service.text else "–"
