"""What the marketers' pages ask for. Forms read; the verbs decide."""

from datetime import datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from accounts import access
from accounts.models import ApprovalPolicy, OrganizationalUnit, User
from accounts.rights import Right
from audiences import sight
from audiences.models import Audience, Profile, TestProfile
from campaign.lib import clock, local_time
from campaign.lib.refusals import Refusal
from deliveries.drafting import uploads
from deliveries.forms.recurrence import RecurrenceFields, recurrence_of, with_known
from deliveries.models import Content, Delivery, PastChoice, Route, ScheduleKind, WaveBy
from deliveries.models.content import PARTS
from deliveries.models.delivery import LONGEST_VALIDITY_HOURS
from deliveries.models.pace import LONGEST_INTERVAL
from deliveries.models.route import LARGEST_LIMIT
from deliveries.schedule import moments, validation
from deliveries.series.rule_text import CODES

WHEN = [
    (ScheduleKind.AT_ONCE, _("At once, when confirmed")),
    (ScheduleKind.AT_DATE, _("At a date")),
    (ScheduleKind.LOCAL_HOUR, _("At a local hour in each recipient's time zone")),
    (ScheduleKind.WAVES, _("In waves")),
    (ScheduleKind.RECURRING, _("Recurring")),
]
WAVES_START = [(ScheduleKind.AT_ONCE, _("At once, when confirmed")), (ScheduleKind.AT_DATE, _("At the date"))]


class LocalDateTimeInput(forms.DateTimeInput):
    """The browser's own picker; without one, 2026-11-23T14:00 can be typed."""

    input_type = "datetime-local"

    def __init__(self) -> None:
        super().__init__(format="%Y-%m-%dT%H:%M", attrs={"step": "60"})


class WhenField(forms.DateTimeField):
    """A local time as typed: the zone is said beside it, so none is assumed. Needed only with *at a date*."""

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
    """Needed only with the kind of schedule that it belongs to: `read_schedule` asks for it then."""

    def validate(self, value: Any) -> None:
        if value not in self.empty_values:
            super().validate(value)


class NumberIfAsked(_IfAsked, forms.IntegerField):
    pass


class ChoiceIfAsked(_IfAsked, forms.ChoiceField):
    pass


class AudienceChoices(forms.ModelChoiceField):
    """Audiences of the units that a person may read."""

    def __init__(self, **options: Any) -> None:
        super().__init__(
            Audience.objects.none(), empty_label=_("Choose later"), label=_("Audience"), **options
        )

    def label_from_instance(self, audience: Audience) -> str:
        return f"{audience.label} · {audience.unit.label}"

    def offer_to(self, user: User) -> None:
        self.queryset = access.visible(user, Audience.objects.select_related("unit"))


