import pytest
from django.utils.translation import override

from campaign.lib.numbers import grouped, key, whole


@pytest.mark.parametrize(("language", "written"), [("en", "1,872"), ("pt-br", "1.872")])
def test_whole_numbers_are_written_in_the_readers_language(language, written):
    with override(language):
        assert grouped({"messages": 1872}) == {"messages": written}


@pytest.mark.parametrize(("language", "written"), [("en", "0.1"), ("pt-br", "0,1")])
def test_decimals_are_written_in_the_readers_language(language, written):
    with override(language):
        assert grouped({"seconds": 0.1}) == {"seconds": written}


def test_what_is_no_number_stays_as_it_is():
    slots = {"name": "1872", "is_held": True, "nothing": None}

    assert grouped(slots) == slots


@pytest.mark.parametrize(
    "typed", ["10001", "10,001", "10.001", "10 001", "10\u00a0001", "10\u202f001", "10'001", " 10,001 "]
)
def test_a_number_is_read_however_it_is_grouped(typed):
    assert whole(typed) == 10_001


@pytest.mark.parametrize(
    "typed",
    [
        "",
        "ten",
        "-1",
        "1.5",
        "10,01",
        "1,0001",
        "10,001.000",
        "1,,000",
        "１２",
        "1e3",
        "0x10",
        "9" * 25,
        "\0",
    ],
)
def test_what_is_no_whole_number_is_none(typed):
    assert whole(typed) is None


def test_groups_must_be_of_one_kind():
    assert whole("1,234.567") is None
    assert whole("1.234.567") == 1_234_567


@pytest.mark.parametrize(("text", "number"), [("95", 95), ("007", 7), (95, 95), ("9" * 18, 10**18 - 1)])
def test_a_key_is_the_number_of_a_row(text, number):
    assert key(text) == number


@pytest.mark.parametrize(
    "text", ["", None, "DM95", "-1", "1,000", " 1", "1.0", "１２", "²", "9" * 19, "\0", True]
)
def test_what_names_no_row_is_no_key(text):
    assert key(text) is None
