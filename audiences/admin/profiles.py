"""Profiles, and their consents as they came."""

from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import URLPattern, path
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_POST
from unfold.decorators import display

from accounts.bounded_pages import BoundedPaginator
from accounts.desk import DeskAdmin, UnitFilter, anywhere, person, told
from accounts.rights import Right
from audiences import sight, tracking
from audiences.admin.base import InUnitAdmin, OwnUnits
from audiences.consent import consent_words, consents, tracking_consents
from audiences.models import ConsentEvent, Profile
from audiences.profiles import people
from audiences.services.subscribing import Origin
from campaign.lib import clock

CHANNELS = {
    "no_email": ConsentEvent.Channel.EMAIL,
    "no_sms": ConsentEvent.Channel.SMS,
    "no_contact": ConsentEvent.Channel.ANY,
}
SOURCE = "operator"


class ProfileForm(OwnUnits):
    needs = Right.IMPORT

    class Meta:
        model = Profile
        fields = ["unit", *people.EDITABLE, *CHANNELS, *tracking.COLUMNS.values()]

    def clean_attributes(self) -> dict[str, Any]:
        """Return the attributes by name. Raise ValidationError for JSON that is no object."""
        attributes = self.cleaned_data["attributes"] or {}
        if not isinstance(attributes, dict):
            raise ValidationError(_("Write attributes as names with values: {“points”: 12}."))
        return attributes

    def apply(self) -> Profile:
        data = self.cleaned_data
        values = {name: data[name] for name in people.EDITABLE if name in data}
        return (
            people.change(profile=self.fresh, values=values, by=self.by)
            if self.instance.pk
            else people.create(values=values, unit=data["unit"], by=self.by)
        )


@admin.register(Profile)
class ProfileAdmin(InUnitAdmin):
    """Consents are changed on the profile's page, where each change says whose wish it is."""

    form = ProfileForm
    needs = Right.IMPORT
    list_display = [
        "id",
        "external_id",
        "full_name",
        "address",
        "email_state",
        "unit",
        "language",
        "country",
        "out",
    ]
    list_display_links = ["id", "external_id"]
    list_filter = ["email_state", "no_email", "no_contact", UnitFilter, "language"]
    ordering = ["id"]
    paginator = BoundedPaginator
    search_fields = ["search_text__text"]
    search_help_text = _("Any part of the id, the name, the address, the city or the phone number")
    readonly_fields = ["email_state", *CHANNELS, *tracking.COLUMNS.values()]

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Profile], search_term: str
    ) -> tuple[QuerySet[Profile], bool]:
        by = person(request)
        return (people.found(queryset, search_term, user=by) if search_term else queryset), False

    def get_queryset(self, request: HttpRequest) -> QuerySet[Profile]:
        return sight.with_addresses(person(request), super().get_queryset(request))

    def get_exclude(self, request: HttpRequest, obj: Any = None) -> list[str]:
        """What would show an address that the person may not see; it stays as it is."""
        return [] if obj is None or obj.is_clear else list(sight.MASKED)

    @display(description=_("email"), ordering="email")
    def address(self, profile: Profile) -> str:
        return sight.email(profile)

    def get_list_filter(self, request: HttpRequest) -> list[Any]:
        return ["email_state", "no_email", "no_contact", UnitFilter]

    @display(description=_("name"))
    def full_name(self, profile: Profile) -> str:
        return f"{profile.first_name} {profile.last_name}".strip()[:60]

    @display(description=_("opted out"), boolean=True)
    def out(self, profile: Profile) -> bool:
        return profile.no_email or profile.no_contact

    change_form_outer_before_template = "admin/audiences/profile/_consents.html"

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        return [
            path(
                "<int:pk>/consent/", view(require_POST(self.consent_view)), name="audiences_profile_consent"
            ),
            *super().get_urls(),
        ]

    def consent_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Opt the profile out of a channel, or in again; or say what of it may be measured."""
        profile = get_object_or_404(self.get_queryset(request), pk=pk)
        if (purpose := request.POST.get("purpose", "")) in tracking.COLUMNS:
            with told(request, profile):
                may = request.POST.get("wish") == "in"
                origin = Origin(clock.now(), SOURCE, by=person(request))
                tracking_consents.say(profile_id=profile.pk, purposes={purpose: may}, origin=origin)
                messages.success(request, _("The wish is noted."))
            return redirect("admin:audiences_profile_change", pk)
        verb = consents.opt_in if request.POST.get("wish") == "in" else consents.opt_out
        channel = request.POST.get("channel", "")
        if channel in ConsentEvent.Channel.values:
            with told(request, profile):
                verb(
                    profile_id=profile.pk, channel=channel, at=clock.now(), source=SOURCE, by=person(request)
                )
                messages.success(request, _("The wish is noted."))
        return redirect("admin:audiences_profile_change", pk)

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, obj: Any = None, **kwargs: Any
    ) -> HttpResponse:
        if obj is not None:
            labels = dict(ConsentEvent.Channel.choices)
            context["channels"] = [
                (code, labels[code], getattr(obj, flag)) for flag, code in CHANNELS.items()
            ]
            context["measured"] = tracking.answers(obj)
            context["may_note"] = self.may(request, Right.PREPARE, obj)
            context["may_export_person"] = self.may(request, Right.EXPORT_PERSON, obj)
            context["consents"] = obj.consents.select_related("by")[:20]
        return super().render_change_form(request, context, *args, obj=obj, **kwargs)


class SourceFilter(admin.SimpleListFilter):
    """By what a wish came, in words; what only files said is not among them."""

    title = _("source")
    parameter_name = "source"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(code, str(words)) for code, words in consent_words.SOURCES.items()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(source=self.value()) if self.value() else queryset


@admin.register(ConsentEvent)
class ConsentEventAdmin(DeskAdmin):
    """Each opt-out and opt-in as it happened. To read."""

    under_unit = False
    list_display = [
        "at",
        "profile",
        "service",
        "channel",
        "purpose",
        "opted_out",
        "by_means",
        "network",
        "text",
        "by",
        "carried_by",
    ]
    list_filter = ["channel", "purpose", "opted_out", SourceFilter]
    list_select_related = ["profile", "by", "service", "text__service"]
    fields = [
        "at", "profile", "service", "channel", "purpose", "opted_out", "by_means", "by", "carried_by", "words",
        "text", "network", "address_key",
    ]  # fmt: skip
    readonly_fields = ["by_means", "carried_by"]

    @display(description=_("source"), ordering="source")
    def by_means(self, event: ConsentEvent) -> str:
        return str(consent_words.source(event.source))

    @display(description=_("reference"))
    def carried_by(self, event: ConsentEvent) -> str:
        carrier = getattr(event, "carrier", None)
        return str(carrier.label) if carrier else ""

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        changes = super().get_changelist_instance(request)
        changes.result_list = consent_words.carried(changes.result_list, person(request))
        return changes

    def get_object(self, request: HttpRequest, *args: Any, **kwargs: Any) -> ConsentEvent | None:
        found = super().get_object(request, *args, **kwargs)
        if found is not None:
            consent_words.carried([found], person(request))
        return found

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return Right.VIEW in anywhere(request)

    def get_queryset(self, request: HttpRequest) -> QuerySet[ConsentEvent]:
        return ConsentEvent.objects.filter(profile__in=sight.people(person(request)).values("pk"))
