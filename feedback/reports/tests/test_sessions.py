"""What a server refuses before it hears of the recipient says nothing of the recipient."""

import pytest

from feedback.reports import read
from feedback.reports.sessions import is_before_recipients
from feedback.reports.tests.mails import WRITTEN_TO, mail

DAEMON = "Mail Delivery System <MAILER-DAEMON@mx.sender.example>"


@pytest.mark.parametrize(
    "text",
    [
        f"<{WRITTEN_TO}>: host mx.b.example[192.0.2.1] said: 550 5.1.1 no such\n    user (in reply to {{}} command)",
        f"  {WRITTEN_TO}\n    SMTP error from remote mail server after {{}}:<x>:\n    host mx.b.example: 550 unknown user",
        f"<{WRITTEN_TO}>\n    ----- Transcript of session follows -----\n>>> {{}}:<x>\n<<< 550 5.1.1 user unknown",
    ],
)
@pytest.mark.parametrize(("step", "kind"), [("MAIL FROM", "soft"), ("RCPT TO", "hard")])
def test_the_step_at_which_a_server_refused_says_of_whom(text, step, kind):
    notice = f"Your message could not be delivered.\n\n{text.format(step)}\n"

    (said,) = read(mail(DAEMON, "Undelivered Mail Returned to Sender", notice)).recipients

    assert (said.kind, said.recipient) == (kind, WRITTEN_TO)


@pytest.mark.parametrize(
    "text",
    [
        "host mx.b.example[192.0.2.1] refused to talk to me: 550 no such user",
        "550 unknown user (in reply to EHLO command)",
        "SMTP error from remote mail server after\n  initial connection: 554 unknown",
        "Connected to 192.0.2.1 but sender was rejected.\nRemote host said: 550 no such user",
        "timed out while performing the HELO handshake",
    ],
)
def test_greeting_name_and_sender_come_before_the_recipients(text):
    assert is_before_recipients(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "550 no such user (in reply to end of DATA command)",
        "192.0.2.1 does not like recipient.\nRemote host said: 550 no such user",
        ">>> MAIL From:<x>\n<<< 250 ok\n>>> RCPT To:<y>\n<<< 550 no such user",
        "421 try later (in reply to MAIL FROM command)\n550 no such user (in reply to RCPT TO command)",
        "Please do not reply to mail that comes from this address.",
    ],
)
def test_what_was_refused_later_or_who_knows_when_does_not(text):
    assert not is_before_recipients(text)
