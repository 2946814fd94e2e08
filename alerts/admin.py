"""The operators' desk: alerts to read, limits of units, webhooks and what they were told, one's own choices."""

from datetime import UTC
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import URLPattern, path
from django.utils.html import format_html_join
from django.utils.safestring import mark_safe
from django.utils.text import capfirst
from django.utils.translation import gettext as _t
from django.utils.translation import gettext_lazy as _
from django.utils.translation import gettext_noop as n_
from django.views.decorators.http import require_POST
from unfold.decorators import display

from accounts import access
from accounts.desk import DeskAdmin, UnitFilter, VerbAdmin, VerbForm, ViewersAdmin, person, told
from accounts.rights import Right
from alerts import choices, words
from alerts import limits as limiting
from alerts.choices import Chosen
from alerts.models import (
    Alert,
    AlertChoice,
    AlertLimits,
    Condition,
    MailWhen,
    Webhook,
    WebhookAttempt,
    WebhookMessage,
    Whose,
)
from alerts.webhooks import registry
from campaign.lib import clock, reader_zone
from campaign.lib.reader_zone import SHAPE_OF_LOGS
from deliveries.desk import OfDeliveryAdmin

SECRET = n_("Its secret, which is not shown again: %(secret)s")


@admin.register(Alert)
class AlertAdmin(OfDeliveryAdmin):
    """The alerts of the deliveries that whoever is signed in may see."""

    list_display = ["opened_at", "condition", "delivery", "said", "held_at", "closed_at"]
    list_filter = ["condition", ("closed_at", admin.EmptyFieldListFilter)]
    list_select_related = ["delivery"]
    search_fields = ["delivery__label"]

    def _lookups(self, request: HttpRequest | None) -> set[str]:
        return {"condition", "condition__exact", "condition__isnull", "closed_at__isempty"}

    @display(description=_("what it says"))
    def said(self, alert: Alert) -> str:
        return words.sentence(alert)


class LimitsForm(VerbForm):
    class Meta:
        model = AlertLimits
        fields = ["unit", *limiting.NAMES]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk:
            self.fields["unit"].disabled = True
        else:
            self.fields["unit"].queryset = access.units(self.by, Right.ADMINISTER).order_by("path")
        if "holds" in self.fields:
            self.fields["holds"].widget.choices = [
                ("unknown", _("As above")),
                ("true", _("Yes")),
                ("false", _("No")),
            ]

    def apply(self) -> AlertLimits:
        return limiting.save(by=self.by, **self.cleaned_data)


@admin.register(AlertLimits)
class AlertLimitsAdmin(VerbAdmin):
    """What units say of themselves; what is left empty holds as above."""

    form = LimitsForm
    list_display = ["unit", *limiting.NAMES]
    list_select_related = ["unit"]
    list_filter = [UnitFilter]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.has_view_permission(request, obj)


