"""The form of a dry run: how the file is written, and what each of its columns is; all as found, all to be changed."""

from dataclasses import replace
from typing import Any

from django import forms
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from audiences import imports
from audiences.fields import attributes, fields
from audiences.forms.importing import ChoicesForm
from audiences.imports.columns import chosen
from audiences.imports.reading.source import ENCODINGS
from audiences.imports.staging import looking
from audiences.models import Import

CONSENT: dict[str, str | Promise] = {
    "no_email": _("Opted out of mail"),
    "no_sms": _("Opted out of SMS"),
    "no_contact": _("Opted out of everything"),
    "email_consent": _("Wants mail; a no opts out"),
    "sms_consent": _("Wants SMS; a no opts out"),
    "subscription_status": _("Status of the subscription"),
    "bounced": _("Bounced"),
    "complained": _("Complained"),
    "opt_out_reason": _("Why they opted out"),
    "consent_at": _("Date of the consent"),
    "consent_source": _("Source of the consent"),
    "consent_words": _("Words of the consent"),
    "tracking_consent": _("Opens and clicks may be measured"),
    "track_opens": _("Opens may be measured"),
    "track_clicks": _("Clicks may be measured"),
    "no_tracking": _("Neither opens nor clicks may be measured"),
}
_FOUND_OUT = ("", _("Found out"))
DELIMITERS = [(",", _("Comma")), (";", _("Semicolon")), ("\t", _("Tab")), ("|", _("Bar"))]
# What is asked of a file of profiles alone.
_OF_PROFILES = ("decimal", "dates", "shared_ids", "key", "declare_attributes")
_WRITTEN = {
    fields.NUMBER: [_FOUND_OUT, (",", _("Decimal comma")), (".", _("Decimal point"))],
    fields.DATE: [_FOUND_OUT, ("day", _("The day first")), ("month", _("The month first"))],
}

Choice = tuple[str | Promise, Any]


class DryRunForm(ChoicesForm):
    """What was found in a file that was looked through, as it can be changed."""

    delimiter = forms.ChoiceField(required=False, label=_("Delimiter"), choices=[_FOUND_OUT, *DELIMITERS])
    encoding = forms.ChoiceField(
        required=False, label=_("Encoding"), choices=[_FOUND_OUT, *((name, name) for name in ENCODINGS)]
    )
    key = forms.ChoiceField(
        required=False,
        label=_("Who a row is about"),
        choices=[
            ("", _("The external id where there is one, else the address")),
            ("email", _("The address alone; ids are left out")),
        ],
    )
    declare_attributes = forms.BooleanField(
        required=False, label=_("Declare columns that are unknown as attributes of the profiles")
    )

    def __init__(self, data: Any = None, *, importing: Import, user: User) -> None:
        self.importing = importing
        # Of a suppression list nobody chooses what columns are: it makes no profiles.
        is_list = importing.choices.get("suppression", False)
        self.table: list[dict[str, Any]] = [] if is_list else importing.detected.get("table", [])
        options = {name: getattr(importing, name) for name in ("keep_good_rows", "declare_attributes")}
        super().__init__(data, initial={**importing.choices, **options})
        if sheets := importing.detected.get("sheets", []):
            named = [_FOUND_OUT, *((name, name) for name in sheets)]
            self.fields["sheet"] = forms.ChoiceField(required=False, label=_("Sheet"), choices=named)
            self.initial.setdefault("sheet", importing.detected["sheet"])
            del self.fields["delimiter"], self.fields["encoding"]
        for name in _OF_PROFILES if is_list else ():
            del self.fields[name]
        choices = _choices(self.table, may_declare=attributes.may_declare(user))
        for number, row in enumerate(self.table):
            self.fields[f"column_{number}"] = forms.ChoiceField(
                required=False, choices=choices, initial=row["field"], label=row["header"], widget=_select()
            )
            if written := _WRITTEN.get(row["kind"]):
                self.fields[f"written_{number}"] = forms.ChoiceField(
                    required=False,
                    choices=written,
                    initial=row["written"],
                    label=row["header"],
                    widget=_select(),
                )
        self.is_seen = looking.may_see(importing, user)

    @property
    def general(self) -> list[forms.BoundField]:
        """What is about the file as a whole."""
        return [bound for bound in self if not bound.name.startswith(("column_", "written_"))]

    @property
    def columns(self) -> list[dict[str, Any]]:
        """Each column of the file: its header, some of its cells, its field, and how it is written."""
        samples = self.importing.samples if self.is_seen else []
        return [
            {
                "header": row["header"],
                "samples": samples[number] if number < len(samples) else [],
                "field": self[f"column_{number}"],
                "written": self[f"written_{number}"] if f"written_{number}" in self.fields else None,
            }
            for number, row in enumerate(self.table)
        ]

    @property
    def options(self) -> imports.Options:
        """What was chosen, with what was chosen before; of a form that is valid."""
        before = self.importing.choices
        return replace(
            super().options,
            list_label=before.get("list_label", ""),
            columns=before.get("columns", {}) | self._changed("column", "field"),
            written=before.get("written", {}) | self._changed("written", "written"),
        )

    def _changed(self, prefix: str, name: str) -> dict[str, str]:
        """Of the columns those that somebody has changed: what was found out is found out anew each time."""
        given = {number: self.cleaned_data.get(f"{prefix}_{number}", "") for number in range(len(self.table))}
        return {
            chosen.place(number): value
            for number, value in given.items()
            if value and value != self.table[number][name]
        }


def _select() -> forms.Select:
    return forms.Select(attrs={"class": "input"})


def _choices(table: list[dict[str, Any]], *, may_declare: bool) -> list[Choice]:
    used = {row["field"] for row in table}
    known = [
        (f"{chosen.ATTRIBUTE}{field.name}", field.label)
        for number, field in enumerate(fields.attributes())
        if number < fields.MOST_SHOWN or f"{chosen.ATTRIBUTE}{field.name}" in used
    ]
    new = [(chosen.NEW, _("New attribute"))] if may_declare or chosen.NEW in used else []
    own = [(field.name, field.label) for field in fields.COLUMNS]
    groups: list[Choice] = [
        (chosen.LEAVE_OUT, _("Leave out")), *new, (_("Profile"), own), (_("Consent"), list(CONSENT.items())),
    ]  # fmt: skip
    return [*groups, (_("Attributes"), known)] if known else groups
