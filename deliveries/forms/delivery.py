"""The forms of the marketers' pages. They read what people type; the verbs decide."""

from datetime import datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django import forms
from django.utils.translation import gettext_lazy as _

from accounts import access
from accounts.models import ApprovalPolicy, OrganizationalUnit, User
from accounts.rights import Right
from audiences.models import Audience, Service
from campaign.lib import clock
from campaign.lib.link_parameter_fields import LinkDomainsField, LinkParametersField
from deliveries.drafting import SenderElsewhere
from deliveries.forms.folders import FolderChoice
from deliveries.forms.schedule import WHEN, When
from deliveries.forms.sender import SenderChoice
from deliveries.models import Delivery, Route, ScheduleKind
from deliveries.models.delivery import LONGEST_DAYS_AFTER, LONGEST_VALIDITY_HOURS
from deliveries.models.route import LARGEST_LIMIT
from deliveries.routing import senders
from deliveries.series.rule_text import CODES

LINK_PARAMETERS_HELP = _(
    "One a line, as in utm_campaign = {{ delivery.label }}, on top of what the unit says. A name without a value takes "
    "away what the unit says. A link that has such a parameter keeps its own. Fields: %(fields)s."
)
LINK_DOMAINS_HELP = _("One a line, each with all below it. Empty: as the unit says, else all domains.")


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


class ServiceChoices(forms.ModelChoiceField):
    """Services of the units that a person may read; the verb says which of them a delivery's unit can have."""

    def __init__(self, **options: Any) -> None:
        super().__init__(
            Service.objects.none(), required=False, empty_label=_("None"), label=_("Service"),
            help_text=_("Only its subscribers get it, and its unsubscribe links leave the service."), **options,
        )  # fmt: skip

    def label_from_instance(self, service: Service) -> str:
        return f"{service.label} · {service.unit.label}"

    def offer_to(self, user: User) -> None:
        self.queryset = access.visible(user, Service.objects.select_related("unit"))


class NewDelivery(When):
    """Everything of the first page but the content."""

    label = forms.CharField(
        max_length=128, label=_("Label"), help_text=_("For you and your colleagues; not sent.")
    )
    unit = forms.ModelChoiceField(
        OrganizationalUnit.objects.none(), empty_label=None, label=_("Organisational unit")
    )
    folder = FolderChoice()
    audience = AudienceChoices(required=False)
    sender = SenderChoice(empty_label=_("Choose later"))
    schedule_kind = forms.ChoiceField(
        choices=[(ScheduleKind.UNSET, _("Choose later")), *WHEN],
        widget=forms.RadioSelect,
        required=False,
        initial="",
        label=_("When"),
    )

    field_order = (
        "label",
        "unit",
        "folder",
        "audience",
        "sender",
        "schedule_kind",
        "date",
        "time_zone",
    )  # the rest follows

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["unit"].queryset = access.units(user, Right.PREPARE)
        self.fields["audience"].offer_to(user)
        self.fields["folder"].offer_to(user)
        lineages = (unit.lineage for unit in self.fields["unit"].queryset)
        self.fields["sender"].offer({pk for lineage in lineages for pk in lineage})
        if user.home_unit is not None:
            self.initial.setdefault("unit", user.home_unit_id)
            nearest = next(iter(senders.offered(user.home_unit)), None)
            self.initial.setdefault("sender", nearest and nearest.pk)

    def clean(self) -> dict[str, Any]:
        """The sender is one of the unit's; that which was only suggested for another unit is left out."""
        data = super().clean() or self.cleaned_data
        sender, unit = data.get("sender"), data.get("unit")
        if sender and unit and sender.unit_id not in unit.lineage:
            if "sender" in self.changed_data:
                self.add_error("sender", str(SenderElsewhere(sender=sender, unit=unit)))
            data["sender"] = None
        return data

    @property
    def settings(self) -> dict[str, Any]:
        return super().settings | {
            name: self.cleaned_data[name] for name in ("label", "unit", "folder", "audience")
        }


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
    service = ServiceChoices()
    days_after = forms.IntegerField(
        required=False, min_value=0, max_value=LONGEST_DAYS_AFTER, label=_("Days after subscribing"),
        help_text=Delivery._meta.get_field("days_after").help_text,
    )  # fmt: skip
    tracking = forms.BooleanField(required=False, label=_("Track opens and clicks"))
    link_parameters = LinkParametersField(help_text=LINK_PARAMETERS_HELP)
    link_domains = LinkDomainsField(help_text=LINK_DOMAINS_HELP)

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # A person with a right on this delivery alone may keep its unit.
        own = OrganizationalUnit.objects.filter(pk=self.initial["unit"].pk)
        self.fields["unit"].queryset = access.units(user, Right.PREPARE) | own
        self.fields["service"].offer_to(user)

    @staticmethod
    def of(delivery: Delivery) -> dict[str, Any]:
        """The delivery's properties as the form shows them."""
        names = (
            "label", "description", "unit", "approval_policy", "validity_hours", "route", "service", "days_after",
            "tracking", "link_parameters", "link_domains",
        )  # fmt: skip
        return {name: getattr(delivery, name) for name in names}


class ChooseAudience(forms.Form):
    audience = AudienceChoices(required=False)

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["audience"].offer_to(user)


class SetLimit(forms.Form):
    """How many messages an hour leave of a delivery at most."""

    limit_per_hour = forms.IntegerField(
        required=False,
        min_value=1,
        max_value=LARGEST_LIMIT,
        label=_("Messages an hour at most"),
        help_text=_("Empty: as fast as the route takes them. It acts at once and asks for no new approval."),
    )


def in_a_day(zone: str) -> datetime:
    """Suggest a date: tomorrow at the next full hour, as the zone's clocks show it."""
    at = clock.now().astimezone(ZoneInfo(zone)) + timedelta(days=1)
    return at.replace(minute=0, second=0, microsecond=0, tzinfo=None)


def suggested(zone: str) -> dict[str, Any]:
    """Return the first values of a schedule: tomorrow at the next full hour, or each week at nine."""
    at = in_a_day(zone)
    return {"date": at, "starts_on": at.date(), "at_time": time(9), "weekdays": [CODES[at.weekday()]]}
