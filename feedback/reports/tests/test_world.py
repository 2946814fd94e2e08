"""Mails in the forms of the world's mail systems are read right."""

from pathlib import Path

import pytest

from feedback.reports import Report, read
from feedback.reports.tests import world_mails
from feedback.reports.tests.world_mails import Mail


def said(report: Report, mail: Mail) -> tuple[frozenset[tuple[str, str]], frozenset[str]]:
    """What became of whom, and why, where the file has the reasons."""
    fates = frozenset((str(one.kind), one.recipient.lower()) for one in report.recipients)
    reasons = frozenset(str(one.reason) for one in report.recipients)
    return fates, reasons if mail.reasons else frozenset()


@pytest.mark.parametrize("path", world_mails.files(), ids=lambda path: path.stem)
def test_each_mail_says_what_became_of_whom_and_why(path: Path) -> None:
    mails = world_mails.mails(path)

    wrong = [
        (mail.name, found)
        for mail in mails
        if (found := said(read(mail.raw), mail)) != (mail.true, mail.reasons)
    ]

    assert mails
    assert wrong == []
