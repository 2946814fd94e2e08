"""When a delivery leaves, as people type it."""

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from django import forms
from django.conf import settings
from django.utils.translation import gettext_lazy as _

from campaign.lib import clock, local_time
from campaign.lib.refusals import Refusal
from deliveries.forms.recurrence import RecurrenceFields, recurrence_of, with_known
from deliveries.models import Delivery, PastChoice, ScheduleKind, WaveBy
from deliveries.models.pace import LONGEST_INTERVAL
from deliveries.schedule import moments, validation

WHEN = [
    (ScheduleKind.AT_ONCE, _("At once, when confirmed")),
    (ScheduleKind.AT_DATE, _("At a date")),
    (ScheduleKind.LOCAL_HOUR, _("At a local hour in each recipient's time zone")),
    (ScheduleKind.WAVES, _("In waves")),
    (ScheduleKind.RECURRING, _("Recurring")),
]
WAVES_START = [(ScheduleKind.AT_ONCE, _("At once, when confirmed")), (ScheduleKind.AT_DATE, _("At the date"))]


class LocalDateTimeInput(forms.DateTimeInput):
    """The browser's own picker for date and time; without one, 2026-11-23T14:00 can be typed."""

    input_type = "datetime-local"

    def __init__(self) -> None:
        super().__init__(format="%Y-%m-%dT%H:%M", attrs={"step": "60"})


class WhenField(forms.DateTimeField):
    """A local date and time as typed, in the zone that another field names. Required only with *at a date*."""

    widget = LocalDateTimeInput

    def validate(self, value: Any) -> None:
        self.run_validators(value)

    def to_python(self, value: Any) -> datetime | None:
        return self._naive(super().to_python(value))

    def prepare_value(self, value: Any) -> Any:
        return value

    @staticmethod
    def _naive(value: datetime | None) -> datetime | None:
        return value.replace(tzinfo=None, second=0, microsecond=0) if value else None


class _IfAsked:
    """A field that is required only with the kind of schedule it belongs to: `read_schedule` checks that."""

    def validate(self, value: Any) -> None:
        if value not in self.empty_values:
            super().validate(value)


class NumberIfAsked(_IfAsked, forms.IntegerField):
    pass


class ChoiceIfAsked(_IfAsked, forms.ChoiceField):
    pass


