"""The recurrence in a form that reads like a sentence; shared by the pages and the operators' desk."""

from datetime import date, datetime
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.dates import WEEKDAYS
from django.utils.translation import gettext_lazy as _

from campaign.lib import recurrence
from campaign.lib.refusals import Refusal
from deliveries.models import Overlap, Series
from deliveries.models.series import MOST_MINUTES
from deliveries.series import rule_text
from deliveries.series.rule_text import CODES, OWN, POSITIONS, UNITS, RuleSentence

LENGTHS = [
    (0, _("at once")),
    (15, _("15 minutes")),
    (30, _("30 minutes")),
    (60, _("1 hour")),
    (120, _("2 hours")),
    (240, _("4 hours")),
    (480, _("8 hours")),
    (720, _("12 hours")),
    (1440, _("1 day")),
    (2880, _("2 days")),
    (4320, _("3 days")),
    (10080, _("7 days")),
]
ENDS = [("never", _("never")), ("count", _("after a number of runs")), ("until", _("on a day"))]
MONTH_BY = [("day", _("on a day of the month")), ("position", _("on a weekday of the month"))]
MONTH_DAYS = [*((day, str(day)) for day in range(1, 32)), (-1, _("last"))]
DAY_NAMES = [(code, WEEKDAYS[number]) for number, code in enumerate(CODES)]
MOST_DATES = 200


class MinutesField(forms.TypedChoiceField):
    """A length of time from a list, in minutes; the length that a series has already is offered too."""

    def __init__(self, *, least: int = 0, **options: Any) -> None:
        self.least = least
        choices = [(minutes, words) for minutes, words in LENGTHS if minutes >= least]
        super().__init__(choices=choices, coerce=int, **options)

    def valid_value(self, value: Any) -> bool:
        text = str(value)
        return text.isascii() and text.isdecimal() and self.least <= int(text[:9]) <= MOST_MINUTES


class DatesField(forms.CharField):
    """Days, one a line or with commas between: 2026-12-25, 2027-01-01."""

    def __init__(self, **options: Any) -> None:
        super().__init__(widget=forms.Textarea(attrs={"rows": 2}), **options)

    def clean(self, value: Any) -> list[date]:
        """Return the days in their order, each once.

        Raise ValidationError for too many days, and for a word that is no day.
        """
        words = super().clean(value).replace(",", " ").replace(";", " ").split()
        if len(words) > MOST_DATES:
            raise ValidationError(_("At most %(most)s days.") % {"most": MOST_DATES})
        days = []
        for word in words:
            try:
                days.append(date.fromisoformat(word))
            except ValueError:
                raise ValidationError(
                    _("“%(word)s” is no day; write one like 2026-12-25.") % {"word": word[:20]}
                ) from None
        return sorted(set(days))


