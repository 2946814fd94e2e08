"""What comes to a return path and must count against nobody."""

import pytest

from feedback.reports import read
from feedback.reports.tests.mails import WRITTEN_TO, delivery_report, feedback_report, mail

ANA = "Ana <ana@example.org>"
REPLY = "In-Reply-To: <m1@sender.example>"


@pytest.mark.parametrize(
    ("sender", "subject", "text", "headers"),
    [
        (ANA, "Re: Our offers", "Mail to joe@example.org bounced: 550 5.1.1 user unknown.", [REPLY]),
        (ANA, "unsubscribe", "My old address bounced anyway: 550 no such user.", []),
        (ANA, "Fwd: Undelivered Mail Returned to Sender", f"It could not be delivered.\n\n<{WRITTEN_TO}>: user unknown", []),
        (ANA, "RE: Undeliverable: invoice", f"I could not be reached at {WRITTEN_TO}, mailbox full", [REPLY]),
        ("Shop <news@shop.example>", "Failed delivery? We return it", "The following address is wrong? help@shop.example", ["List-Unsubscribe: <https://x.example/u>"]),
        ("Parcels <noreply@parcels.example>", "Delivery failed: your parcel could not be delivered", "Returned to sender, recipient unknown. Contact help@parcels.example", []),
        ("Travel <news@travel.example>", "Pacote de férias: estou de ferias!", "Out of office? On vacation until Monday.", ["List-Unsubscribe: <https://x.example/u>"]),
        ("Postmaster <postmaster@example.org>", "Planned maintenance on Sunday", "The server will be down for two hours.", []),
        (ANA, "", "", []),
        (ANA, "Undelivered parcel", "My parcel could not be delivered. Address: bob@x.example. Recipient unknown, they said.", []),
        (ANA, "Your newsletter", f"I got this:\n\n<{WRITTEN_TO}>: host y said: 550 5.1.1 user unknown\n\nCan you help?", []),
        ("Billing <billing@x.example>", "Payment failed: your card was rejected", "Contact help@x.example", []),
        ("IT <it@x.example>", "Your account has been disabled", "Mailbox full. Write to help@x.example", []),
        ("Postmaster <postmaster@x.example>", "Mailbox quota warning", "Your mailbox is 95% full. Contact admin@x.example", []),
        ("root@x.example (Cron Daemon)", "Cron <root@x> /usr/bin/backup", "backup failed: host not found", []),
        ("Watch <watch@x.example>", "** Host mx is DOWN **", "Host unreachable: timed out for admin@x.example", []),
    ],
)  # fmt: skip
def test_ordinary_mail_is_no_bounce_whatever_it_speaks_of(sender, subject, text, headers):
    report = read(mail(sender, subject, text, *headers))

    assert (report.kind, report.reason) == ("not_a_bounce", "ordinary")


@pytest.mark.parametrize(
    ("subject", "text", "headers", "reason"),
    [
        ("Re: hello", "Thanks", ["Auto-Submitted: auto-replied"], "automatic"),
        ("Re: hello", "Thanks", ["Precedence: auto_reply"], "automatic"),
        ("Re: hello", "Thanks", ["X-Autoreply: yes"], "automatic"),
        ("Out of Office: hello", "For failed deliveries, 550 5.1.1, write to x@example.org", [], "out_of_office"),
        ("Out of office Re: Undelivered mail", "550 5.1.1 User unknown", ["Auto-Submitted: auto-replied"], "out_of_office"),
        ("Abwesenheitsnotiz: hello", "Ich bin nicht da", [REPLY], "out_of_office"),
        ("Ausência: hello", "Estou de férias até segunda", ["Return-Path: <>"], "out_of_office"),
        ("Respuesta automática: hello", "Estoy fuera de la oficina", [], "out_of_office"),
        ("Réponse automatique : hello", "Je suis absente", [], "out_of_office"),
        ("Risposta automatica: hello", "Sono fuori ufficio", [], "out_of_office"),
        ("Automatisch antwoord: hello", "Ik ben afwezig", [], "out_of_office"),
        ("Automatische Antwort: hello", "Ich bin abwesend", [], "out_of_office"),
        ("Autoodpowiedź: hello", "Jestem nieobecna", [], "out_of_office"),
        ("自动回复: hello", "我不在", [], "out_of_office"),
        ("Автоответ: hello", "Меня нет", [], "automatic"),
        ("自動応答: hello", "不在", [], "out_of_office"),
        ("[Ticket#123] Your request has been received", "We have it.", ["Auto-Submitted: auto-generated", REPLY], "receipt"),
        ("Please confirm your message", "Click here", ["Auto-Submitted: auto-replied"], "challenge"),
        ("RE: Offers [Auto-Reply]", "x", ["Auto-Submitted: auto-generated"], "automatic"),
        ("(HELP-1) Offers", "created", ["Auto-Submitted: auto-generated", "Precedence: bulk", REPLY], "automatic"),
        ("Ana no longer works here", "Write to Bia", ["Auto-Submitted: auto-replied"], "left"),
    ],
)  # fmt: skip
def test_an_answer_that_nobody_wrote_is_no_bounce(subject, text, headers, reason):
    report = read(mail("Ana Postmaster <ana@example.org>", subject, text, *headers))

    assert (report.kind, report.reason) == ("auto_reply", reason)


