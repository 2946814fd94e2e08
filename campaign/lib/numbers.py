"""Numbers as people read them."""

from collections.abc import Mapping
from typing import Any

from django.utils.formats import number_format


def grouped(slots: Mapping[str, Any]) -> dict[str, Any]:
    """What fills a sentence, with its whole numbers in the reader's language: 1,872 or 1.872."""
    return {
        name: number_format(value, 0, force_grouping=True) if type(value) is int else value
        for name, value in slots.items()
    }
