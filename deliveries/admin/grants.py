"""The operators' desk on rights on single deliveries: who holds which, given and taken back."""

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from accounts import access
from accounts.desk import VerbAdmin, VerbForm, anywhere, person
from accounts.rights import LABELS, Right
from campaign.lib import numbers
from deliveries.models import Delivery, DeliveryUserPermission


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

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "user" in self.fields:
            self.fields["user"].queryset = access.people(self.by)

    def clean_delivery(self) -> Delivery:
        """Return the delivery that the number names.

        Raise ValidationError where there is none among those that the person administers.
        """
        text = self.cleaned_data["delivery"].strip().upper().removeprefix("DM")
        rows = access.within(self.by, Right.ADMINISTER, Delivery.objects.all())
        found = rows.filter(pk=numbers.key(text)).first()
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