class When(RecurrenceFields):
    """At once, at a date in a zone, at a local hour, in waves, or recurring.

    A date that does not exist in its zone is refused with a sentence; a local hour that some zones skip is
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
        """What `drafting` takes."""
        return schedule_settings(self.cleaned_data)

    def comes_twice(self) -> bool:
        """Whether clocks show the chosen time at two moments; the first is taken."""
        local = self.cleaned_data.get("date")
        return bool(self.cleaned_data.get("contact_date")) and local_time.comes_twice(
            local, self.cleaned_data["time_zone"]
        )


def read_schedule(form: forms.BaseForm, cleaned: dict[str, Any]) -> None:
    """Turn what was typed into the settings of the kind that was chosen; complain at the field that is wrong."""
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
    """The same for what recurs; what stands in fields of another kind is no mistake."""
    cleaned["recurrence"] = None
    if cleaned.get("schedule_kind") == ScheduleKind.RECURRING:
        cleaned["recurrence"] = form.read_recurrence(cleaned)
    else:
        form.forget_recurrence()


def schedule_settings(cleaned: dict[str, Any]) -> dict[str, Any]:
    """The settings of the schedule; those of kinds that were not chosen stay out."""
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
    """The schedule of a delivery as `When` shows it."""
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


class NewDelivery(When):
    """Everything of the first page but the content."""

    label = forms.CharField(
        max_length=128, label=_("Label"), help_text=_("For you and your colleagues; not sent.")
    )
    unit = forms.ModelChoiceField(
        OrganizationalUnit.objects.none(), empty_label=None, label=_("Organisational unit")
    )
    audience = AudienceChoices(required=False)
    schedule_kind = forms.ChoiceField(
        choices=[(ScheduleKind.UNSET, _("Choose later")), *WHEN],
        widget=forms.RadioSelect,
        required=False,
        initial="",
        label=_("When"),
    )

    field_order = ("label", "unit", "audience", "schedule_kind", "date", "time_zone")  # the rest follows

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["unit"].queryset = access.units(user, Right.PREPARE)
        self.fields["audience"].offer_to(user)
        if user.home_unit_id:
            self.initial.setdefault("unit", user.home_unit_id)

    @property
    def settings(self) -> dict[str, Any]:
        return super().settings | {name: self.cleaned_data[name] for name in ("label", "unit", "audience")}


class General(forms.Form):
    """Properties that are neither audience, content nor schedule."""

    label = forms.CharField(
        max_length=128, label=_("Label"), help_text=_("For you and your colleagues; not sent.")
    )
    description = forms.CharField(
        widget=forms.Textarea(attrs={"rows": 3}), required=False, label=_("Description")
    )
    unit = forms.ModelChoiceField(
        OrganizationalUnit.objects.none(), empty_label=None, label=_("Organisational unit")
    )
    approval_policy = forms.ChoiceField(
        choices=[("", _("As the unit asks")), *ApprovalPolicy.choices],
        required=False,
        label=_("Approval"),
        help_text=_("Can only be tighter than the unit's."),
    )
    validity_hours = forms.IntegerField(
        min_value=1,
        max_value=LONGEST_VALIDITY_HOURS,
        label=_("Validity period in hours"),
        help_text=_("How long a message that was refused for a while is tried again."),
    )
    route = forms.ModelChoiceField(
        Route.objects.all(), required=False, label=_("Route"), empty_label=_("The default route")
    )
    tracking = forms.BooleanField(required=False, label=_("Track opens and clicks"))

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # Who holds a right on this delivery alone may leave it where it is.
        own = OrganizationalUnit.objects.filter(pk=self.initial["unit"].pk)
        self.fields["unit"].queryset = access.units(user, Right.PREPARE) | own

    @staticmethod
    def of(delivery: Delivery) -> dict[str, Any]:
        """The delivery's properties as the form shows them."""
        names = ("label", "description", "unit", "approval_policy", "validity_hours", "route", "tracking")
        return {name: getattr(delivery, name) for name in names}


class ChooseAudience(forms.Form):
    audience = AudienceChoices(required=False)

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["audience"].offer_to(user)


class Unfinished(forms.CharField):
    """A part that a message needs, but a draft may lack: what is missing is a finding, not a refusal."""

    def validate(self, value: Any) -> None:
        self.run_validators(value)


class Write(forms.Form):
    """The parts of a content version."""

    use_required_attribute = False

    subject = Unfinished(strip=False, max_length=2_000, label=_("Subject"))
    preheader = forms.CharField(
        required=False,
        strip=False,
        max_length=2_000,
        label=_("Preheader"),
        help_text=_("The words that inboxes show after the subject."),
    )
    from_name = forms.CharField(required=False, max_length=200, label=_("Sender's name"))
    from_address = Unfinished(max_length=320, label=_("Sender's address"))
    reply_to = forms.CharField(
        required=False, max_length=320, label=_("Reply to"), help_text=_("Empty: the sender's address.")
    )
    html = Unfinished(
        strip=False,
        max_length=uploads.MOST_HTML_BYTES,
        widget=forms.Textarea(
            attrs={"rows": 22, "class": "editor__code", "spellcheck": "false", "wrap": "off"}
        ),
        label=_("HTML"),
    )
    text = forms.CharField(
        required=False,
        strip=False,
        max_length=uploads.MOST_HTML_BYTES,
        widget=forms.Textarea(attrs={"rows": 8, "class": "editor__code", "spellcheck": "false"}),
        label=_("Text part"),
        help_text=_("Leave it empty to have one made from the HTML."),
    )

    # The version that the editor showed: nobody overwrites unseen what a colleague saved meanwhile.
    base = forms.IntegerField(required=False, widget=forms.HiddenInput)

    @property
    def parts(self) -> dict[str, str]:
        """What `drafting.write` takes."""
        return {part: self.cleaned_data[part] for part in PARTS}

    def is_of(self, latest: Content | None) -> bool:
        """Whether the editor showed the latest version."""
        base = self.cleaned_data.get("base")
        return base is None or base == (latest.number if latest else 0)

    def take_up(self, latest: Content) -> None:
        """Say that a newer version exists; saving once more is then meant."""
        text = _(
            "Version %(number)s was saved by %(by)s while you wrote. "
            "Your text stands below: save it to make it the next version."
        )
        values = {"number": latest.number, "by": str(latest.author or "–")}
        self.add_error(None, ValidationError(text, params=values))
        self.data = self.data.copy()
        self.data["base"] = str(latest.number)

    def clean_html(self) -> str:
        return _plain_lines(self.cleaned_data["html"])

    def clean_text(self) -> str:
        return _plain_lines(self.cleaned_data["text"])


