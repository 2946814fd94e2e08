"""The operators' form of a delivery: settings, schedule and content. `drafting` saves what it changes."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _
from unfold.widgets import (
    INPUT_CLASSES,
    UnfoldAdminEmailInputWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
)

from accounts import access
from accounts.desk import VerbForm
from accounts.rights import Right
from campaign.lib import clock, local_time
from campaign.lib.link_parameter_fields import LinkDomainsField, LinkParametersField
from deliveries import drafting
from deliveries.drafting import attachments, content_templates, drafts, uploads
from deliveries.folders import naming
from deliveries.forms.attachments import FilesField, uploads_of
from deliveries.forms.delivery import LINK_DOMAINS_HELP, LINK_PARAMETERS_HELP
from deliveries.forms.recurrence import RECURRENCE_FIELDS, RecurrenceFields, with_known
from deliveries.forms.schedule import (
    WAVES_START,
    LocalDateTimeInput,
    WhenField,
    read_recurrence,
    read_schedule,
    schedule_settings,
    when_of,
)
from deliveries.forms.sender import SenderChoice
from deliveries.models import Delivery, Folder, PastChoice, ScheduleKind, WaveBy
from deliveries.models.content import PARTS
from deliveries.schedule import validation

# When it leaves, and how fast, is entered in fields of the form's own.
SETTINGS = [
    name
    for name in drafts.SETTINGS
    if name not in {"contact_date", "time_zone", "limit_per_hour", *validation.SETTINGS}
]
PACE = ("past_choice", "wave_value", "wave_by", "wave_minutes", "wave_limit", "wave_start")
SCHEDULE = ("schedule_kind", "date", "time_zone", *PACE)
RECURRENCE_LAYOUT = [
    ("every", "unit_of_time"),
    "weekdays",
    ("month_by", "month_day"),
    ("position", "weekday"),
    "own_rule",
    ("starts_on", "at_time"),
    ("ends", "count"),
    "until",
    "excluded_dates",
    "request_confirmation",
    ("ahead_minutes", "expires_minutes"),
    ("remind_minutes", "late_minutes"),
    ("overlap", "size_limit"),
]


class _LocalDate(LocalDateTimeInput):
    def __init__(self) -> None:
        super().__init__()
        self.attrs["class"] = " ".join(INPUT_CLASSES)


class DeliveryForm(VerbForm, RecurrenceFields):
    """Settings and content of a delivery. Only what was changed is passed to `drafting`."""

    date = WhenField(
        required=False,
        label=_("Date and time"),
        widget=_LocalDate,
        help_text=_("As the clocks in the time zone show it."),
    )
    time_zone = forms.ChoiceField(
        choices=local_time.choices, label=_("Time zone"), widget=UnfoldAdminSelectWidget
    )
    past_choice = forms.ChoiceField(
        choices=PastChoice.choices, required=False, initial=PastChoice.NEXT_DAY, widget=UnfoldAdminSelectWidget,
        label=_("Whose hour has passed when it is confirmed"),
    )  # fmt: skip
    wave_start = forms.ChoiceField(
        choices=WAVES_START,
        required=False,
        initial=ScheduleKind.AT_ONCE,
        label=_("The first wave leaves"),
        widget=UnfoldAdminSelectWidget,
    )
    wave_by = forms.ChoiceField(
        choices=WaveBy.choices, required=False, initial=WaveBy.NUMBER, label=_("What it counts"),
        widget=UnfoldAdminSelectWidget,
    )  # fmt: skip
    link_parameters = LinkParametersField(
        help_text=LINK_PARAMETERS_HELP, widget=UnfoldAdminTextareaWidget(attrs={"rows": 4})
    )
    link_domains = LinkDomainsField(
        help_text=LINK_DOMAINS_HELP, widget=UnfoldAdminTextareaWidget(attrs={"rows": 2})
    )
    template = forms.ChoiceField(
        required=False,
        label=_("Begin with"),
        widget=UnfoldAdminSelectWidget,
        help_text=_("A template: its content, and what is typed below in place of its parts."),
    )
    subject = forms.CharField(
        required=False, strip=False, label=_("Subject"), widget=UnfoldAdminTextInputWidget
    )
    preheader = forms.CharField(
        required=False, strip=False, label=_("Preheader"), widget=UnfoldAdminTextInputWidget
    )
    sender = SenderChoice(
        empty_label=_("As typed below"),
        widget=UnfoldAdminSelectWidget,
        help_text=_(
            "Fills in what is left as it was: name, address and replies, and brings its route along."
        ),
    )
    from_name = forms.CharField(required=False, label=_("Sender's name"), widget=UnfoldAdminTextInputWidget)
    from_address = forms.CharField(
        required=False, label=_("Sender's address"), widget=UnfoldAdminEmailInputWidget
    )
    reply_to = forms.CharField(required=False, label=_("Reply to"), widget=UnfoldAdminEmailInputWidget)
    html = forms.CharField(
        required=False, strip=False, label=_("HTML"), widget=UnfoldAdminTextareaWidget(attrs={"rows": 16})
    )
    text = forms.CharField(
        required=False, strip=False, label=_("Text part"), widget=UnfoldAdminTextareaWidget(attrs={"rows": 8})
    )

    attach = FilesField(required=False)
    take_away = forms.MultipleChoiceField(
        required=False, label=_("Attachments to take away"), widget=forms.CheckboxSelectMultiple
    )

    class Meta:
        model = Delivery
        fields = [*SETTINGS, "wave_value", "wave_minutes", "wave_limit"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "unit" not in self.fields:
            return  # the person may only read
        units = access.units(self.by, Right.PREPARE)
        self.fields["unit"].queryset = units
        for name in ("audience", "service"):
            self.fields[name].queryset = access.visible(self.by, self.fields[name].queryset)
        folders = naming.offered(self.by)
        self.fields["folder"].queryset = Folder.objects.filter(pk__in=[one.pk for one in folders])
        self.fields["folder"].choices = [("", "–"), *((one.pk, one.in_words) for one in folders)]
        self._offer_senders(units)
        self.fields["template"].choices = content_templates.choices(self.by)
        self.initial.setdefault("time_zone", "UTC")
        if self.instance.pk:
            self.initial |= when_of(self.instance)
            with_known(self)
            # A person with a right on this delivery alone may keep its unit.
            self.fields["unit"].queryset = units | units.model.objects.filter(pk=self.instance.unit_id)
            names = [(one.name, one.name) for one in attachments.of(self.instance)]
            self.fields["take_away"].choices = names
            content = self.instance.content
            self.initial |= {part: getattr(content, part) if content else "" for part in PARTS}
        elif self.by.home_unit_id:
            self.initial.setdefault("unit", self.by.home_unit_id)
        for name in RECURRENCE_FIELDS:
            widget = self.fields[name].widget
            if not isinstance(widget, forms.CheckboxInput | forms.CheckboxSelectMultiple | forms.RadioSelect):
                widget.attrs["class"] = " ".join(INPUT_CLASSES)

    def _offer_senders(self, units: Any) -> None:
        lineages = [self.instance.unit.lineage] if self.instance.pk else [unit.lineage for unit in units]
        self.fields["sender"].offer({pk for lineage in lineages for pk in lineage})

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        if not self.errors.keys() & {"date", "time_zone"}:
            read_schedule(self, data)
        read_recurrence(self, data)
        for part in ("html", "text"):
            data[part] = data.get(part, "").replace("\r\n", "\n").replace("\x00", "")
        return data

    def apply(self) -> Delivery:
        delivery = self._create() if not self.instance.pk else self._change()
        return Delivery.objects.get(pk=delivery.pk)

    def _create(self) -> Delivery:
        settings = {name: self.cleaned_data[name] for name in SETTINGS} | schedule_settings(self.cleaned_data)
        delivery = drafting.create(by=self.by, **settings)
        self._begin(delivery)
        written = {part: self.cleaned_data[part] for part in PARTS if self.cleaned_data[part]}
        self._write(delivery, written)
        self._attach(delivery)
        return delivery

    def _begin(self, delivery: Delivery) -> None:
        if key := self.cleaned_data.get("template"):
            template = content_templates.named(key, by=self.by)
            content_templates.begin_with(delivery=delivery, template=template, by=self.by, at=clock.now())

    def _write(self, delivery: Delivery, parts: dict[str, str]) -> None:
        if sender := self.cleaned_data.get("sender"):
            drafting.send_as(delivery=delivery, sender=sender, by=self.by, at=clock.now(), **parts)
        elif parts:
            drafting.write(delivery=delivery, by=self.by, at=clock.now(), **parts)

    def _attach(self, delivery: Delivery) -> None:
        if names := self.cleaned_data.get("take_away"):
            attachments.detach(delivery=delivery, by=self.by, at=clock.now(), names=names)
        if files := uploads_of(self.cleaned_data["attach"]):
            attachments.attach(delivery=delivery, by=self.by, at=clock.now(), files=files)

    def _change(self) -> Delivery:
        delivery, data = self.fresh, self.cleaned_data
        settings = {name: data[name] for name in SETTINGS if name in self.changed_data}
        if set(SCHEDULE) & set(self.changed_data):
            settings |= schedule_settings(data)
        if settings:
            drafting.edit(delivery=delivery, by=self.by, at=clock.now(), **settings)
        self._begin(delivery)
        parts = {part: data[part] for part in PARTS if part in self.changed_data}
        if "html" in parts:
            parts["html"] = uploads.for_pasted(delivery, parts["html"])
        self._write(delivery, parts)
        self._attach(delivery)
        return delivery
