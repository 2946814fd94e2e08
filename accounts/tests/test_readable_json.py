"""What is typed as JSON at the desk is read, or named as what can't be read: never an error of ours."""

import pytest
from django.core.exceptions import ValidationError

from accounts.desk import ReadableJSON

HALF_A_CHARACTER = '{"city": "\\ud800"}'


@pytest.mark.parametrize("typed", [HALF_A_CHARACTER, "[" * 5000, "9" * 5000, "{"])
def test_what_cannot_be_read_or_kept_is_named(typed):
    field = ReadableJSON()

    with pytest.raises(ValidationError, match="JSON"):
        field.clean(typed)
    assert (
        field.prepare_value(field.bound_data(typed, None)) == typed
    )  # and stands in the form as it was typed


def test_json_is_read():
    assert ReadableJSON().clean('{"city": "S\\u00e3o Paulo"}') == {"city": "São Paulo"}
