import pytest
from django.utils.translation import override

from campaign.lib.numbers import grouped


@pytest.mark.parametrize(("language", "written"), [("en", "1,872"), ("pt-br", "1.872")])
def test_whole_numbers_are_written_in_the_readers_language(language, written):
    with override(language):
        assert grouped({"messages": 1872}) == {"messages": written}


def test_what_is_no_whole_number_stays_as_it_is():
    slots = {"seconds": 1234.5, "name": "1872", "is_held": True, "nothing": None}

    assert grouped(slots) == slots
