"""Audiences: rules and fixed lists."""

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import BigIntegerField, Value
from django.db.models.functions import Coalesce
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display
from unfold.widgets import UnfoldAdminTextareaWidget

from accounts import access
from accounts.desk import UnitFilter, person
from audiences.admin.base import InUnitAdmin, OwnUnits
from audiences.models import Audience
from audiences.rules import rules, sizes
from audiences.targets import combining, definitions
from audiences.targets.combining import Part
from campaign.lib import clock
from campaign.templatetags.sinete import full_number


class AudienceForm(OwnUnits):
    pasted = forms.CharField(
        label=_("Ids or addresses"),
        required=False,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 4}),
        help_text=_("For a fixed list: one on each line. Those that nobody is known by are left out."),
    )

    taken: Any = forms.ModelMultipleChoiceField(
        Audience.objects.none(),
        label=_("With"),
        required=False,
        help_text=_("In place of a rule: whoever is in one of these lists and rules."),
    )
    left_out: Any = forms.ModelMultipleChoiceField(
        Audience.objects.none(), label=_("Without"), required=False, help_text=_("And in none of these.")
    )

    class Meta:
        model = Audience
        fields = ["label", "description", "unit", "kind", "rule"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in ("taken", "left_out"):
            if name in self.fields:
                self.fields[name].queryset = access.visible(self.by, Audience.objects.all())

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
        parts = [Part(one) for one in data["taken"]] + [Part(one, without=True) for one in data["left_out"]]
        if parts:
            return combining.make(parts=parts, label=data["label"], unit=data["unit"], by=self.by)
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
    list_display = ["label", "kind", "unit", "people", "changed_at"]
    list_filter = ["kind", UnitFilter]
    search_fields = ["label", "description"]

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> Any:
        answer = super().changelist_view(request, extra_context)
        if (shown := (getattr(answer, "context_data", None) or {}).get("cl")) is not None:
            sizes.ask(shown.result_list, at=clock.now())
        return answer

    def get_fieldsets(self, request: HttpRequest, obj: Audience | None = None) -> list[Any]:
        fields = ["label", "description", "unit", "kind"]
        own = {
            None: ["rule", "taken", "left_out", "pasted"],
            Audience.Kind.RULE: ["rule"],
            Audience.Kind.LIST: ["pasted"],
        }
        mine = own[obj.kind if obj else None]
        if obj is not None and not self.has_change_permission(request, obj):
            mine = [name for name in mine if name != "pasted"]
        return [(None, {"fields": [*fields, *(["in_words"] if obj is not None else []), *mine]})]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        return ["unit", "kind", "in_words"] if obj is not None else []

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.has_change_permission(request, obj)

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        """Nothing goes with it; where something stands in the way, the verb says what."""
        return [str(one) for one in objs], {str(self.opts.verbose_name_plural): len(objs)}, set(), []

    def delete_model(self, request: HttpRequest, obj: Audience) -> None:
        definitions.delete(audience=obj, by=person(request))

    @display(description=_("people"), ordering=Coalesce("counted", Value(-1), output_field=BigIntegerField()))
    def people(self, audience: Audience) -> str:
        return full_number(audience.counted)

    @display(description=_("in words"))
    def in_words(self, audience: Audience) -> str:
        return (
            rules.in_words(audience.rule) if audience.kind == Audience.Kind.RULE else str(_("A fixed list"))
        )
