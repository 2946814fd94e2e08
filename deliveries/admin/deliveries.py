"""The operators' desk for deliveries: the same steps as on the pages, through the same verbs.

`status` can't be edited, nothing is deleted in bulk, and what a form changes is saved by `drafting`.
"""

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.functional import lazy
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from accounts import access
from accounts.desk import UnitFilter, VerbAdmin, anywhere, person, told
from accounts.rights import Right
from campaign.lib import clock, reader_zone
from deliveries import desk
from deliveries.admin import buttons, lists
from deliveries.admin.folders import FolderFilter
from deliveries.admin.form import RECURRENCE_LAYOUT, DeliveryForm
from deliveries.admin.grants import SingleGrantAdmin  # noqa: F401  these files register themselves once they are read
from deliveries.admin.halts import HaltAdmin  # noqa: F401  the same
from deliveries.admin.history import NoticeAdmin  # noqa: F401  the same
from deliveries.admin.instance import InstanceAdmin  # noqa: F401  the same
from deliveries.admin.routes import RouteAdmin  # noqa: F401  the same
from deliveries.admin.status import StandingList, pill
from deliveries.desk import COLOURS, Order
from deliveries.drafting import attachments
from deliveries.ledger.tallies import tallies
from deliveries.lifecycle import groups, seal
from deliveries.models import Delivery, DeliveryUserPermission, Occurrence
from deliveries.operations import remainders
from deliveries.overview import diagnosis, figures, reasons
from deliveries.overview import state as standing
from deliveries.schedule import plan_report
from deliveries.series import calendar
from deliveries.templatetags.deliveries import figure_rows

HISTORY, LOG, RUNS = 20, 30, 20


