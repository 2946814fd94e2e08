"""The operators' desk on senders: the units' lists, and what DNS said."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from accounts import access
from accounts.desk import DeskAdmin, UnitFilter, VerbForm, ViewersAdmin, person
from accounts.rights import Right
from deliveries.models import DnsAnswer, Sender
from deliveries.routing import sender_checks, senders


class SenderForm(VerbForm):
    class Meta:
        model = Sender
        fields = ["unit", "address", "name", "reply_to", "route"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk:  # another address is another sender
            self.fields["unit"].disabled = self.fields["address"].disabled = True
        else:
            self.fields["unit"].queryset = access.units(self.by, Right.ADMINISTER).order_by("path")

    def apply(self) -> Sender:
        return senders.save(by=self.by, **self.cleaned_data)


@admin.register(Sender)
class SenderAdmin(ViewersAdmin):
    """Who may send in a unit's name; with what the default route and DNS say of it."""

    form = SenderForm
    list_display = ["address", "unit", "name", "reply_to", "route", "created_by", "created_at"]
    list_select_related = ["unit", "route", "created_by"]
    list_filter = [UnitFilter]
    search_fields = ["address", "name"]
    readonly_fields = ["standing"]

    def delete_model(self, request: HttpRequest, obj: Sender) -> None:
        senders.remove(unit=obj.unit, address=obj.address, by=person(request))

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        return ["standing"] if obj is not None else []

    def get_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        return ["unit", "address", "name", "reply_to", "route", *self.get_readonly_fields(request, obj)]

    @display(description=_("how receivers take it"))
    def standing(self, sender: Sender) -> str:
        (found,) = sender_checks.standings([sender])
        return found.words


@admin.register(DnsAnswer)
class DnsAnswerAdmin(DeskAdmin):
    """What DNS said of the names that senders need, and when. Rows to read: workers write them."""

    under_unit = False
    list_display = ["name", "outcome", "answered_at", "tried_at", "problem"]
    list_filter = ["outcome"]
    search_fields = ["name"]