class WebhookForm(VerbForm):
    """The secret of a new one is said once, in a message above the page that answers."""

    secret = ""

    class Meta:
        model = Webhook
        fields = ["unit", "label", "url", "conditions", "is_active"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk:
            self.fields["unit"].disabled = True
        else:
            self.fields.pop("is_active", None)
            self.fields["unit"].queryset = access.units(self.by, Right.ADMINISTER).order_by("path")

    def apply(self) -> Webhook:
        if self.instance.pk:
            named = {name: self.cleaned_data[name] for name in ("label", "url", "conditions", "is_active")}
            return registry.change(webhook=self.fresh, by=self.by, **named)
        made, self.secret = registry.create(by=self.by, at=clock.now(), **self.cleaned_data)
        return made


@admin.register(Webhook)
class WebhookAdmin(ViewersAdmin):
    """Other programs that are told of alerts."""

    form = WebhookForm
    list_display = ["label", "unit", "url", "is_active", "created_by", "created_at"]
    list_select_related = ["unit", "created_by"]
    list_filter = [UnitFilter, "is_active"]
    search_fields = ["label"]
    change_form_outer_before_template = "admin/alerts/_webhook.html"

    def get_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        return ["unit", "label", "url", "conditions", *(["is_active"] if obj else [])]

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        if db_field.name == "conditions":
            return forms.MultipleChoiceField(
                choices=Condition.choices, required=False, widget=forms.CheckboxSelectMultiple,
                label=capfirst(db_field.verbose_name), help_text=db_field.help_text,
            )  # fmt: skip
        return super().formfield_for_dbfield(db_field, request, **kwargs)

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        if form.secret:
            messages.warning(request, _t(SECRET) % {"secret": form.secret})

    def delete_model(self, request: HttpRequest, obj: Webhook) -> None:
        registry.remove(webhook=obj, by=person(request))

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        return [
            path("<int:pk>/test/", view(require_POST(self.test_view)), name="alerts_webhook_test"),
            path("<int:pk>/rotate/", view(require_POST(self.rotate_view)), name="alerts_webhook_rotate"),
            *super().get_urls(),
        ]

    def test_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """A signed example is on its way."""
        webhook = get_object_or_404(self.get_queryset(request), pk=pk)
        with told(request, webhook):
            registry.test(webhook=webhook, by=person(request), at=clock.now())
            messages.info(request, _t("A signed example is on its way: look again in a moment."))
        return redirect("admin:alerts_webhook_change", pk)

    def rotate_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Another secret, said once."""
        webhook = get_object_or_404(self.get_queryset(request), pk=pk)
        with told(request, webhook):
            secret = registry.rotate(webhook=webhook, by=person(request), at=clock.now())
            messages.warning(request, _t(SECRET) % {"secret": secret})
        return redirect("admin:alerts_webhook_change", pk)


@admin.register(WebhookMessage)
class WebhookMessageAdmin(DeskAdmin):
    """What webhooks were told, and what came of it."""

    under_unit = False
    list_display = ["at", "receiver", "event", "stands", "tries", "last_answer"]
    list_filter = ["event"]
    list_select_related = ["webhook"]
    fields = ["at", "receiver", "event", "stands", "answers", "what"]
    readonly_fields = ["receiver", "stands", "answers", "what"]

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.is_staff

    def get_queryset(self, request: HttpRequest) -> QuerySet[WebhookMessage]:
        mine = registry.administered_by(person(request)).order_by().values("pk")
        return WebhookMessage.objects.filter(webhook__in=mine).prefetch_related("attempts")

    @display(description=_("webhook"), ordering="webhook")
    def receiver(self, row: WebhookMessage) -> str:
        return str(row.webhook)

    @display(description=_("what was told"))
    def what(self, row: WebhookMessage) -> str:
        return row.body

    @display(description=_("how it stands"))
    def stands(self, row: WebhookMessage) -> Any:
        if row.taken_at:
            return _("Taken")
        return _("Given up") if row.is_given_up else _("To be told")

    @display(description=_("last answer"))
    def last_answer(self, row: WebhookMessage) -> str:
        return next((_answer(each) for each in row.attempts.all()), "–")

    @display(description=_("attempts"))
    def answers(self, row: WebhookMessage) -> str:
        """Each attempt in a line of its own, the latest first."""
        zone = reader_zone.known() or UTC
        lines = [
            (
                f"{reader_zone.written(each.at, zone, SHAPE_OF_LOGS)} · {_answer(each)} · {each.milliseconds} ms",
            )
            for each in row.attempts.all()
        ]
        return format_html_join(mark_safe("<br>"), "{}", lines) or "–"


def _answer(attempt: WebhookAttempt) -> str:
    """What the other side said, or why nothing was heard of it."""
    said = [str(attempt.status or ""), _t(attempt.problem) if attempt.problem else ""]
    return " · ".join(filter(None, said)) or "–"


class ChoiceForm(VerbForm):
    class Meta:
        model = AlertChoice
        fields = ["condition", "whose", "mail"]

    def apply(self) -> AlertChoice:
        data = self.cleaned_data
        condition = Condition(data["condition"])
        choices.save(by=self.by, chosen={condition: Chosen(Whose(data["whose"]), MailWhen(data["mail"]))})
        return AlertChoice.objects.get(user=self.by, condition=condition)


@admin.register(AlertChoice)
class AlertChoiceAdmin(VerbAdmin):
    """How whoever is signed in is told of alerts; nobody sees the choices of others."""

    form = ChoiceForm
    under_unit = False
    list_display = ["condition", "whose", "mail"]
    fields = ["condition", "whose", "mail"]

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.is_staff

    def has_add_permission(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.has_view_permission(request, obj)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        return []

    def get_queryset(self, request: HttpRequest) -> QuerySet[AlertChoice]:
        return AlertChoice.objects.filter(user=person(request))
