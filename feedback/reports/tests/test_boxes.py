"""Files with several mails."""

import io

import pytest

from feedback.reports.boxes import mails
from feedback.reports.mime import SIZE

LINE = b"From a@x.example Mon Jan  1 10:00:00 2024\n"
ONE = b"Subject: one\n\nText\n"
TWO = b"Subject: two\n\nText\n"


@pytest.mark.parametrize(
    ("raw", "found"),
    [
        (ONE, [ONE]),
        (b"", [b""]),
        (LINE + ONE, [ONE]),
        (LINE + ONE + b"\n" + LINE + TWO, [ONE + b"\n", TWO]),
        ((LINE + ONE + b"\n" + LINE + TWO).replace(b"\n", b"\r\n"), [ONE.replace(b"\n", b"\r\n") + b"\r\n", TWO.replace(b"\n", b"\r\n")]),
        (LINE + ONE + LINE + TWO, [ONE + LINE + TWO]),  # no empty line before it
        (LINE + ONE + b"\nFrom now on it costs 10:30 in 2024\nnothing.\n", [ONE + b"\nFrom now on it costs 10:30 in 2024\nnothing.\n"]),
        (LINE + ONE + b"\n>" + LINE + b">>From x\n", [ONE + b"\n" + LINE + b">From x\n"]),
        (LINE + ONE + b"\nFrom MAILER-DAEMON Mon Jan  1 10:00:00 +0100 2024\n" + TWO, [ONE + b"\n", TWO]),
        (ONE + b"\n" + LINE + TWO, [ONE + b"\n" + LINE + TWO]),  # a mail that returns another
    ],
)  # fmt: skip
def test_a_file_has_one_mail_or_those_that_such_lines_part(raw, found):
    assert list(mails(io.BytesIO(raw))) == found


def test_of_each_mail_no_more_is_kept_than_is_read():
    long = b"Subject: x\n\n" + b"y" * 2 * SIZE

    found = list(mails(io.BytesIO(LINE + long + b"\n\n" + LINE + ONE)))

    assert found == [long[:SIZE], ONE]
    assert list(mails(io.BytesIO(long))) == [long[:SIZE]]