@admin.register(Delivery)
class DeliveryAdmin(VerbAdmin):
    form = DeliveryForm
    right = Right.VIEW
    list_display = [
        "name",
        "label",
        "state",
        "unit",
        "audience",
        "when",
        "to_deliver",
        "unsubscribes",
        "created_by",
    ]
    list_display_links = ["name", "label"]
    list_filter = ["status", UnitFilter, FolderFilter]
    list_select_related = ["unit", "audience", "preparation", "created_by"]
    search_fields = ["label", "=id"]
    ordering = ["-id"]
    change_form_outer_before_template = "admin/deliveries/delivery/_bar.html"
    change_form_outer_after_template = "admin/deliveries/delivery/_facts.html"
    warn_unsaved_form = True

    # -- who may what ------------------------------------------------------------------------------------

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.is_staff  # `get_queryset` limits what they see

    def has_add_permission(self, request: HttpRequest) -> bool:
        return Right.PREPARE in anywhere(request)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        if obj is None:
            return Right.PREPARE in anywhere(request)
        return self.may(request, Right.PREPARE, obj) and obj.status in groups.EDITABLE

    def get_queryset(self, request: HttpRequest) -> QuerySet[Delivery]:
        rows = Delivery.objects.visible_to(person(request)).select_related(
            "unit", "content", *self.list_select_related
        )
        return rows.defer("preparation__compiled", "preparation__manifest")

    # -- the list ----------------------------------------------------------------------------------------

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[StandingList]:
        return StandingList

    def delivery_of(self, row: Delivery) -> Delivery:
        return row

    @display(description=_("ID"), ordering="id")
    def name(self, delivery: Delivery) -> str:
        return delivery.name

    @display(description=_("status"), ordering="status", label=COLOURS)
    def state(self, delivery: Delivery) -> tuple[str, Any]:
        return pill(delivery)

    @display(description=_("when"), ordering="contact_date")
    def when(self, delivery: Delivery) -> str:
        if delivery.contact_date is None or delivery.has_moments:
            return str(plan_report.in_words(delivery))
        return reader_zone.in_words(delivery.contact_date, delivery.zone)

    @display(description=_("to deliver"))
    def to_deliver(self, delivery: Delivery) -> int | None:
        return delivery.preparation.to_deliver if delivery.preparation and delivery.preparation.seal else None

    @display(description=lazy(lambda: str(figures.named("unsubscribers").label), str)())
    def unsubscribes(self, delivery: Delivery) -> Any:
        number = delivery.figures.get("unsubscribers")
        if not number:
            return number
        return format_html('<a href="{}">{}</a>', figure_rows(delivery, "unsubscribers"), number)

    # -- one delivery ------------------------------------------------------------------------------------

    @admin.display(description=_("status"))
    def state_in_words(self, delivery: Delivery) -> Any:
        return standing.of(delivery).words

    def get_fieldsets(self, request: HttpRequest, obj: Delivery | None = None) -> list[Any]:
        content = {
            "fields": [
                "template",
                "subject",
                "preheader",
                "sender",
                ("from_name", "from_address"),
                "reply_to",
                "html",
                "text",
            ]
        }
        content["fields"] += ["attach", "take_away"] if obj is not None else ["attach"]
        settings = [
            (
                None,
                {
                    "fields": [
                        *(["state_in_words"] if obj else []),
                        "label",
                        "description",
                        ("unit", "audience"),
                        ("folder", "service"),
                        "days_after",
                    ]
                },
            ),
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
                    "classes": [] if "schedule_kind" in request.GET else ["collapse"],
                    "description": _("Only for a recurring delivery."),
                    "fields": RECURRENCE_LAYOUT,
                },
            ),
            (
                _("Rules"),
                {"fields": ["approval_policy", "route", "tracking", "link_parameters", "link_domains"]},
            ),
        ]
        if obj is not None and not self.has_change_permission(request, obj):
            settings[1] = (_("Schedule"), {"fields": ["when", "validity_hours"]})
            del settings[2]
            return settings
        return [*settings, (_("Content"), content)]

    def get_readonly_fields(self, request: HttpRequest, obj: Delivery | None = None) -> list[str]:
        return ["state_in_words", "when"] if obj is not None else []

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

    def bar(self, request: HttpRequest, delivery: Delivery) -> dict[str, Any]:
        """Return what this person may do with the delivery now, or why they can't, for its bar of buttons."""
        user = person(request)
        steps = desk.offered(delivery, user)
        closed = buttons.barred(steps, delivery)
        if closed:
            steps = [one for one in steps if one.page or not one.needs_open]
        return {
            "closed": closed,
            "buttons": [
                # One main button at most: the first of them.
                (
                    one,
                    self._step_url(delivery, one.name),
                    one.variant if not place or one.variant == "danger" else "default",
                )
                for place, one in enumerate(steps)
            ],
            "instead": reasons.instead(delivery, user, access.held(user, delivery)),
            "changed_parts": seal.in_words(seal.changes(delivery))
            if delivery.status in groups.EDITABLE
            else "",
        }

    def runs(self, delivery: Delivery) -> list[Occurrence]:
        """Return the last runs of a series; they and the delivery have their states, in a flat number of queries."""
        runs = list(calendar.runs(delivery)[:RUNS])
        standing.annotate([delivery, *(row.execution for row in runs if row.execution)])
        return runs

    def _facts(self, request: HttpRequest, delivery: Delivery) -> dict[str, Any]:
        sealed = delivery.preparation is not None and bool(delivery.preparation.seal)
        runs = self.runs(delivery)
        bar = self.bar(request, delivery)
        said = {one.code for one in bar["closed"]}
        return {
            **bar,
            "remainder": remainders.of(delivery),
            "upcoming": calendar.of_delivery(delivery, at=clock.now()),
            "runs": runs,
            "run": calendar.of_run(delivery),
            "plan": plan_report.plan(delivery, at=clock.now()),
            "diagnoses": [
                one for one in diagnosis.of_delivery(delivery, at=clock.now()) if one.code not in said
            ],
            "prepared": desk.prepared(delivery) if delivery.preparation else None,
            "counts": tallies(delivery) if sealed and not delivery.is_recurring else None,
            "content_version": delivery.content,
            "attached": attachments.of(delivery),
            "history": delivery.history.select_related("by")[:HISTORY],
            "log": delivery.log.all()[:LOG],
            "listings": [
                (
                    listing.title,
                    reverse("admin:deliveries_delivery_listing", args=[delivery.pk, listing.name]),
                )
                for listing in lists.LISTINGS.values()
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
        """Take one step by POST; by GET ask first, where the step has a page for it.

        Raise Http404 for a step that the desk does not have, and for a delivery that the person may not see.
        """
        desk_step = desk.STEPS.get(name)
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
            context["closed"] = diagnosis.closed(delivery) if desk_step.needs_open else []
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
        """A page of the sending log, the exclusion log or the unknown outcomes.

        Raise Http404 for a list that there isn't, and for a delivery that the person may not see.
        """
        listing = lists.LISTINGS.get(name)
        if listing is None:
            raise Http404
        delivery = self._find(request, pk)
        shown = lists.page(listing, delivery, request)
        return self._page(request, delivery, "list", title=listing.title, page=shown)

    def _find(self, request: HttpRequest, pk: int) -> Delivery:
        """Return the delivery, for whoever may see it.

        Raise Http404 for anybody else, and record the attempt in the audit trail.
        """
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
