"""The operators' desk: who may be contacted, and who must not be."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.db.models import Count, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_POST
from unfold.decorators import display
from unfold.widgets import UnfoldAdminFileFieldWidget, UnfoldAdminTextareaWidget, UnfoldAdminTextInputWidget

from accounts import access
from accounts.desk import (
    DeskAdmin,
    UnitFilter,
    VerbAdmin,
    VerbForm,
    administers_everything,
    anywhere,
    person,
    told,
)
from accounts.rights import Right
from accounts.roles import root
from audiences import attributes, consents, definitions, imports, people, quarantines, rules, sight
from audiences.models import (
    Attribute,
    Audience,
    ConsentEvent,
    Import,
    ImportProblem,
    Profile,
    Quarantine,
    TestProfile,
)
from campaign.lib import clock

CHANNELS = {
    "no_email": ConsentEvent.Channel.EMAIL,
    "no_sms": ConsentEvent.Channel.SMS,
    "no_contact": ConsentEvent.Channel.ANY,
}
SOURCE = "operator"


class OwnUnits(VerbForm):
    """A form of something that hangs under one of the units where the person holds a right."""

    needs: Right = Right.PREPARE

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "unit" in self.fields:
            self.fields["unit"].queryset = access.units(self.by, self.needs)
            self.initial.setdefault("unit", self.by.home_unit_id)


class InUnitAdmin(VerbAdmin):
    """Rows under a unit: whoever may see them sees them, who holds `needs` there adds and changes."""

    right = Right.VIEW
    needs: Right = Right.PREPARE
    list_select_related = ["unit"]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return self.needs in anywhere(request)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.needs in anywhere(request) if obj is None else self.may(request, self.needs, obj)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        # What hangs under a unit stays there.
        return [*super().get_readonly_fields(request, obj), *(["unit"] if obj is not None else [])]


# -- profiles -------------------------------------------------------------------------------------------


class ProfileForm(OwnUnits):
    needs = Right.IMPORT

    class Meta:
        model = Profile
        fields = ["unit", *people.EDITABLE, *CHANNELS]

    def clean_attributes(self) -> dict[str, Any]:
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
        "email",
        "email_state",
        "unit",
        "language",
        "country",
        "out",
    ]
    list_display_links = ["id", "external_id"]
    list_filter = ["email_state", "no_email", "no_contact", UnitFilter, "language"]
    ordering = ["id"]
    search_fields = ["search"]
    search_help_text = _("Any part of the id, the name, the address, the city or the phone number")
    readonly_fields = ["email_state", *CHANNELS]

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Profile], search_term: str
    ) -> tuple[QuerySet[Profile], bool]:
        return (people.found(queryset, search_term) if search_term else queryset), False

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
        """Opt the profile out of a channel, or in again."""
        profile = get_object_or_404(self.get_queryset(request), pk=pk)
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
            context["may_note"] = self.may(request, Right.PREPARE, obj)
            context["consents"] = obj.consents.select_related("by")[:20]
        return super().render_change_form(request, context, *args, obj=obj, **kwargs)


@admin.register(ConsentEvent)
class ConsentEventAdmin(DeskAdmin):
    """Each opt-out and opt-in as it happened. To read."""

    under_unit = False
    list_display = ["at", "profile", "channel", "opted_out", "source", "by", "reference"]
    list_filter = ["channel", "opted_out", "source"]
    list_select_related = ["profile", "by"]

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return Right.VIEW in anywhere(request)

    def get_queryset(self, request: HttpRequest) -> QuerySet[ConsentEvent]:
        return ConsentEvent.objects.filter(profile__in=sight.people(person(request)).values("pk"))


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


# -- audiences ------------------------------------------------------------------------------------------


class AudienceForm(OwnUnits):
    pasted = forms.CharField(
        label=_("Ids or addresses"),
        required=False,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 4}),
        help_text=_("For a fixed list: one on each line. Those that nobody is known by are left out."),
    )

    class Meta:
        model = Audience
        fields = ["label", "description", "unit", "kind", "rule"]

    def apply(self) -> Audience:
        data = self.cleaned_data
        if self.instance.pk:
            return self._change(self.fresh)
        named = {
            "label": data["label"],
            "description": data["description"],
            "unit": data["unit"],
            "by": self.by,
        }
        if data["kind"] == Audience.Kind.LIST:
            return definitions.create_list(**named, pasted=data["pasted"])[0]
        return definitions.create_rule(**named, rule=data["rule"])

    def _change(self, audience: Audience) -> Audience:
        data = self.cleaned_data
        is_rule = audience.kind == Audience.Kind.RULE
        rule = data["rule"] if is_rule and "rule" in self.changed_data else None
        changed = definitions.change(
            audience=audience, by=self.by, label=data["label"], description=data["description"], rule=rule
        )
        if not is_rule and data["pasted"].strip():
            definitions.add_members(audience=changed, pasted=data["pasted"], by=self.by)
        return changed


@admin.register(Audience)
class AudienceAdmin(InUnitAdmin):
    form = AudienceForm
    list_display = ["label", "kind", "unit", "members_in_it", "changed_at"]
    list_filter = ["kind", UnitFilter]
    search_fields = ["label", "description"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Audience]:
        return super().get_queryset(request).annotate(size=Count("members"))

    def get_fieldsets(self, request: HttpRequest, obj: Audience | None = None) -> list[Any]:
        fields = ["label", "description", "unit", "kind"]
        own = {None: ["rule", "pasted"], Audience.Kind.RULE: ["rule"], Audience.Kind.LIST: ["pasted"]}
        mine = own[obj.kind if obj else None]
        if obj is not None and not self.has_change_permission(request, obj):
            mine = [name for name in mine if name != "pasted"]
        return [(None, {"fields": [*fields, *(["in_words"] if obj is not None else []), *mine]})]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        return ["unit", "kind", "in_words"] if obj is not None else []

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.has_change_permission(request, obj)

    def delete_model(self, request: HttpRequest, obj: Audience) -> None:
        definitions.delete(audience=obj, by=person(request))

    @display(description=_("members"))
    def members_in_it(self, audience: Any) -> Any:
        return audience.size if audience.kind == Audience.Kind.LIST else "–"

    @display(description=_("in words"))
    def in_words(self, audience: Audience) -> str:
        return (
            rules.in_words(audience.rule) if audience.kind == Audience.Kind.RULE else str(_("A fixed list"))
        )


class TestProfileForm(OwnUnits):
    class Meta:
        model = TestProfile
        fields = ["label", "unit", "email", "values"]

    def apply(self) -> TestProfile:
        data = self.cleaned_data
        unit = self.fresh.unit if self.instance.pk else data["unit"]
        return definitions.save_test_profile(
            label=data["label"], email=data["email"], values=data["values"] or {}, unit=unit, by=self.by,
            pk=self.instance.pk,
        )  # fmt: skip


@admin.register(TestProfile)
class TestProfileAdmin(InUnitAdmin):
    form = TestProfileForm
    list_display = ["label", "email", "unit"]
    list_filter = [UnitFilter]
    search_fields = ["label", "email"]

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.has_change_permission(request, obj)

    def delete_model(self, request: HttpRequest, obj: TestProfile) -> None:
        definitions.delete_test_profile(test_profile=obj, by=person(request))


# -- quarantine -----------------------------------------------------------------------------------------


class QuarantineForm(VerbForm):
    """An address is held by hand; what bounces brought in is read."""

    class Meta:
        model = Quarantine
        fields = ["address_key", "error_text"]
        widgets = {"address_key": UnfoldAdminTextInputWidget, "error_text": UnfoldAdminTextInputWidget}

    def apply(self) -> Quarantine:
        data = self.cleaned_data
        return quarantines.hold_by_hand(
            address=data["address_key"], error_text=data["error_text"], at=clock.now(), by=self.by
        )


@admin.register(Quarantine)
class QuarantineAdmin(VerbAdmin):
    form = QuarantineForm
    under_unit = False
    list_display = ["address_key", "state", "reason", "errors", "last_error_at", "error_text"]
    list_filter = ["status", "reason"]
    search_fields = ["address_key"]
    change_form_outer_before_template = "admin/audiences/quarantine/_release.html"

    def has_add_permission(self, request: HttpRequest) -> bool:
        return administers_everything(request)

    @display(
        description=_("status"),
        ordering="status",
        label={"valid": "success", "erroneous": "warning", "quarantine": "danger", "denylist": "danger"},
    )
    def state(self, entry: Quarantine) -> tuple[str, Any]:
        return entry.status, Quarantine.Status(entry.status).label

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        return [
            path(
                "<int:pk>/release/",
                view(require_POST(self.release_view)),
                name="audiences_quarantine_release",
            ),
            *super().get_urls(),
        ]

    def release_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """The address may be used again."""
        entry = get_object_or_404(Quarantine, pk=pk)
        with told(request, entry):
            quarantines.release(address_key=entry.address_key, by=person(request))
            messages.success(request, _("The address may be used again."))
        return redirect("admin:audiences_quarantine_change", pk)


# -- imports --------------------------------------------------------------------------------------------


class ImportForm(OwnUnits):
    needs = Right.IMPORT
    file = forms.FileField(label=_("File"), widget=UnfoldAdminFileFieldWidget)
    list_label = forms.CharField(
        label=_("Add to list"), required=False, max_length=128, widget=UnfoldAdminTextInputWidget
    )

    class Meta:
        model = Import
        fields = ["unit", "keep_good_rows", "declare_attributes"]

    def apply(self) -> Import:
        data = self.cleaned_data
        return imports.start(
            file=data["file"],
            name=data["file"].name,
            unit=data["unit"],
            by=self.by,
            options=imports.Options(data["keep_good_rows"], data["declare_attributes"], data["list_label"]),
        )


class ProblemInline(admin.TabularInline):
    """The report: where, which field, why."""

    model = ImportProblem
    fields = readonly_fields = ["line", "field", "why", "fatal"]
    extra = 0
    max_num = 0
    can_delete = False

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return True

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    has_add_permission = has_delete_permission = has_change_permission

    @display(description=_("reason"))
    def why(self, problem: ImportProblem) -> str:
        return sight.reason(problem)

    def get_queryset(self, request: HttpRequest) -> QuerySet[ImportProblem]:
        return sight.reported(super().get_queryset(request), person(request))


@admin.register(Import)
class ImportAdmin(InUnitAdmin):
    """A file is brought in by adding it here; what came of it is read."""

    form = ImportForm
    needs = Right.IMPORT
    list_display = [
        "id",
        "file_name",
        "state",
        "unit",
        "rows_read",
        "created",
        "updated",
        "flagged",
        "started_by",
    ]
    list_filter = ["status", UnitFilter]
    list_select_related = ["unit", "started_by"]
    ordering = ["-id"]
    change_form_outer_before_template = "admin/audiences/import/_again.html"

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> list[Any]:
        if obj is None:
            return [
                (None, {"fields": ["file", "unit", "list_label", "keep_good_rows", "declare_attributes"]})
            ]
        counts = [
            "rows_read", "created", "updated", "unchanged", "repeated", "bad_rows", "flagged", "cleaned", "opted_out",
        ]  # fmt: skip
        return [
            (
                None,
                {"fields": ["file_name", "state", "message", "unit", "audience", "started_by", "created_at"]},
            ),
            (_("Counts"), {"fields": counts}),
        ]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        return ["state", "created_at"] if obj is not None else []

    def get_inlines(self, request: HttpRequest, obj: Any = None) -> list[Any]:
        return [ProblemInline] if obj is not None else []

    @display(
        description=_("status"),
        ordering="status",
        label={
            "done": "success",
            "refused": "danger",
            "failed": "danger",
            "reading": "info",
            "writing": "info",
        },
    )
    def state(self, importing: Import) -> tuple[str, Any]:
        return importing.status, Import.Status(importing.status).label

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        return [
            path("<int:pk>/again/", view(require_POST(self.again_view)), name="audiences_import_again"),
            *super().get_urls(),
        ]

    def again_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """The refused file once more, keeping its good rows."""
        importing = get_object_or_404(self.get_queryset(request), pk=pk)
        with told(request, importing):
            pk = imports.again(importing=importing, by=person(request)).pk
            messages.success(request, _("The file is being read again."))
        return redirect("admin:audiences_import_change", pk)
