"""A sender of a unit, entered by its administrators and chosen by those who write."""

from collections.abc import Iterable
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from accounts import access
from accounts.models import OrganizationalUnit, User
from accounts.rights import Right
from deliveries.models import Route, Sender
from deliveries.routing import senders


class SenderForm(forms.Form):
    """A new sender, or another name and address of replies for one that is there."""

    unit = forms.ModelChoiceField(
        queryset=OrganizationalUnit.objects.none(), label=_("Unit"), empty_label=None
    )
    address = forms.CharField(
        max_length=320,
        label=_("Address or domain"),
        help_text=_(
            "news@example.com, or example.com for all its addresses; it holds in all units below too."
        ),
    )
    name = forms.CharField(required=False, max_length=200, label=_("Sender's name"))
    reply_to = forms.CharField(required=False, max_length=320, label=_("Reply to"))
    route = forms.ModelChoiceField(
        Route.objects.order_by("label"),
        required=False,
        label=_("Route"),
        empty_label=_("As the delivery says"),
    )

    def __init__(self, *args: object, by: User, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)
        self.fields["unit"].queryset = access.units(by, Right.ADMINISTER).order_by("path")


class SenderSelect(forms.Select):
    """A list of senders; each option brings along what the fields beside it are filled with by a script."""

    def create_option(self, name: str, value: Any, *args: Any, **kwargs: Any) -> dict[str, Any]:
        option = super().create_option(name, value, *args, **kwargs)
        sender = getattr(value, "instance", None)
        if sender is not None:
            option["attrs"] |= {
                f"data-{part.replace('_', '-')}": said for part, said in senders.parts(sender).items()
            }
        return option


class SenderChoice(forms.ModelChoiceField):
    """One of the senders that hold in a unit; nobody has to know an address by heart."""

    def __init__(self, **options: Any) -> None:
        options = {
            "required": False, "label": _("Sender"), "empty_label": _("As typed below"), "widget": SenderSelect,
        } | options  # fmt: skip
        super().__init__(Sender.objects.none(), **options)

    def offer(self, units: Iterable[int]) -> None:
        """Offer the addresses on the lists of these units."""
        rows = Sender.objects.filter(unit__in=units, address__contains="@").select_related("unit")
        self.queryset = rows.order_by("unit__path", "address")

    def label_from_instance(self, sender: Sender) -> str:
        return f"{sender.in_full} · {sender.unit}"
