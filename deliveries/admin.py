"""The operators' desk for deliveries: the same steps as on the pages, through the same verbs.

`status` is nobody's to write, nothing is deleted in bulk, and a form's saving is `drafting`'s.
"""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display
from unfold.widgets import (
    INPUT_CLASSES,
    UnfoldAdminEmailInputWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
)

from accounts import access
from accounts.desk import DeskAdmin, UnitFilter, VerbAdmin, VerbForm, anywhere, person, told
from accounts.rights import LABELS, Right
from campaign.lib import clock
from deliveries import (
    admin_lists,
    admin_steps,
    diagnosis,
    drafting,
    notices,
    outlook,
    remainders,
    seal,
    upcoming,
    uploads,
    zones,
)
from deliveries.admin_halts import HaltAdmin  # noqa: F401  these files register themselves once they are read
from deliveries.admin_instance import InstanceAdmin  # noqa: F401  the same
from deliveries.admin_routes import RouteAdmin  # noqa: F401  the same
from deliveries.admin_steps import Order
from deliveries.counts import tallies
from deliveries.forms import (
    WAVES_START,
    LocalDateTimeInput,
    WhenField,
    read_recurrence,
    read_schedule,
    schedule_settings,
    when_of,
)
from deliveries.models import (
    Delivery,
    DeliveryUserPermission,
    Notice,
    Occurrence,
    PastChoice,
    Preparation,
    ScheduleKind,
    Status,
    StatusChange,
    WaveBy,
)
from deliveries.models.content import PARTS
from deliveries.recurrence_forms import RECURRENCE_FIELDS, RecurrenceFields, with_known

COLOURS = {
    Status.DRAFT: "default",
    Status.PREPARING: "info",
    Status.PREPARATION_FAILED: "danger",
    Status.AWAITING_APPROVAL: "warning",
    Status.READY: "warning",
    Status.SCHEDULED: "primary",
    Status.SENDING: "info",
    Status.PAUSED: "warning",
    Status.ACTIVE: "primary",
    Status.SUSPENDED: "warning",
    Status.FINISHED: "success",
    Status.STOPPED: "danger",
    Status.FAILED: "danger",
    Status.EXPIRED: "default",
}
SETTINGS = [
    "label",
    "description",
    "unit",
    "audience",
    "schedule_kind",
    "validity_hours",
    "approval_policy",
    "tracking",
    "route",
]
PACE = ("past_choice", "wave_value", "wave_by", "wave_minutes", "wave_limit", "wave_start")
SCHEDULE = ("schedule_kind", "date", "time_zone", *PACE)
RECURRENCE_LAYOUT = [
    ("every", "unit_of_time"),
    "weekdays",
    ("month_by", "month_day"),
    ("position", "weekday"),
    "own_rule",
    ("starts_on", "at_time"),
    ("ends", "count", "until"),
    "excluded_dates",
    "request_confirmation",
    ("ahead_minutes", "expires_minutes"),
    ("remind_minutes", "late_minutes"),
    ("overlap", "size_limit"),
]
HISTORY, LOG, RUNS = 20, 30, 20


class _LocalDate(LocalDateTimeInput):
    def __init__(self) -> None:
        super().__init__()
        self.attrs["class"] = " ".join(INPUT_CLASSES)


