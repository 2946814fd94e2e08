"""The form of a unit, for the desk and for the page: a rule or a place that concerns deliveries is asked twice."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from accounts import access
from accounts.desk import VerbForm
from accounts.models import Affected, OrganizationalUnit
from accounts.rights import Right
from accounts.units import proof_addresses, unit_links, unit_tracking, units
from campaign.lib.link_parameter_fields import LinkDomainsField, LinkParametersField
from campaign.lib.refusals import Refusal


class UnitForm(VerbForm):
    """What another place or rule means for deliveries is said before: it is done once just that was seen."""

    proof_list = forms.CharField(
        label=_("Addresses of proofs"),
        required=False,
        widget=forms.Textarea({"rows": 4}),
        help_text=_(
            "Addresses and domains, one a line; a unit below can only narrow it. Empty: as above, and where there is "
            "no list the domains of the unit's people. One's own verified address is always allowed."
        ),
    )
    link_parameters = LinkParametersField(
        help_text=_(
            "One a line, as in utm_source = newsletter. For this unit and all below; a delivery may say otherwise. A "
            "name without a value takes away what is said above. Fields: %(fields)s."
        )
    )
    link_domains = LinkDomainsField(
        help_text=_(
            "One a line, each with all below it. Empty: as above, and where nothing is said all domains."
        )
    )
    seen = forms.CharField(required=False, widget=forms.HiddenInput)

    class Meta:
        model = OrganizationalUnit
        fields = [
            "label", "parent", "approval_policy", "grace_seconds", "one_administrator_is_enough", "tracking_unasked",
        ]  # fmt: skip

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not self.instance.pk:
            self.fields.pop("one_administrator_is_enough", None)
        if "parent" not in self.fields:
            return
        is_root = bool(self.instance.pk) and self.instance.parent_id is None
        self.fields["parent"].required = not is_root
        choices = access.units(self.by, Right.ADMINISTER)
        if self.instance.pk:  # where it stands it may stay, whoever administers that
            choices = choices.exclude(path__startswith=self.instance.path)
            choices |= OrganizationalUnit.objects.filter(pk=self.instance.parent_id)
        self.fields["parent"].queryset = choices
        self.initial["link_parameters"] = self.instance.link_parameters
        self.initial["link_domains"] = self.instance.link_domains
        self.initial["proof_list"] = "\n".join(self.instance.proof_addresses or [])

    def clean(self) -> dict[str, Any]:
        """Say what it means for deliveries, unless just that was said before."""
        data = super().clean() or {}
        if not self.instance.pk or self.errors:
            return data
        meant = str(self._foreseen() or "")
        if meant and data.get("seen") != meant:
            self.data = self.data.copy()
            self.data[self.add_prefix("seen")] = meant
            said = _("Before you save, see what it means. %(meant)s Save again to go on.")
            self.add_error(None, said % {"meant": meant})
        return data

    def _foreseen(self) -> Affected | None:
        unit, data = self.fresh, self.cleaned_data
        parent, policy = data.get("parent") or unit.parent, data["approval_policy"]
        if (policy, parent) == (unit.approval_policy, unit.parent):
            return None
        place = None if parent == unit.parent else parent
        try:
            return units.foresee(unit=unit, approval_policy=policy, parent=place, by=self.by)
        except Refusal:
            return None  # the verb will say it

    def apply(self) -> OrganizationalUnit:
        data = self.cleaned_data
        named = {name: data[name] for name in ("label", "approval_policy", "grace_seconds")}
        parent = data["parent"]
        if not self.instance.pk:
            unit = units.create_unit(parent=parent, by=self.by, **named)
        else:
            place = parent if parent is not None and parent.pk != self.fresh.parent_id else None
            enough = data["one_administrator_is_enough"]
            unit = units.change_unit(
                unit=self.fresh, parent=place, by=self.by, one_administrator_is_enough=enough, **named
            )
        proof_addresses.save(unit=unit, entries=data["proof_list"].splitlines(), by=self.by)
        unit_links.save(
            unit=unit, parameters=data["link_parameters"], domains=data["link_domains"] or [], by=self.by
        )
        unit_tracking.save(unit=unit, unasked=data["tracking_unasked"], by=self.by)
        return unit
