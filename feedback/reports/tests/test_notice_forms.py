"""What a server answered means the same in whatever form a mail system tells it."""

import pytest

from feedback.reports import Report, read
from feedback.reports.tests import world_mails
from feedback.reports.tests.mails import TOKEN, WRITTEN_TO
from feedback.reports.tests.notice_forms import FORMS, notice

EVERY = 24  # of the answers of the world, so that the test takes a second


def fates(report: Report) -> frozenset[tuple[str, str]]:
    return frozenset((str(one.kind), one.recipient) for one in report.recipients)


@pytest.fixture(scope="module")
def answers():
    """Pairs of what a server answered to the address that was written to, and what that is."""
    lines = [
        line.split("\t")
        for path in world_mails.files()
        if path.suffix == ".tsv"
        for line in path.read_text(encoding="utf-8").splitlines()
    ]
    some = [(words, kind) for kind, _, words in lines if words[:1].isdigit()][::EVERY]
    return [(words.replace("a@b.example", WRITTEN_TO), kind) for words, kind in some]


@pytest.mark.parametrize("form", FORMS)
def test_an_answer_means_the_same_in_every_form(form, answers):
    wrong = [
        (words, kind, found)
        for words, kind in answers
        if (found := fates(read(notice(form, words)))) != {(kind, WRITTEN_TO)}
    ]

    assert answers
    assert wrong == []


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    "answer",
    [
        f"550 5.1.1 <{TOKEN}> user unknown",
        f"550 {TOKEN}: no such user, callback failed",
        "550 5.7.1 banned. To be let in write this message to delist@example.com",
        "550 Error: no such file or directory /var/spool/filter",
    ],
)
def test_what_is_said_of_somebody_else_is_soft(form, answer):
    assert fates(read(notice(form, answer))) == {("soft", WRITTEN_TO)}
