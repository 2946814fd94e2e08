"""The word of a choice is found without all the others."""

import pytest
from django.utils import translation

from deliveries.models import Message, MessageStatus, Reason


@pytest.mark.parametrize("status", MessageStatus)
def test_a_status_is_said_in_the_language_that_is_active(status):
    message = Message(status=status)

    for language in ("en", "pt-br"):
        with translation.override(language):
            assert message.get_status_display() == str(status.label)


def test_what_is_no_choice_any_more_is_said_as_it_is():
    assert Message(reason="once_known").get_reason_display() == "once_known"
    assert Message(reason="").get_reason_display() == ""
    assert Message(reason=Reason.USER_UNKNOWN).get_reason_display() == str(Reason.USER_UNKNOWN.label)