@pytest.mark.parametrize(
    ("head", "body", "reason"),
    [
        ("Content-Type: multipart/report; report-type=disposition-notification; boundary=B", "--B\nContent-Type: message/disposition-notification\n\nFinal-Recipient: rfc822; a@example.org\nDisposition: automatic-action/MDN-sent-automatically; deleted\n\n--B--", "read_receipt"),
        ("Subject: Report domain: s.example Submitter: x Report-ID: 1", "x", "dmarc_report"),
        ('Content-Type: application/zip; name="x.example!s.example!1600000000!1600086399.zip"', "UEsDBA==", "dmarc_report"),
        ("TLS-Report-Domain: s.example", "x", "tls_report"),
        ("Content-Type: multipart/report; report-type=tlsrpt; boundary=B", "--B\nContent-Type: application/tlsrpt+gzip\n\nx\n--B--", "tls_report"),
    ],
)  # fmt: skip
def test_reports_to_machines_and_receipts_are_no_bounces(head, body, reason):
    report = read(f"From: MAILER-DAEMON@x.example\n{head}\n\n{body}\n".encode())

    assert (report.kind, report.reason) == ("not_a_bounce", reason)


@pytest.mark.parametrize("subject", ["Fwd: Undelivered Mail Returned to Sender", "WG: Unzustellbar: hello"])
def test_a_report_that_a_person_passes_on_is_no_bounce(subject):
    report = delivery_report("smtp; 550 5.1.1 user unknown", status="5.1.1").decode()
    raw = (
        f"From: {ANA}\nSubject: {subject}\nContent-Type: multipart/mixed; boundary=O\n\n--O\n\nLook.\n"
        f"--O\nContent-Type: message/rfc822\n\n{report}\n--O--\n"
    ).encode()

    assert read(raw).kind == "not_a_bounce"


@pytest.mark.parametrize("reason", ["auth-failure", "not-spam"])
def test_a_feedback_report_that_is_no_complaint(reason):
    assert read(feedback_report(reason, f"Original-Rcpt-To: {WRITTEN_TO}")).kind == "not_a_bounce"


@pytest.mark.parametrize(
    ("fields", "recipients"),
    [
        (["Original-Rcpt-To: <ana.silva@example.org>"], [WRITTEN_TO]),
        (["Original-Rcpt-To: a@example.org", "Original-Rcpt-To: b@example.org"], ["a@example.org", "b@example.org"]),
        (["Original-Rcpt-To: redacted@example.org"], [""]),
        (["Removal-Recipient: ana.silva@example.org"], [WRITTEN_TO]),
        ([], [WRITTEN_TO]),  # as the returned message says
    ],
)  # fmt: skip
def test_a_complaint_names_who_complained_unless_it_hides_them(fields, recipients):
    report = read(feedback_report("abuse", *fields))

    assert [(one.kind, one.reason, one.recipient) for one in report.recipients] == [
        ("complaint", "abuse", recipient) for recipient in recipients
    ]
    assert report.message_ids[0] == "m1@sender.example"


@pytest.mark.parametrize(
    ("sender", "subject", "text"),
    [
        ("MAILER-DAEMON@x.example", "Delayed Mail (still being retried)", "THIS IS A WARNING ONLY.\nIt will be retried until it is 5 day(s) old.\n\n<{to}>: host mx said: 550 5.1.1 user unknown"),
        ("postmaster@x.example", "Delivery delayed: offers", "Delivery is delayed to these recipients or groups:\n\n{to}\n\nDelivery will continue to be attempted."),
        ("postmaster@x.example", "Zustellung verzögert: Angebote", "Die Zustellung an folgende Empfänger hat sich verzögert:\n\n{to}"),
        ("MAILER-DAEMON@x.example", "deferral notice", "Your message has not been delivered yet. I will keep trying.\n\n<{to}>:\nConnected but greeting failed"),
        ("MAILER-DAEMON@x.example", "Mensagem atrasada", "A sua mensagem ainda não foi entregue a:\n\n{to}\n\nContinuaremos tentando."),
    ],
)  # fmt: skip
def test_a_warning_in_words_is_no_bounce_yet(sender, subject, text):
    report = read(mail(sender, subject, text.format(to=WRITTEN_TO)))

    assert [(one.kind, one.recipient) for one in report.recipients] == [("delayed", WRITTEN_TO)]


def test_a_complaint_without_a_report_is_known_by_what_the_provider_put_into_the_message():
    raw = (
        "From: staff@provider.example\nSubject: complaint about message from 192.0.2.1\n"
        "Content-Type: multipart/mixed; boundary=B\n\n--B\nContent-Type: message/rfc822\n\n"
        f"X-HmXmrOriginalRecipient: {WRITTEN_TO}\nFrom: news@sender.example\n\nx\n--B--\n"
    ).encode()

    assert [(one.kind, one.recipient) for one in read(raw).recipients] == [("complaint", WRITTEN_TO)]
