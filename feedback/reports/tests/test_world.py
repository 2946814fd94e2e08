"""Mails in the forms of the world's mail systems are read right."""

import pytest

from feedback.reports import read
from feedback.reports.tests.world_mails import mails, replies


@pytest.mark.parametrize("mail", mails() + replies(), ids=lambda mail: mail.name)
def test_a_mail_says_what_became_of_whom(mail):
    said = {(str(one.kind), one.recipient.lower()) for one in read(mail.raw).recipients}

    assert said == mail.true