class DeliveryForm(VerbForm, RecurrenceFields):
    """Settings and content of a delivery; what was changed is passed to `drafting`, the rest is left alone."""

    date = WhenField(
        required=False,
        label=_("Date and time"),
        widget=_LocalDate,
        help_text=_("As the clocks in the time zone show it."),
    )
    time_zone = forms.ChoiceField(choices=zones.choices, label=_("Time zone"), widget=UnfoldAdminSelectWidget)
    past_choice = forms.ChoiceField(
        choices=PastChoice.choices, required=False, initial=PastChoice.NEXT_DAY, widget=UnfoldAdminSelectWidget,
        label=_("Whose hour has passed when it is confirmed"),
    )  # fmt: skip
    wave_start = forms.ChoiceField(
        choices=WAVES_START,
        required=False,
        initial=ScheduleKind.AT_ONCE,
        label=_("The first wave leaves"),
        widget=UnfoldAdminSelectWidget,
    )
    wave_by = forms.ChoiceField(
        choices=WaveBy.choices, required=False, initial=WaveBy.NUMBER, label=_("What it counts"),
        widget=UnfoldAdminSelectWidget,
    )  # fmt: skip
    subject = forms.CharField(
        required=False, strip=False, label=_("Subject"), widget=UnfoldAdminTextInputWidget
    )
    preheader = forms.CharField(
        required=False, strip=False, label=_("Preheader"), widget=UnfoldAdminTextInputWidget
    )
    from_name = forms.CharField(required=False, label=_("Sender's name"), widget=UnfoldAdminTextInputWidget)
    from_address = forms.CharField(
        required=False, label=_("Sender's address"), widget=UnfoldAdminEmailInputWidget
    )
    reply_to = forms.CharField(required=False, label=_("Reply to"), widget=UnfoldAdminEmailInputWidget)
    html = forms.CharField(
        required=False, strip=False, label=_("HTML"), widget=UnfoldAdminTextareaWidget(attrs={"rows": 16})
    )
    text = forms.CharField(
        required=False, strip=False, label=_("Text part"), widget=UnfoldAdminTextareaWidget(attrs={"rows": 8})
    )

    class Meta:
        model = Delivery
        fields = [*SETTINGS, "wave_value", "wave_minutes", "wave_limit"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "unit" not in self.fields:
            return  # somebody who may only look
        units = access.units(self.by, Right.PREPARE)
        self.fields["unit"].queryset = units
        self.fields["audience"].queryset = access.visible(self.by, self.fields["audience"].queryset)
        self.initial.setdefault("time_zone", "UTC")
        if self.instance.pk:
            self.initial |= when_of(self.instance)
            with_known(self)
            # Who holds a right on this delivery alone may leave it where it is.
            self.fields["unit"].queryset = units | units.model.objects.filter(pk=self.instance.unit_id)
            content = self.instance.content
            self.initial |= {part: getattr(content, part) if content else "" for part in PARTS}
        elif self.by.home_unit_id:
            self.initial.setdefault("unit", self.by.home_unit_id)
        for name in RECURRENCE_FIELDS:
            widget = self.fields[name].widget
            if not isinstance(widget, forms.CheckboxInput | forms.CheckboxSelectMultiple | forms.RadioSelect):
                widget.attrs["class"] = " ".join(INPUT_CLASSES)

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        if not self.errors.keys() & {"date", "time_zone"}:
            read_schedule(self, data)
        read_recurrence(self, data)
        for part in ("html", "text"):
            data[part] = data.get(part, "").replace("\r\n", "\n").replace("\x00", "")
        return data

    def apply(self) -> Delivery:
        delivery = self._create() if not self.instance.pk else self._change()
        return Delivery.objects.get(pk=delivery.pk)

    def _create(self) -> Delivery:
        settings = {name: self.cleaned_data[name] for name in SETTINGS} | schedule_settings(self.cleaned_data)
        delivery = drafting.create(by=self.by, **settings)
        written = {part: self.cleaned_data[part] for part in PARTS if self.cleaned_data[part]}
        if written:
            drafting.write(delivery=delivery, by=self.by, at=clock.now(), **written)
        return delivery

    def _change(self) -> Delivery:
        delivery, data = self.fresh, self.cleaned_data
        settings = {name: data[name] for name in SETTINGS if name in self.changed_data}
        if set(SCHEDULE) & set(self.changed_data):
            settings |= schedule_settings(data)
        if settings:
            drafting.edit(delivery=delivery, by=self.by, at=clock.now(), **settings)
        parts = {part: data[part] for part in PARTS if part in self.changed_data}
        if "html" in parts:
            parts["html"] = uploads.for_pasted(delivery, parts["html"])
        if parts:
            drafting.write(delivery=delivery, by=self.by, at=clock.now(), **parts)
        return delivery


@admin.register(Delivery)
class DeliveryAdmin(VerbAdmin):
    form = DeliveryForm
    right = Right.VIEW
    list_display = ["name", "label", "state", "unit", "audience", "when", "to_deliver", "created_by"]
    list_display_links = ["name", "label"]
    list_filter = ["status", UnitFilter]
    list_select_related = ["unit", "audience", "preparation", "created_by"]
    search_fields = ["label", "=id"]
    ordering = ["-id"]
    change_form_outer_before_template = "admin/deliveries/delivery/_bar.html"
    change_form_outer_after_template = "admin/deliveries/delivery/_facts.html"
    warn_unsaved_form = True

    # -- who may what ------------------------------------------------------------------------------------

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.is_staff  # what he sees is `get_queryset`'s

    def has_add_permission(self, request: HttpRequest) -> bool:
        return Right.PREPARE in anywhere(request)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        if obj is None:
            return Right.PREPARE in anywhere(request)
        return self.may(request, Right.PREPARE, obj) and Status(obj.status).is_editable

    def get_queryset(self, request: HttpRequest) -> QuerySet[Delivery]:
        rows = Delivery.objects.visible_to(person(request)).select_related(
            "unit", "content", *self.list_select_related
        )
        return rows.defer("preparation__compiled", "preparation__manifest")

    # -- the list ----------------------------------------------------------------------------------------

    @display(description=_("ID"), ordering="id")
    def name(self, delivery: Delivery) -> str:
        return delivery.name

    @display(description=_("status"), ordering="status", label=COLOURS)
    def state(self, delivery: Delivery) -> tuple[str, Any]:
        return delivery.status, Status(delivery.status).label

    @display(description=_("when"), ordering="contact_date")
    def when(self, delivery: Delivery) -> str:
        if delivery.contact_date is None or delivery.has_moments:
            return str(outlook.in_words(delivery))
        return f"{delivery.contact_date.astimezone(delivery.zone):%Y-%m-%d %H:%M} {delivery.time_zone}"

    @display(description=_("to deliver"))
    def to_deliver(self, delivery: Delivery) -> int | None:
        return delivery.preparation.to_deliver if delivery.preparation and delivery.preparation.seal else None

    # -- one delivery ------------------------------------------------------------------------------------

    def get_fieldsets(self, request: HttpRequest, obj: Delivery | None = None) -> list[Any]:
        content = {
            "fields": ["subject", "preheader", ("from_name", "from_address"), "reply_to", "html", "text"]
        }
        settings = [
            (None, {"fields": [*(["status"] if obj else []), "label", "description", ("unit", "audience")]}),
            (
                _("Schedule"),
                {
                    "fields": [
                        "schedule_kind",
                        ("date", "time_zone"),
                        "past_choice",
                        ("wave_value", "wave_by"),
                        ("wave_minutes", "wave_limit", "wave_start"),
                        "validity_hours",
                    ]
                },
            ),
            (
                _("Recurring"),
                {
                    "classes": ["collapse"],
                    "description": _("Only for a recurring delivery."),
                    "fields": RECURRENCE_LAYOUT,
                },
            ),
            (_("Rules"), {"fields": ["approval_policy", "route", "tracking"]}),
        ]
        if obj is not None and not self.has_change_permission(request, obj):
            settings[1] = (_("Schedule"), {"fields": ["when", "validity_hours"]})
            del settings[2]
            return settings
        return [*settings, (_("Content"), content)]

    def get_readonly_fields(self, request: HttpRequest, obj: Delivery | None = None) -> list[str]:
        return ["status", "when"] if obj is not None else []

    def render_change_form(
        self,
        request: HttpRequest,
        context: dict[str, Any],
        *args: Any,
        obj: Delivery | None = None,
        **kwargs: Any,
    ) -> HttpResponse:
        if obj is not None:
            context |= self._facts(request, obj)
        return super().render_change_form(request, context, *args, obj=obj, **kwargs)

    def _facts(self, request: HttpRequest, delivery: Delivery) -> dict[str, Any]:
        user = person(request)
        waits = Status(delivery.status) in {Status.READY} and not self.may(request, Right.START, delivery)
        sealed = delivery.preparation is not None and bool(delivery.preparation.seal)
        return {
            "buttons": [
                # One main button at most: the first of them.
                (
                    one,
                    self._step_url(delivery, one.name),
                    one.variant if not place or one.variant == "danger" else "default",
                )
                for place, one in enumerate(admin_steps.offered(delivery, user))
            ],
            "ask": [str(one) for one in access.holders(Right.START, delivery)] if waits else None,
            "remainder": remainders.of(delivery),
            "upcoming": upcoming.of_delivery(delivery, at=clock.now()),
            "runs": upcoming.runs(delivery)[:RUNS],
            "run": upcoming.of_run(delivery),
            "plan": outlook.plan(delivery, at=clock.now()),
            "diagnoses": diagnosis.of_delivery(delivery, at=clock.now()),
            "changed_parts": seal.in_words(seal.changes(delivery))
            if Status(delivery.status).is_editable
            else "",
            "prepared": admin_steps.prepared(delivery) if delivery.preparation else None,
            "counts": tallies(delivery) if sealed and not delivery.is_recurring else None,
            "content_version": delivery.content,
            "history": delivery.history.select_related("by")[:HISTORY],
            "log": delivery.log.all()[:LOG],
            "listings": [
                (
                    listing.title,
                    reverse("admin:deliveries_delivery_listing", args=[delivery.pk, listing.name]),
                )
                for listing in admin_lists.LISTINGS.values()
            ],
            "single_rights": self._single_rights(request, delivery),
        }

    def _single_rights(self, request: HttpRequest, delivery: Delivery) -> Any:
        if not self.may(request, Right.ADMINISTER, delivery):
            return None
        return DeliveryUserPermission.objects.filter(content_object=delivery).select_related(
            "user", "permission"
        )

    # -- the steps ---------------------------------------------------------------------------------------

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        return [
            path("<int:pk>/step/<slug:name>/", view(self.step_view), name="deliveries_delivery_step"),
            path("<int:pk>/list/<slug:name>/", view(self.listing_view), name="deliveries_delivery_listing"),
            *super().get_urls(),
        ]

    def step_view(self, request: HttpRequest, pk: int, name: str) -> HttpResponse:
        """Take one step by POST; by GET ask first, where the step has a page for it."""
        desk_step = admin_steps.STEPS.get(name)
        if desk_step is None:
            raise Http404
        delivery = self._find(request, pk)
        back = redirect("admin:deliveries_delivery_change", delivery.pk)
        if request.method == "POST":
            return self._take(request, desk_step, delivery) or back
        if not desk_step.page:
            return back
        with told(request, delivery):
            context = desk_step.context(delivery, person(request), clock.now())
            return self._page(
                request, delivery, desk_step.page, title=desk_step.label,
                action=self._step_url(delivery, name), **context,
            )  # fmt: skip
        return back

    def _take(self, request: HttpRequest, desk_step: Any, delivery: Delivery) -> HttpResponse | None:
        with told(request, delivery):
            receipt = desk_step.take(Order(delivery, person(request), clock.now(), request.POST))
            messages.success(request, receipt.text)
            if receipt.is_gone:
                return redirect("admin:deliveries_delivery_changelist")
            if receipt.target is not None:
                return redirect("admin:deliveries_delivery_change", receipt.target.pk)
        return None

    def listing_view(self, request: HttpRequest, pk: int, name: str) -> HttpResponse:
        """A page of the sending log, the exclusion log or the unknown outcomes."""
        listing = admin_lists.LISTINGS.get(name)
        if listing is None:
            raise Http404
        delivery = self._find(request, pk)
        shown = admin_lists.page(listing, delivery, request)
        return self._page(request, delivery, "list", title=listing.title, page=shown)

    def _find(self, request: HttpRequest, pk: int) -> Delivery:
        """The delivery, for whoever may see it. For anybody else there is none, and a try at it is recorded."""
        found = self.get_queryset(request).filter(pk=pk).first()
        if found is None:
            hidden = Delivery.objects.filter(pk=pk).first()
            if hidden is not None and request.method == "POST":
                access.record_hidden(by=person(request), target=hidden)
            raise Http404
        return found

    def _page(self, request: HttpRequest, delivery: Delivery, name: str, **context: Any) -> TemplateResponse:
        return TemplateResponse(
            request,
            f"admin/deliveries/delivery/{name}.html",
            {
                **self.admin_site.each_context(request),
                "opts": self.opts,
                "delivery": delivery,
                "original": delivery,
                "back": reverse("admin:deliveries_delivery_change", args=[delivery.pk]),
                **context,
            },
        )

    @staticmethod
    def _step_url(delivery: Delivery, name: str) -> str:
        return reverse("admin:deliveries_delivery_step", args=[delivery.pk, name])


# -- rights on single deliveries ------------------------------------------------------------------------


class SingleGrantForm(VerbForm):
    delivery = forms.CharField(
        label=_("Delivery"), widget=UnfoldAdminTextInputWidget, help_text=_("Its ID: DM95")
    )
    right = forms.ChoiceField(
        label=_("Right"),
        widget=UnfoldAdminSelectWidget,
        choices=[
            (right.value, LABELS[right])
            for right in (Right.VIEW, Right.PREPARE, Right.START, Right.APPROVE, Right.EXPORT)
        ],
    )

    class Meta:
        model = DeliveryUserPermission
        fields = ["user"]

    def clean_delivery(self) -> Delivery:
        text = self.cleaned_data["delivery"].strip().upper().removeprefix("DM")
        rows = access.within(self.by, Right.ADMINISTER, Delivery.objects.all())
        found = rows.filter(pk=int(text)).first() if text.isdecimal() and len(text) < 19 else None
        if found is None:
            raise forms.ValidationError(_("There is no such delivery."))
        return found

    def apply(self) -> DeliveryUserPermission:
        data = self.cleaned_data
        access.grant_single(
            user=data["user"], right=Right(data["right"]), target=data["delivery"], by=self.by
        )
        return DeliveryUserPermission.objects.get(
            user=data["user"], content_object=data["delivery"], permission__codename=data["right"]
        )


@admin.register(DeliveryUserPermission)
class SingleGrantAdmin(VerbAdmin):
    """Who holds which right on one delivery alone. A right is given or taken back, never changed."""

    form = SingleGrantForm
    under_unit = False
    list_display = ["user", "right_held", "delivery"]
    list_select_related = ["user", "permission", "content_object__unit"]
    autocomplete_fields = ["user"]

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> list[Any]:
        return [
            (None, {"fields": ["user", "right_held", "delivery"] if obj else ["user", "right", "delivery"]})
        ]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        return ["right_held", "delivery"] if obj else []

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        if Right.ADMINISTER not in anywhere(request):
            return False
        return obj is None or self.may(request, Right.ADMINISTER, obj.content_object)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return Right.ADMINISTER in anywhere(request)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.has_view_permission(request, obj)

    def get_queryset(self, request: HttpRequest) -> QuerySet[DeliveryUserPermission]:
        mine = access.within(person(request), Right.ADMINISTER, Delivery.objects.all())
        rows = DeliveryUserPermission.objects.filter(content_object__in=mine.values("pk"))
        return rows.select_related(*self.list_select_related)

    def delete_model(self, request: HttpRequest, obj: DeliveryUserPermission) -> None:
        access.revoke_single(
            user=obj.user, right=Right(obj.permission.codename), target=obj.content_object, by=person(request)
        )

    @display(description=_("right"))
    def right_held(self, grant: DeliveryUserPermission) -> Any:
        return LABELS[Right(grant.permission.codename)]

    @display(description=_("delivery"))
    def delivery(self, grant: DeliveryUserPermission) -> str:
        return f"{grant.content_object.name} {grant.content_object}"


# -- to read --------------------------------------------------------------------------------------------


class OfDeliveryAdmin(DeskAdmin):
    """Rows of a delivery, for those who may see it."""

    right = Right.VIEW
    under_unit = False

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.is_staff

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        mine = Delivery.objects.visible_to(person(request))
        return self.model._default_manager.filter(delivery__in=mine.values("pk"))


@admin.register(StatusChange)
class StatusChangeAdmin(OfDeliveryAdmin):
    list_display = ["at", "delivery", "step", "old", "new", "by", "face", "os_user", "comment"]
    list_filter = ["step", "face"]
    list_select_related = ["delivery", "by"]
    search_fields = ["delivery__label", "comment"]


@admin.register(Preparation)
class PreparationAdmin(OfDeliveryAdmin):
    list_display = [
        "delivery",
        "number",
        "status",
        "started_at",
        "ended_at",
        "targeted",
        "excluded",
        "to_deliver",
    ]
    list_filter = ["status"]
    list_select_related = ["delivery"]
    search_fields = ["delivery__label"]
    ordering = ["-id"]
    exclude = ["compiled", "manifest", "content", "backend_pid", "lease_until"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Preparation]:
        return super().get_queryset(request).defer("compiled", "manifest")


@admin.register(Occurrence)
class OccurrenceAdmin(DeskAdmin):
    """Every moment of every series, and what became of it."""

    right = Right.VIEW
    under_unit = False
    list_display = ["moment", "of_series", "execution", "state", "skipped"]
    list_filter = ["skipped", "execution__status"]
    list_select_related = ["series__delivery", "execution"]
    search_fields = ["series__delivery__label"]
    ordering = ["-moment"]

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.is_staff

    def get_queryset(self, request: HttpRequest) -> QuerySet[Occurrence]:
        mine = Delivery.objects.visible_to(person(request)).order_by().values("pk")
        return Occurrence.objects.filter(series__delivery__in=mine).select_related(*self.list_select_related)

    @display(description=_("series"))
    def of_series(self, occurrence: Occurrence) -> str:
        return f"{occurrence.series.delivery.name} {occurrence.series.delivery}"

    @display(description=_("status"), label=COLOURS)
    def state(self, occurrence: Occurrence) -> Any:
        run = occurrence.execution
        return (run.status, Status(run.status).label) if run else None


@admin.register(Notice)
class NoticeAdmin(DeskAdmin):
    """What the person who looks was told; nobody reads another's."""

    right = Right.VIEW
    under_unit = False
    list_display = ["at", "kind", "delivery", "text", "seen_at", "mailed_at"]
    list_filter = ["kind"]
    list_select_related = ["delivery"]

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.is_staff

    def get_queryset(self, request: HttpRequest) -> QuerySet[Notice]:
        return notices.shown_to(person(request))
