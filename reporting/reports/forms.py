"""What a page of a report asks: of what it should be."""

from typing import Any

from django import forms
from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from accounts import access
from accounts.models import User
from deliveries.forms.folders import FolderChoice
from deliveries.models import Delivery
from reporting.reports.frame import Kind
from reporting.reports.subjects import DAYS, MOST_COMPARED, About

OFFERED = 200  # the newest; of another one its own page leads to the report


def sent(user: User) -> QuerySet[Delivery]:
    """The deliveries of which a report can be, newest first."""
    rows = Delivery.objects.visible_to(user).filter(started_at__isnull=False)
    return rows.select_related("unit").order_by("-started_at", "-pk")


class SubjectForm(forms.Form):
    """Of what the report is: one field, and for sums the days from which deliveries count."""

    def __init__(self, *args: Any, kind: Kind, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if kind.about == About.FOLDER:
            folder = FolderChoice(empty_label=_("Choose a folder"))
            folder.required = True
            folder.offer_to(user)
            self.fields["folder"] = folder
        elif kind.about == About.UNIT:
            self.fields["unit"] = forms.ModelChoiceField(
                access.readable_units(user).order_by("path"), label=_("Unit"), empty_label=None
            )
        else:
            self._offer_deliveries(kind, user)
        if kind.takes_days:
            choices = [("", _("All of them")), *DAYS.items()]
            self.fields["days"] = forms.ChoiceField(choices=choices, required=False, label=_("Sending began"))

    def _offer_deliveries(self, kind: Kind, user: User) -> None:
        choices = [(one.pk, f"{one.label} · {one.name} · {one.unit}") for one in sent(user)[:OFFERED]]
        if kind.about == About.DELIVERY:
            self.fields["delivery"] = forms.ChoiceField(choices=choices, label=_("Delivery"))
            return
        self.fields["delivery"] = forms.MultipleChoiceField(
            choices=choices,
            label=_("Deliveries"),
            widget=forms.CheckboxSelectMultiple,
            help_text=_("From 2 to %(most)s, newest first.") % {"most": MOST_COMPARED},
        )
