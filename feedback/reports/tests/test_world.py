"""Mails in the forms of the world's mail systems are read right."""

from pathlib import Path

import pytest

from feedback.reports import read
from feedback.reports.tests import world_mails


def said(raw: bytes) -> frozenset[tuple[str, str]]:
    return frozenset((str(one.kind), one.recipient.lower()) for one in read(raw).recipients)


def reasons(raw: bytes) -> frozenset[str]:
    return frozenset(str(one.reason) for one in read(raw).recipients)


@pytest.mark.parametrize("path", world_mails.files(), ids=lambda path: path.stem)
def test_each_mail_says_what_became_of_whom(path: Path) -> None:
    mails = world_mails.mails(path)

    wrong = {mail.name: (mail.true, found) for mail in mails if (found := said(mail.raw)) != mail.true}

    assert mails
    assert wrong == {}


@pytest.mark.parametrize("path", world_mails.files(), ids=lambda path: path.stem)
def test_each_mail_says_why(path: Path) -> None:
    mails = [mail for mail in world_mails.mails(path) if mail.reasons]

    wrong = {mail.name: (mail.reasons, found) for mail in mails if (found := reasons(mail.raw)) != mail.reasons}

    assert wrong == {}
