"""What all pages of this desk share: rows that hang under a unit."""

from typing import Any

from django.http import HttpRequest

from accounts import access
from accounts.desk import VerbAdmin, VerbForm, anywhere
from accounts.rights import Right


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
