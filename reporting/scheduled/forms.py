"""When a report is mailed, and to whom."""

from datetime import time
from typing import Any

from django import forms
from django.utils.dates import WEEKDAYS
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from campaign.lib import local_time
from reporting.models import ScheduledReport
from reporting.reports.subjects import Subject
from reporting.scheduled import definitions, moments

FIELDS = ("rhythm", "weekday", "month_day", "at_time", "time_zone")
DAYS = [(n + 1, name) for n, name in WEEKDAYS.items()]


class ScheduleForm(forms.Form):
    """The rhythm by the clocks of a zone, and the people; for one that is there already, whether it is sent."""

    recipients: Any = forms.ModelMultipleChoiceField(
        User.objects.none(), label=_("Who gets it"), widget=forms.CheckboxSelectMultiple,
        help_text=_("People who may see it; asked anew each time, and each gets what they may see themselves."),
    )  # fmt: skip
    rhythm = forms.ChoiceField(
        choices=ScheduledReport.Rhythm.choices, label=_("How often"), initial=ScheduledReport.Rhythm.WEEKLY
    )
    weekday: Any = forms.TypedChoiceField(
        coerce=int, choices=DAYS, label=_("Weekday"), initial=1,
        required=False, help_text=_("Where it comes each week."),
    )  # fmt: skip
    month_day = forms.IntegerField(
        min_value=1, max_value=31, initial=1, label=_("Day of the month"), required=False,
        help_text=_("Where it comes each month. Of a month without that day it is the last one."),
    )  # fmt: skip
    at_time = forms.TimeField(
        label=_("At"), initial=time(8), widget=forms.TimeInput(attrs={"type": "time"}, format="%H:%M")
    )
    time_zone = forms.ChoiceField(choices=local_time.choices, label=_("Time zone"))

    def __init__(
        self,
        *args: Any,
        by: User,
        subject: Subject | None,
        report: ScheduledReport | None = None,
        **kwargs: Any,
    ) -> None:
        begun: dict[str, Any] = {"time_zone": moments.zone_of(by), "recipients": [by.pk]}
        if report is not None:
            begun = {name: getattr(report, name) for name in FIELDS}
            begun |= {
                "recipients": list(report.recipients.values_list("pk", flat=True)),
                "is_on": report.is_on,
            }
        super().__init__(*args, **kwargs | {"initial": begun})
        people = definitions.readers(subject) if subject is not None else User.objects.none()
        if report is not None:  # who gets it stays a choice, whatever became of their rights
            people = people | User.objects.filter(pk__in=begun["recipients"])
            self.fields["is_on"] = forms.BooleanField(required=False, label=_("It is sent"))
        self.fields["recipients"].queryset = people.distinct()

    @property
    def said(self) -> dict[str, Any]:
        """What the verbs take, of a form that is valid."""
        data = self.cleaned_data
        found = {name: data[name] for name in FIELDS} | {"recipients": list(data["recipients"])}
        found |= {name: found[name] or 1 for name in ("weekday", "month_day")}
        return found | ({"is_on": data["is_on"]} if "is_on" in self.fields else {})
