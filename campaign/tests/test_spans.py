import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaign.lib import spans


@given(st.sets(st.integers(1, 300), min_size=1, max_size=60))
def test_what_is_written_is_read_again(numbers):
    read = {number for low, high in spans.read(spans.text(numbers)) for number in range(low, high + 1)}

    assert read == numbers


@pytest.mark.parametrize(
    "written",
    ["", "x", "1,", "-3", "3-1", "1--2", "²", "1" * 19, "1,2;3", ",".join(["7"] * 201), "1," * 2_000],
)
def test_what_makes_no_sense_or_names_too_many_is_nothing(written):
    assert spans.read(written) == []