def _plain_lines(text: str) -> str:
    """Browsers post CRLF; kept as the author pasted it, so that saving unchanged text makes no version."""
    return text.replace("\r\n", "\n").replace("\x00", "")


class UploadContent(forms.Form):
    file = forms.FileField(
        label=_("HTML file, or zip with its pictures"),
        help_text=_("Up to 20 MB. Pictures: PNG, JPEG, GIF or WebP."),
        widget=forms.FileInput(attrs={"accept": ".html,.htm,.zip"}),
    )

    def clean_file(self) -> Any:
        file = self.cleaned_data["file"]
        if file.size > uploads.MOST_BYTES:
            raise ValidationError(_("The file is larger than 20 MB."))
        return file


class SetLimit(forms.Form):
    """How many messages an hour leave of a delivery at most."""

    limit_per_hour = forms.IntegerField(
        required=False,
        min_value=1,
        max_value=LARGEST_LIMIT,
        label=_("Messages an hour at most"),
        help_text=_("Empty: as fast as the route takes them. It acts at once and asks for no new approval."),
    )


class SendProof(forms.Form):
    """Who gets the proof, filled with whose values, under which prefix."""

    test_profiles = forms.ModelMultipleChoiceField(
        TestProfile.objects.none(), widget=forms.CheckboxSelectMultiple, label=_("Test profiles")
    )
    profile = forms.CharField(
        required=False,
        max_length=320,
        label=_("Filled with the values of"),
        help_text=_("A profile's number, external id or address; empty: each test profile's own values."),
    )
    prefix = forms.CharField(
        required=False,
        strip=False,
        max_length=100,
        label=_("Prefix of the subject"),
        help_text=_("Leave it empty to see the subject as it will be."),
    )

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.user = user
        self.fields["test_profiles"].queryset = access.visible(user, TestProfile.objects.all())

    def clean_profile(self) -> Profile | None:
        """The profile itself, among those that the person may see."""
        text = self.cleaned_data["profile"].strip()
        found = find_profile(self.user, text) if text else None
        if text and found is None:
            raise ValidationError(_("No profile has this number, external id or address."))
        return found


def find_profile(user: User, text: str) -> Profile | None:
    """By its number, its external id or its address, among those that the person may see."""
    condition = Q(external_id=text) | Q(email_key=text.lower())
    if text.isdecimal() and len(text) < 19:
        condition |= Q(pk=int(text))
    return sight.people(user, Profile.objects.filter(condition)).order_by("pk").first()


def in_a_day(zone: str) -> datetime:
    """A first suggestion for a date: tomorrow at the next full hour, as the zone's clocks show it."""
    at = clock.now().astimezone(ZoneInfo(zone)) + timedelta(days=1)
    return at.replace(minute=0, second=0, microsecond=0, tzinfo=None)


def suggested(zone: str) -> dict[str, Any]:
    """What a schedule begins with: tomorrow, at the next full hour, or each week at nine."""
    at = in_a_day(zone)
    return {"date": at, "starts_on": at.date(), "at_time": time(9), "weekdays": [CODES[at.weekday()]]}
