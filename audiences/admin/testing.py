"""Test profiles: invented people for previews and proofs."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from accounts.desk import UnitFilter, person
from audiences.admin.base import InUnitAdmin, OwnUnits
from audiences.models import TestProfile
from audiences.targets import definitions


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
