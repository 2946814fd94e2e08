"""What a relay's words make of a row."""

import pytest

from deliveries.channels.base import Result
from deliveries.channels.replies import Stage, classify, enhanced_code, tidy
from deliveries.models import Nature, Reason


@pytest.mark.parametrize(
    ("stage", "code", "text", "result", "nature", "reason", "quarantines", "breaker"),
    [
        ("body", 250, "2.0.0 Ok: queued as 4Z", "sent", "", "", False, False),
        ("rcpt", 550, "5.1.1 No such user", "failed", "hard", "user_unknown", True, False),
        ("body", 550, "5.1.1 No such user", "failed", "hard", "user_unknown", True, False),
        ("rcpt", 553, "5.1.2 Bad destination system", "failed", "hard", "invalid_domain", True, False),
        ("rcpt", 550, "5.1.6 Moved, left no address", "failed", "hard", "user_unknown", True, False),
        ("rcpt", 556, "5.1.10 Null MX", "failed", "hard", "invalid_domain", True, False),
        ("rcpt", 550, "5.2.1 Mailbox disabled", "failed", "hard", "account_disabled", True, False),
        ("rcpt", 552, "5.2.2 Mailbox full", "failed", "soft", "mailbox_full", False, False),
        ("rcpt", 450, "4.2.2 Mailbox full", "retry", "soft", "mailbox_full", False, False),
        ("rcpt", 450, "4.1.1 User unknown for now", "retry", "soft", "user_unknown", False, False),
        ("rcpt", 450, "4.7.1 Greylisted, come back", "retry", "soft", "refused", False, False),
        ("body", 552, "5.3.4 Message too big", "failed", "soft", "too_large", False, False),
        ("body", 552, "message exceeds fixed maximum size", "failed", "soft", "too_large", False, False),
        ("rcpt", 552, "over quota", "failed", "soft", "mailbox_full", False, False),
        # The words alone may be as clear as can be: they never quarantine.
        ("rcpt", 550, "No such user here", "failed", "hard", "user_unknown", False, False),
        ("rcpt", 550, "5.1.0 Usuário inexistente", "failed", "hard", "user_unknown", False, False),
        ("rcpt", 550, "5.5.0 mailbox unavailable", "failed", "soft", "unreachable", False, False),
        ("rcpt", 550, "no", "failed", "soft", "not_defined", False, False),
        # A code that contradicts the basic one proves nothing about the address.
        ("rcpt", 550, "4.1.1 odd", "failed", "hard", "user_unknown", False, False),
        ("rcpt", 450, "5.1.1 odd", "retry", "soft", "user_unknown", False, False),
        # What speaks of us or of the relay.
        ("rcpt", 550, "5.7.1 Blocked by policy", "failed", "ignored", "refused", False, True),
        ("body", 550, "5.7.26 Unauthenticated mail", "failed", "ignored", "refused", False, True),
        ("body", 554, "Message looks like spam", "failed", "ignored", "refused", False, True),
        ("rcpt", 554, "5.7.1 Relay access denied", "retry", "ignored", "refused", False, True),
        ("rcpt", 550, "relaying denied", "retry", "ignored", "refused", False, True),
        ("rcpt", 530, "5.7.0 Authentication required", "retry", "ignored", "refused", False, True),
        ("rcpt", 535, "5.1.1 glued to it", "retry", "ignored", "refused", False, True),
        ("rcpt", 503, "5.5.1 Bad sequence", "retry", "ignored", "not_defined", False, True),
        ("rcpt", 550, "5.1.8 Sender's domain unknown", "retry", "ignored", "refused", False, True),
        ("rcpt", 421, "4.3.2 Shutting down", "retry", "ignored", "unreachable", False, True),
        ("body", 421, "5.1.1 glued to it", "retry", "ignored", "unreachable", False, True),
        ("body", 452, "4.3.1 Insufficient system storage", "retry", "ignored", "unreachable", False, True),
        ("mail", 550, "5.1.1 glued to MAIL", "retry", "ignored", "refused", False, True),
        ("mail", 451, "4.3.0 later", "retry", "ignored", "unreachable", False, True),
        ("data", 554, "5.1.1 glued to DATA", "retry", "ignored", "refused", False, True),
        # Said by some as it is said by no RFC.
        ("rcpt", 550, "#5.1.1 bad address", "failed", "hard", "user_unknown", True, False),
        (
            "rcpt",
            550,
            "5.1.10 RESOLVER.ADR.RecipientNotFound; not found by SMTP address lookup",
            "failed",
            "hard",
            "user_unknown",
            True,
            False,
        ),
        (
            "rcpt",
            553,
            "5.3.0 <ana@example.com>... Unknown E-Mail Address",
            "failed",
            "hard",
            "user_unknown",
            False,
            False,
        ),
        (
            "rcpt",
            550,
            "'ana@example.com' is not a registered gateway user",
            "failed",
            "hard",
            "user_unknown",
            False,
            False,
        ),
        (
            "rcpt",
            550,
            "5.4.1 Recipient address rejected: Access denied",
            "failed",
            "soft",
            "unreachable",
            False,
            False,
        ),
        # Without more, these codes are about the relay; a grey list is about the recipient.
        ("rcpt", 451, "Temporary local problem", "retry", "ignored", "unreachable", False, True),
        (
            "rcpt",
            452,
            "Requested action not taken: insufficient system storage",
            "retry",
            "ignored",
            "unreachable",
            False,
            True,
        ),
        ("rcpt", 451, "Greylisted, try again later", "retry", "soft", "unreachable", False, False),
        ("rcpt", 452, "mailbox full", "retry", "soft", "mailbox_full", False, False),
        ("rcpt", 554, "Transaction failed", "failed", "ignored", "refused", False, True),
        ("body", 554, "rejected", "failed", "ignored", "refused", False, True),
        ("rcpt", 554, "no such user", "failed", "hard", "user_unknown", False, False),
        # Our rate, our signature, our reputation: also where it is said for now.
        ("body", 451, "4.7.500 Server busy", "retry", "ignored", "refused", False, True),
        ("body", 450, "4.7.28 Unusual rate of unsolicited mail", "retry", "ignored", "refused", False, True),
        ("body", 550, "5.7.20 No passing DKIM signature found", "failed", "ignored", "refused", False, True),
        ("rcpt", 535, "5.7.8 Authentication credentials invalid", "retry", "ignored", "refused", False, True),
        ("rcpt", 452, "4.5.3 Too many recipients", "retry", "ignored", "not_defined", False, True),
        ("body", 554, "5.6.1 Media not supported", "failed", "ignored", "refused", False, True),
        (
            "body",
            550,
            "5.6.9 UTF-8 header message cannot be transferred",
            "failed",
            "soft",
            "not_supported",
            False,
            False,
        ),
        # MAIL can speak of this message too.
        ("mail", 552, "5.3.4 Message size exceeds limit", "failed", "ignored", "too_large", False, False),
        ("mail", 553, "5.6.7 SMTPUTF8 needed", "failed", "ignored", "not_supported", False, False),
    ],
)
def test_a_reply_is_classified(stage, code, text, result, nature, reason, quarantines, breaker):
    means = classify(stage, code, text)

    assert tuple(means) == (result, nature, reason, quarantines, breaker)


