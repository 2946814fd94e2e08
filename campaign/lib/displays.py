"""The words of a choice, for models of which a page shows many rows."""

from collections.abc import Mapping
from functools import cache
from typing import Any

from django.utils.encoding import force_str


class QuickDisplays:
    """A model whose `get_…_display` looks up the one label: Django's own translates all labels of the field first."""

    def _get_FIELD_display(self, field: Any) -> Any:  # noqa: N802  Django’s own name
        value = getattr(self, field.attname)
        return force_str(_labels(field).get(value, value), strings_only=True)


@cache
def _labels(field: Any) -> Mapping[Any, Any]:
    return dict(field.flatchoices)
