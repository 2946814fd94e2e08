"""The operators' desk on templates of content."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from unfold.widgets import UnfoldAdminTextareaWidget, UnfoldAdminTextInputWidget

from accounts import access
from accounts.desk import PreparersAdmin, UnitFilter, VerbForm, person
from accounts.rights import Right
from campaign.lib import clock
from deliveries.drafting import content_templates
from deliveries.models import ContentTemplate


class ContentTemplateForm(VerbForm):
    class Meta:
        model = ContentTemplate
        fields = ["unit", "label", "subject", "preheader", "html", "text"]
        widgets = {
            "subject": UnfoldAdminTextInputWidget,
            "preheader": UnfoldAdminTextInputWidget,
            "html": UnfoldAdminTextareaWidget(attrs={"rows": 16}),
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "unit" in self.fields:
            self.fields["unit"].queryset = access.units(self.by, Right.PREPARE).order_by("path")

    def apply(self) -> ContentTemplate:
        parts = {
            name: value.replace("\r\n", "\n") if isinstance(value, str) else value
            for name, value in self.cleaned_data.items()
        }
        template = self.fresh if self.instance.pk else None
        return content_templates.save(template=template, by=self.by, at=clock.now(), **parts)


@admin.register(ContentTemplate)
class ContentTemplateAdmin(PreparersAdmin):
    """What contents begin with. Their pictures come along where a template is saved from a delivery."""

    form = ContentTemplateForm
    list_display = ["label", "unit", "subject", "changed_by", "changed_at"]
    list_select_related = ["unit", "changed_by"]
    list_filter = [UnitFilter]
    search_fields = ["label", "subject"]

    def delete_model(self, request: HttpRequest, obj: ContentTemplate) -> None:
        content_templates.delete(template=obj, by=person(request))