@pytest.mark.parametrize("stage", [Stage.MAIL, Stage.RCPT, Stage.DATA, Stage.BODY])
def test_no_code_of_any_kind_breaks_the_rules(stage):
    for code in (*range(400, 460), *range(500, 560)):
        for enhanced in [
            f"{kind}.{subject}.{detail}" for kind in (4, 5) for subject in range(9) for detail in range(13)
        ]:
            means = classify(stage, code, f"{enhanced} words")

            assert means.reason in Reason.values
            assert means.nature in Nature.values
            assert means.result in (Result.FAILED, Result.RETRY)
            assert code >= 500 or means.result == Result.RETRY
            if means.quarantines:
                assert stage in (Stage.RCPT, Stage.BODY)
                assert means.nature == "hard"
                assert not means.breaker
                assert enhanced in {"5.1.1", "5.1.2", "5.1.3", "5.1.6", "5.1.10", "5.2.1"}
            if code in (421, 503, 530, 535):
                assert means.breaker
                assert means.result == Result.RETRY
            if means.breaker:
                assert means.nature == "ignored"


# The registry of enhanced codes (RFC 5248), without those that only ever tell of success.
REGISTRY = {
    "1": [*range(1, 5), *range(6, 11)], "2": range(1, 5), "3": [*range(6)], "4": [*range(8)], "5": range(1, 7),
    "6": [*range(11)], "7": [*range(31)],
}  # fmt: skip


@pytest.mark.parametrize("code", [450, 550])
@pytest.mark.parametrize("subject", REGISTRY)
def test_each_registered_code_has_a_meaning_of_its_own(subject, code):
    for detail in REGISTRY[subject]:
        enhanced = f"{code // 100}.{subject}.{detail}"

        means = classify("rcpt", code, f"{enhanced} said in words that mean nothing")

        assert means.reason not in ("", "not_defined") or subject == "5", enhanced
        if subject == "7":
            assert not means.quarantines
            assert means.nature != "hard"
            assert means.breaker or code < 500


def test_an_enhanced_code_is_only_what_the_text_begins_with():
    assert enhanced_code("5.1.1 gone") == "5.1.1"
    assert enhanced_code("5.1.1") == "5.1.1"
    assert enhanced_code("see 5.1.1") == ""
    assert enhanced_code("5.1.1.1 is a version") == ""
    assert enhanced_code("3.1.1 no class") == ""


def test_the_text_of_a_reply_is_one_printable_line():
    lines = [b"5.1.1 The account that\r", b"5.1.1 you tried\x1b[31m to\t\x00reach\r", b"5.1.1 " + b"x" * 400]

    text = tidy(lines)

    assert text.startswith("5.1.1 The account that you tried [31m to  reach xxx")
    assert len(text) == 300
    assert text.isprintable()
    assert tidy([b"caf\xe9 \xc3\xa9\r"]) == "caf\ufffd é"
    assert tidy([b"\r"]) == ""
