"""The forms of folders and campaigns, and the choice of a folder that other forms have."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from accounts import access
from accounts.models import OrganizationalUnit, User
from accounts.rights import Right
from deliveries.folders import goals, naming, tree
from deliveries.models import Folder
from deliveries.models.folder import CAMPAIGN_ONLY

FIELDS = ("label", "description", "is_campaign", *CAMPAIGN_ONLY)


class FolderChoice(forms.ModelChoiceField):
    """A folder that a person may see, by its whole path; `offer_to` says whose choice it is."""

    def __init__(self, **options: Any) -> None:
        options.setdefault("empty_label", _("In no folder"))
        options.setdefault("label", _("Folder"))
        super().__init__(Folder.objects.none(), required=False, **options)

    def offer_to(self, user: User, *, among: Any = None) -> None:
        """The folders that this person may see, or of those the ones `among` leaves."""
        found = naming.offered(user) if among is None else [one for one in naming.offered(user) if among(one)]
        self.queryset = Folder.objects.select_related("unit").filter(pk__in=[one.pk for one in found])
        self.choices = [("", self.empty_label), *((one.pk, one.in_words) for one in found)]


def _date(label: Any) -> forms.DateField:
    return forms.DateField(
        required=False, label=label, widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")
    )


class FolderForm(forms.Form):
    """A folder; a campaign, once that is said. Its unit is chosen for a new one alone."""

    label = forms.CharField(max_length=tree.LONGEST_LABEL, label=_("Label"))
    unit: Any = forms.ModelChoiceField(
        OrganizationalUnit.objects.none(), empty_label=None, label=_("Organisational unit"),
        help_text=_("Deliveries of this unit and of those below can lie in it."),
    )  # fmt: skip
    parent = FolderChoice(label=_("Lies in"), empty_label=_("No other folder"))
    description = forms.CharField(
        widget=forms.Textarea(attrs={"rows": 3}), required=False, max_length=tree.LONGEST_DESCRIPTION,
        label=_("Description"),
    )  # fmt: skip
    is_campaign = forms.BooleanField(
        required=False, label=_("This is a campaign"), help_text=_("A folder with dates, an owner and a goal."),
    )  # fmt: skip
    starts_on = _date(_("Starts on"))
    ends_on = _date(_("Ends on"))
    owner: Any = forms.ModelChoiceField(
        User.objects.none(), required=False, empty_label=_("Nobody"), label=_("Owner")
    )
    goal_figure = forms.ChoiceField(required=False, label=_("Goal"))
    goal_value = forms.DecimalField(
        required=False,
        min_value=0,
        max_digits=12,
        decimal_places=1,
        localize=True,
        label=_("Value of the goal"),
    )

    def __init__(self, *args: Any, by: User, folder: Folder | None = None, **kwargs: Any) -> None:
        if folder is not None:
            kwargs["initial"] = {name: getattr(folder, name) for name in (*FIELDS, "parent")}
        super().__init__(*args, **kwargs)
        units = access.units(by, Right.PREPARE)
        if folder is not None:
            del self.fields["unit"]
        else:
            self.fields["unit"].queryset = units
        parent: Any = self.fields["parent"]
        parent.offer_to(by, among=lambda one: folder is None or not one.path.startswith(folder.path))
        self.fields["goal_figure"].choices = [("", _("None")), *goals.choices()]
        unit = folder.unit if folder is not None else units.filter(pk=self._unit_key(by)).first()
        if unit is not None:
            self.fields["owner"].queryset = access.holders(Right.VIEW, unit)

    def _unit_key(self, by: User) -> int:
        """The unit that is chosen now, or that would be."""
        begun = self.initial.setdefault("unit", by.home_unit_id)
        field: Any = self.fields["unit"]
        try:
            chosen = field.clean(self.data.get("unit")) if self.is_bound else None
        except forms.ValidationError:
            chosen = None
        return chosen.pk if chosen else begun or 0

    @property
    def settings(self) -> dict[str, Any]:
        """What the verbs take, of a form that is valid; of a folder that is no campaign nothing of one."""
        data = self.cleaned_data
        said = {name: data[name] for name in ("label", "description", "is_campaign")}
        if data["is_campaign"]:
            said |= {name: data[name] for name in CAMPAIGN_ONLY}
        return said


class PlaceForm(forms.Form):
    """Where a delivery lies."""

    folder = FolderChoice()

    def __init__(self, *args: Any, by: User, unit: OrganizationalUnit | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        folder: Any = self.fields["folder"]
        folder.offer_to(by, among=None if unit is None else lambda one: tree.fits(one, unit))
