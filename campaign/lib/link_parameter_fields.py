"""Parameters of links as people write them in a form: one a line."""

from collections.abc import Iterable, Sequence
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from campaign.lib import link_parameters
from campaign.lib.link_parameters import FIELDS, Pair
from campaign.lib.refusals import Refusal

LONGEST = 16_000  # characters of a list


class _Lines(forms.CharField):
    """A list with one entry a line; the refusal of a line is its error."""

    def __init__(self, **options: Any) -> None:
        options.setdefault("widget", forms.Textarea({"rows": 4, "spellcheck": "false"}))
        super().__init__(required=False, max_length=LONGEST, **options)

    def to_python(self, value: Any) -> Any:
        return str(value or "")

    def clean(self, value: Any) -> Any:
        lines = super().clean(value).splitlines()
        try:
            return self.read(lines)
        except Refusal as refusal:
            raise ValidationError(str(refusal)) from refusal

    def read(self, lines: list[str]) -> Any:
        """What the lines say; each kind says how: here it raises NotImplementedError."""
        raise NotImplementedError


class LinkParametersField(_Lines):
    """Pairs of name and value; its value is a list, empty where nothing is said."""

    def __init__(self, *, help_text: Any = "", **options: Any) -> None:
        super().__init__(label=_("Link parameters"), help_text=help_text, **options)

    def get_bound_field(self, form: forms.BaseForm, field_name: str) -> forms.BoundField:
        bound = super().get_bound_field(form, field_name)
        bound.help_text = str(self.help_text) % {"fields": ", ".join(f"{{{{ {name} }}}}" for name in FIELDS)}
        return bound

    def prepare_value(self, value: Any) -> Any:
        return value if isinstance(value, str) else "\n".join(link_parameters.to_lines(value or ()))

    def has_changed(self, initial: Iterable[Sequence[str]] | None, data: Any) -> bool:
        return super().has_changed(self.prepare_value(initial), "\n".join(str(data or "").splitlines()))

    def read(self, lines: list[str]) -> list[Pair]:
        """Return what the lines say; raise as `link_parameters.from_lines` does."""
        return link_parameters.from_lines(lines)


class LinkDomainsField(_Lines):
    """Domains; its value is a list, or None where nothing is said."""

    def __init__(self, **options: Any) -> None:
        super().__init__(label=_("Domains of link parameters"), **options)

    def prepare_value(self, value: Any) -> Any:
        return value if isinstance(value, str) else "\n".join(value or ())

    def has_changed(self, initial: Iterable[str] | None, data: Any) -> bool:
        return super().has_changed(self.prepare_value(initial), "\n".join(str(data or "").splitlines()))

    def read(self, lines: list[str]) -> list[str] | None:
        """Return what the lines say; raise as `link_parameters.checked_domains` does."""
        return link_parameters.checked_domains(lines) or None