class When(RecurrenceFields):
    """At once, at a date in a zone, at a local hour, in waves, or recurring.

    A date that does not exist in its zone is refused with a sentence. A local hour that clocks of some zones skip is
    read there with the offset before the change.
    """

    use_required_attribute = False

    schedule_kind = forms.ChoiceField(choices=WHEN, widget=forms.RadioSelect, label=_("When"))
    date = WhenField(
        label=_("Date and time"),
        help_text=_(
            "As the clocks in the time zone show it; at a local hour, as those of each recipient do."
        ),
    )
    time_zone = forms.ChoiceField(
        choices=local_time.choices,
        label=_("Time zone"),
        initial=settings.TIME_ZONE,
        help_text=_("At a local hour: that of recipients without one of their own."),
    )
    past_choice = ChoiceIfAsked(
        choices=PastChoice.choices,
        label=_("Whose hour has passed when it is confirmed"),
        initial=PastChoice.NEXT_DAY,
    )
    wave_start = ChoiceIfAsked(
        choices=WAVES_START, label=_("The first wave leaves"), initial=ScheduleKind.AT_ONCE
    )
    wave_value = NumberIfAsked(min_value=1, label=_("Number"), initial=4)
    wave_by = ChoiceIfAsked(choices=WaveBy.choices, label=_("What it counts"), initial=WaveBy.NUMBER)
    wave_minutes = NumberIfAsked(
        min_value=1, max_value=LONGEST_INTERVAL, label=_("Minutes between waves"), initial=60
    )
    wave_limit = forms.DecimalField(
        required=False,
        min_value=0,
        max_value=100,
        decimal_places=1,
        label=_("Hold the next wave above this percentage of bounces and errors"),
        help_text=_("Empty: waves are never held."),
        initial=5,
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        with_known(self)

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        read_schedule(self, cleaned)
        if cleaned.get("schedule_kind") == ScheduleKind.RECURRING:
            self.errors.pop("date", None)
        read_recurrence(self, cleaned)
        return cleaned

    @property
    def settings(self) -> dict[str, Any]:
        """Return the settings as `drafting` takes them."""
        return schedule_settings(self.cleaned_data)

    def comes_twice(self) -> bool:
        """Whether clocks show the chosen time at two moments; the first is taken."""
        local = self.cleaned_data.get("date")
        return bool(self.cleaned_data.get("contact_date")) and local_time.comes_twice(
            local, self.cleaned_data["time_zone"]
        )


def read_schedule(form: forms.BaseForm, cleaned: dict[str, Any]) -> None:
    """Return the settings of the kind that was chosen; what is wrong becomes an error of its field."""
    cleaned |= {"contact_date": None, "local_date": None, "local_hour": None}
    kind = cleaned.get("schedule_kind")
    if kind == ScheduleKind.WAVES:
        for name in ("wave_value", "wave_minutes"):
            if name in cleaned and cleaned[name] is None:
                form.add_error(name, _("Say a number."))
        if cleaned.get("wave_by") == WaveBy.SHARE and (cleaned.get("wave_value") or 0) > 100:
            form.add_error("wave_value", _("A share is 100 percent at most."))
    dated = kind == ScheduleKind.WAVES and cleaned.get("wave_start") == ScheduleKind.AT_DATE
    if (dated or kind in {ScheduleKind.AT_DATE, ScheduleKind.LOCAL_HOUR}) and "date" in cleaned:
        _read_date(form, cleaned, is_local=kind == ScheduleKind.LOCAL_HOUR)


def _read_date(form: forms.BaseForm, cleaned: dict[str, Any], *, is_local: bool) -> None:
    local, zone = cleaned.get("date"), cleaned.get("time_zone")
    if not local:
        form.add_error("date", _("Say the date and the time."))
        return
    if not zone:
        return
    try:
        if is_local:
            cleaned |= {"local_date": local.date(), "local_hour": local.time()}
            has_passed = moments.is_over(local.date(), local.time(), clock.now())
        else:
            cleaned["contact_date"] = local_time.moment(local, zone)
            has_passed = cleaned["contact_date"] <= clock.now()
    except Refusal as refusal:
        form.add_error("date", str(refusal))
    except OverflowError:
        form.add_error("date", _("Choose a date that calendars know."))
    else:
        if has_passed and is_local:
            form.add_error("date", _("This hour has passed everywhere. Choose a later one, or “at once”."))
        elif has_passed:
            form.add_error("date", _("This moment has passed. Choose a later one, or “at once”."))


def read_recurrence(form: RecurrenceFields, cleaned: dict[str, Any]) -> None:
    """Return the settings of a recurring schedule; fields of another kind are ignored."""
    cleaned["recurrence"] = None
    if cleaned.get("schedule_kind") == ScheduleKind.RECURRING:
        cleaned["recurrence"] = form.read_recurrence(cleaned)
    else:
        form.forget_recurrence()


def schedule_settings(cleaned: dict[str, Any]) -> dict[str, Any]:
    """Return the settings of the schedule, without those of kinds that were not chosen."""
    names = ["schedule_kind", "contact_date", "time_zone", "local_date", "local_hour"]
    kind = cleaned["schedule_kind"]
    if kind == ScheduleKind.LOCAL_HOUR:
        names.append("past_choice")
    if kind == ScheduleKind.WAVES:
        names += validation.WAVES
    settings = {name: cleaned[name] for name in names}
    if kind == ScheduleKind.RECURRING:
        settings["recurrence"] = cleaned["recurrence"]
    if not settings.get("past_choice", True):
        settings["past_choice"] = PastChoice.NEXT_DAY
    return settings


def when_of(delivery: Delivery) -> dict[str, Any]:
    """Return the schedule of a delivery as `When` shows it."""
    at = delivery.contact_date
    series = getattr(delivery, "series", None) if delivery.is_recurring else None
    date = at.astimezone(ZoneInfo(delivery.time_zone)).replace(tzinfo=None) if at else None
    if delivery.local_date is not None and delivery.local_hour is not None:
        date = datetime.combine(delivery.local_date, delivery.local_hour)
    known = {
        "schedule_kind": delivery.schedule_kind,
        "date": date,
        "time_zone": delivery.time_zone,
        "past_choice": delivery.past_choice,
        **recurrence_of(series),
    }
    if delivery.schedule_kind == ScheduleKind.WAVES:
        known |= {name: getattr(delivery, name) for name in validation.WAVES}
        known["wave_start"] = ScheduleKind.AT_DATE if at else ScheduleKind.AT_ONCE
    return known