class RecurrenceFields(forms.Form):
    """The fields of a recurring schedule. They are ignored with any other kind of schedule."""

    every = forms.IntegerField(required=False, min_value=1, max_value=999, initial=1, label=_("Every"))
    unit_of_time = forms.ChoiceField(required=False, choices=UNITS, initial="WEEKLY", label=_("Unit of time"))
    weekdays = forms.MultipleChoiceField(
        required=False, choices=DAY_NAMES, widget=forms.CheckboxSelectMultiple, label=_("On")
    )
    month_by = forms.ChoiceField(
        required=False, choices=MONTH_BY, initial="day", widget=forms.RadioSelect, label=_("In the month")
    )
    month_day = forms.TypedChoiceField(
        required=False, choices=MONTH_DAYS, coerce=int, initial=1, label=_("Day of the month")
    )
    position = forms.ChoiceField(
        required=False, choices=list(POSITIONS.items()), initial="1", label=_("Which one")
    )
    weekday = forms.ChoiceField(required=False, choices=DAY_NAMES, initial="MO", label=_("Weekday"))
    own_rule = forms.CharField(
        required=False,
        max_length=recurrence.LONGEST_RULE,
        label=_("Rule"),
        help_text=_("An RRULE of RFC 5545, such as FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1"),
    )
    starts_on = forms.DateField(
        required=False, label=_("From"), widget=forms.DateInput(format="%Y-%m-%d", attrs={"type": "date"})
    )
    at_time = forms.TimeField(
        required=False, label=_("At"), widget=forms.TimeInput(format="%H:%M", attrs={"type": "time"})
    )
    ends = forms.ChoiceField(required=False, choices=ENDS, initial="never", label=_("Ends"))
    count = forms.IntegerField(
        required=False, min_value=1, max_value=recurrence.MOST, label=_("Number of runs")
    )
    until = forms.DateField(
        required=False, label=_("Last day"), widget=forms.DateInput(format="%Y-%m-%d", attrs={"type": "date"})
    )
    excluded_dates = DatesField(
        required=False, label=_("Not on"), help_text=_("Days without a run, such as 2026-12-25")
    )
    request_confirmation = forms.BooleanField(
        required=False,
        initial=True,
        label=_("Request confirmation before sending"),
        help_text=_(
            "Each run waits until a holder of “Start deliveries” confirms it. Without it a run inside of what "
            "was activated leaves by itself."
        ),
    )
    ahead_minutes = MinutesField(required=False, initial=60, label=_("Prepare each run ahead by"))
    expires_minutes = MinutesField(
        required=False, least=1, initial=1440, label=_("An unconfirmed run expires after")
    )
    remind_minutes = MinutesField(required=False, initial=120, label=_("Remind before it expires by"))
    late_minutes = MinutesField(required=False, initial=120, label=_("Send late up to"))
    overlap = forms.ChoiceField(
        required=False,
        choices=Overlap.choices,
        initial=Overlap.SKIP,
        label=_("While the run before is still going, the next one"),
    )
    size_limit = forms.IntegerField(
        required=False,
        min_value=1,
        max_value=2_000_000_000,
        label=_("Most recipients of a run"),
        help_text=_("A larger run waits for a person. Empty: twice as many as counted when it was prepared."),
    )

    def forget_recurrence(self) -> None:
        """Drop the errors of these fields: with another kind of schedule nobody sees them."""
        for name in RECURRENCE_FIELDS:
            self.errors.pop(name, None)

    def read_recurrence(self, cleaned: dict[str, Any]) -> dict[str, Any] | None:
        """Return the fields of a `Series`, or None where something is wrong, which is then shown beside its field."""
        for name in ("starts_on", "at_time"):
            if name in cleaned and not cleaned[name]:
                self.add_error(name, _("Say the day and the time of the first run."))
        if cleaned.get("ends") in {"count", "until"} and cleaned.get(cleaned["ends"]) is None:
            self.add_error(cleaned["ends"], _("Say when it ends."))
        if self.errors:
            return None
        said, at = self._rhythm(cleaned), cleaned["at_time"].replace(second=0, microsecond=0)
        try:
            rule = recurrence.validated(said.to_rule(), datetime.combine(cleaned["starts_on"], at))
        except Refusal as refusal:
            self.add_error("own_rule" if said.unit == OWN else "every", str(refusal))
            return None
        return {
            "rule": rule,
            "starts_on": cleaned["starts_on"],
            "at": at,
            "excluded_dates": cleaned["excluded_dates"],
            "request_confirmation": cleaned["request_confirmation"],
            "overlap": cleaned["overlap"] or Overlap.SKIP,
            "size_limit": cleaned["size_limit"],
            **{name: self._minutes(name) for name in MINUTES},
        }

    def _minutes(self, name: str) -> int:
        value = self.cleaned_data[name]
        return self.fields[name].initial if value == "" else value

    def _rhythm(self, cleaned: dict[str, Any]) -> RuleSentence:
        by_position = cleaned.get("month_by") == "position"
        return RuleSentence(
            every=cleaned.get("every") or 1,
            unit=cleaned.get("unit_of_time") or "WEEKLY",
            weekdays=tuple(cleaned.get("weekdays", ())),
            month_day=None if by_position else cleaned.get("month_day") or None,
            position=int(cleaned.get("position") or 1) if by_position else None,
            weekday=cleaned.get("weekday") or "MO",
            count=cleaned.get("count") if cleaned.get("ends") == "count" else None,
            until=cleaned.get("until") if cleaned.get("ends") == "until" else None,
            own=cleaned.get("own_rule", ""),
        )


MINUTES = ("ahead_minutes", "expires_minutes", "remind_minutes", "late_minutes")
RECURRENCE_FIELDS = tuple(RecurrenceFields.base_fields)


def recurrence_of(series: Series | None) -> dict[str, Any]:
    """Return a series as the form shows it; empty where there is none yet."""
    if series is None:
        return {}
    said = rule_text.of(series.rule)
    return {
        "every": said.every,
        "unit_of_time": said.unit,
        "weekdays": list(said.weekdays),
        "month_by": "position" if said.position else "day",
        "month_day": said.month_day or series.starts_on.day,
        "position": str(said.position or 1),
        "weekday": said.weekday or "MO",
        "own_rule": said.own,
        "starts_on": series.starts_on,
        "at_time": series.at,
        "ends": "count" if said.count else "until" if said.until else "never",
        "count": said.count,
        "until": said.until,
        "excluded_dates": ", ".join(day.isoformat() for day in sorted(series.excluded_dates)),
        "request_confirmation": series.request_confirmation,
        "overlap": series.overlap,
        "size_limit": series.size_limit,
        **{name: getattr(series, name) for name in MINUTES},
    }


def with_known(form: RecurrenceFields) -> None:
    """Offer also a length that the series has and the list lacks."""
    for name in MINUTES:
        field: Any = form.fields[name]
        value = form.initial.get(name)
        if value is not None and value not in dict(field.choices):
            field.choices = sorted([*field.choices, (value, _("%(n)s minutes") % {"n": value})])
