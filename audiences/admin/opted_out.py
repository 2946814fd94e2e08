"""Addresses that opted out, whoever has them."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from unfold.widgets import UnfoldAdminTextInputWidget

from accounts.desk import VerbAdmin, VerbForm, administers_everything, person
from audiences.consent import address_opt_outs
from audiences.models import AddressOptOut
from campaign.lib import clock

SOURCE = "desk"


class AddressOptOutForm(VerbForm):
    class Meta:
        model = AddressOptOut
        fields = ["address_key", "channel"]
        widgets = {"address_key": UnfoldAdminTextInputWidget}

    def apply(self) -> AddressOptOut:
        data = self.cleaned_data
        return address_opt_outs.opt_out(
            address=data["address_key"], channel=data["channel"], at=clock.now(), by=self.by, source=SOURCE
        )


@admin.register(AddressOptOut)
class AddressOptOutAdmin(VerbAdmin):
    """Addresses that said no, by whichever profile. Deleting one takes it back, and the log of consents tells it."""

    form = AddressOptOutForm
    under_unit = False
    list_display = ["address_key", "channel", "at"]
    list_filter = ["channel"]
    search_fields = ["address_key"]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return administers_everything(request)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return administers_everything(request)

    def delete_model(self, request: HttpRequest, obj: AddressOptOut) -> None:
        address_opt_outs.take_back(
            address=obj.address_key, channel=obj.channel, at=clock.now(), by=person(request), source=SOURCE
        )
