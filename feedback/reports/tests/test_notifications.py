"""Notifications of Amazon SES."""

import json

import pytest

from feedback.reports import read
from feedback.reports.tests.mails import WRITTEN_TO, mail

SNS = "AWS Notifications <no-reply@sns.amazonaws.com>"


def notified(kind: str, about: object, *, name: str = "notificationType", wrapped: bool = False) -> bytes:
    """A mail with a notification, which may stand in the envelope of its service."""
    text = json.dumps({name: kind, kind[0].lower() + kind[1:]: about, "mail": {"messageId": "x"}})
    return mail(
        SNS,
        "AWS Notification Message",
        json.dumps({"Type": "Notification", "Message": text}) if wrapped else text,
    )


def bounced(main: str, sub: str, diagnostic: str = "", **more: str) -> object:
    one = {"emailAddress": WRITTEN_TO, "diagnosticCode": diagnostic, **more}
    return {"bounceType": main, "bounceSubType": sub, "bouncedRecipients": [one]}


@pytest.mark.parametrize(
    ("about", "kind", "reason"),
    [
        (bounced("Permanent", "General", "smtp; 550 5.1.1 user unknown"), "hard", "user_unknown"),
        (bounced("Permanent", "General"), "hard", "user_unknown"),
        (bounced("Permanent", "NoEmail"), "hard", "user_unknown"),
        (bounced("Permanent", "General", "smtp; 552 5.2.2 mailbox full"), "soft", "mailbox_full"),
        (bounced("Permanent", "OnAccountSuppressionList", status="5.1.1"), "soft", "refused"),
        (bounced("Transient", "General", "smtp; 550 user unknown"), "soft", "user_unknown"),
        (bounced("Transient", "MailboxFull"), "soft", "mailbox_full"),
        (bounced("Transient", "ContentRejected"), "soft", "blocked"),
        (bounced("Undetermined", "Undetermined"), "soft", "not_defined"),
    ],
)
def test_a_bounce_is_judged_by_its_words_and_its_type(about, kind, reason):
    [one] = read(notified("Bounce", about)).recipients

    assert (one.recipient, one.kind, one.reason) == (WRITTEN_TO, kind, reason)


@pytest.mark.parametrize(
    ("kind", "about", "said"),
    [
        ("Complaint", {"complainedRecipients": [{"emailAddress": WRITTEN_TO}]}, "complaint"),
        ("Complaint", {"complainedRecipients": [{"emailAddress": WRITTEN_TO}], "complaintFeedbackType": "not-spam"}, "not_a_bounce"),
        ("Delivery", {"recipients": [WRITTEN_TO]}, "delivered"),
        ("DeliveryDelay", {"delayedRecipients": [{"emailAddress": WRITTEN_TO, "status": "4.4.1"}]}, "delayed"),
        ("Open", {"recipients": [WRITTEN_TO]}, "not_a_bounce"),
        ("Bounce", [], "not_a_bounce"),
        ("Bounce", {"bouncedRecipients": 1}, "not_a_bounce"),
        ("Bounce", {"bouncedRecipients": [None, 1, {"emailAddress": 1}]}, "not_a_bounce"),
    ],
)  # fmt: skip
def test_other_notifications(kind, about, said):
    assert read(notified(kind, about)).kind == said
    assert read(notified(kind, about, name="eventType", wrapped=True)).kind == said


@pytest.mark.parametrize(
    "text", ["{", "{}", "[" * 100_000, "{" * 100_000, '{"a":' * 20_000, '{"Message": "{"}']
)
def test_text_that_only_looks_like_one_is_no_bounce(text):
    assert read(mail(SNS, "hello", text)).kind == "not_a_bounce"
