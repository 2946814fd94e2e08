"""What the words of a server, and its code, make of a recipient."""

import pytest

from feedback.reports import read
from feedback.reports.tests.mails import WRITTEN_TO, delivery_report


@pytest.mark.parametrize(
    ("status", "diagnostic", "kind", "reason"),
    [
        (
            "5.1.1",
            "smtp; 550 5.1.1 <x@y>: Recipient address rejected: User unknown in virtual mailbox table",
            "hard",
            "user_unknown",
        ),
        ("5.0.0", "smtp; 550 No Such User Here", "hard", "user_unknown"),
        (
            "5.1.1",
            "smtp; 550-5.1.1 The email account that you tried to reach does not exist. Please try 550-5.1.1 double-checking",
            "hard",
            "user_unknown",
        ),
        (
            "5.2.2",
            "smtp; 552-5.2.2 The email account that you tried to reach is over quota and inactive. Please direct the recipient to",
            "soft",
            "mailbox_full",
        ),
        (
            "5.2.1",
            "smtp; 550-5.2.1 The email account that you tried to reach is disabled. Learn more at",
            "hard",
            "account_disabled",
        ),
        (
            "5.2.1",
            "smtp; 450-4.2.1 The user you are trying to contact is receiving mail at a rate that prevents additional messages",
            "soft",
            "blocked",
        ),
        (
            "5.7.1",
            "smtp; 550-5.7.1 [1.2.3.4] Our system has detected that this message is likely unsolicited mail",
            "soft",
            "blocked",
        ),
        (
            "5.7.26",
            "smtp; 550-5.7.26 This mail has been blocked because the sender is unauthenticated.",
            "soft",
            "blocked",
        ),
        (
            "5.7.1",
            "smtp; 550 5.7.1 Service unavailable; client [1.2.3.4] blocked using zen.spamhaus.org",
            "soft",
            "blocked",
        ),
        (
            "5.7.606",
            "smtp; 550 5.7.606 Access denied, banned sending IP [1.2.3.4]. To request removal from this list please visit",
            "soft",
            "blocked",
        ),
        (
            "5.1.10",
            "smtp; 550 5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient not found by SMTP address lookup",
            "hard",
            "user_unknown",
        ),
        ("5.7.511", "smtp; 550 5.7.511 Access denied, banned sender[1.2.3.4]", "soft", "blocked"),
        (
            "5.0.0",
            "smtp; 554 delivery error: dd This user doesn't have a yahoo.com account (x@yahoo.com) [-5] - mta1.mail.bf1.yahoo.com",
            "hard",
            "user_unknown",
        ),
        ("5.0.0", "smtp; 552 1 Requested mail action aborted, mailbox not found", "hard", "user_unknown"),
        (
            "5.7.9",
            "smtp; 554 5.7.9 Message not accepted for policy reasons. See https://postmaster.yahooinc.com/error-codes",
            "soft",
            "blocked",
        ),
        (
            "4.7.0",
            "smtp; 421 4.7.0 [TSS04] Messages from 1.2.3.4 temporarily deferred due to unexpected volume or user complaints",
            "soft",
            "blocked",
        ),
        ("5.0.0", "smtp; 554-Transaction failed 554-Reject due to policy restrictions.", "soft", "blocked"),
        (
            "5.0.0",
            "smtp; 550 Message was not accepted -- invalid mailbox.  Local mailbox x@mail.ru is unavailable: user not found",
            "hard",
            "user_unknown",
        ),
        (
            "5.0.0",
            "smtp; 550 spam message rejected. Please visit http://help.mail.ru/notspam-support/id?c=",
            "soft",
            "blocked",
        ),
        ("5.7.1", "smtp; 550 5.7.1 No such user!", "hard", "user_unknown"),
        (
            "5.0.0",
            "smtp; 550 Mailbox not found. http://service.mail.qq.com/cgi-bin/help?subtype=1&&id=20022&&no=1000728",
            "hard",
            "user_unknown",
        ),
        (
            "5.0.0",
            "smtp; 550 Mail content denied. http://service.mail.qq.com/cgi-bin/help",
            "soft",
            "blocked",
        ),
        ("5.0.0", "smtp; 550 User not found: x@163.com", "hard", "user_unknown"),
        ("5.1.1", "smtp; 550 5.1.1 unknown or illegal alias: x@me.com", "hard", "user_unknown"),
        (
            "5.7.1",
            "smtp; 554 5.7.1 [CS01] Message rejected due to local policy. Please visit https://support.apple.com/en-us/HT204137",
            "soft",
            "blocked",
        ),
        ("5.2.2", "smtp; 552 5.2.2 user is over quota", "soft", "mailbox_full"),
        (
            "5.0.0",
            "smtp; 550 Invalid Recipient - https://community.mimecast.com/docs/DOC-1369#550 [abc]",
            "hard",
            "user_unknown",
        ),
        (
            "5.0.0",
            "smtp; 550 Rejected by header based Anti-Spoofing policy: x - https://community.mimecast.com",
            "soft",
            "blocked",
        ),
        ("5.0.0", "smtp; 550 Administrative prohibition - envelope blocked", "soft", "blocked"),
        ("5.0.0", "smtp; 550 5.7.0 Local Policy Violation (proofpoint)", "soft", "blocked"),
        ("5.0.0", "smtp; 550 5.1.1 User Unknown (pphosted)", "hard", "user_unknown"),
        (
            "5.0.0",
            "smtp; 553-sorry, that domain isn't in my list of allowed rcpthosts (#5.7.1)",
            "soft",
            "refused",
        ),
        ("5.0.0", "smtp; 554 rejected due to spam content", "soft", "blocked"),
        (
            "5.0.0",
            "smtp; 550 permanent failure for one or more recipients (x@y.com:blocked)",
            "soft",
            "blocked",
        ),
        (
            "5.0.0",
            "smtp; 550 permanent failure for one or more recipients (x@y.com:550 5.1.1 user unknown)",
            "hard",
            "user_unknown",
        ),
        (
            "5.0.0",
            "smtp; 550 #5.7.1 Your access to submit messages to this e-mail system has been rejected.",
            "soft",
            "blocked",
        ),
        ("5.0.0", "smtp; 550 Mail is rejected by recipients [abc IP: 1.2.3.4]", "soft", "blocked"),
        ("5.3.4", "smtp; 552 5.3.4 Message size exceeds fixed limit", "soft", "too_large"),
        ("5.0.0", "smtp; 552 5.2.3 Message exceeds maximum fixed size (10485760)", "soft", "too_large"),
        ("5.4.6", "x-postfix; mail for example.org loops back to myself", "soft", "unreachable"),
        (
            "5.4.4",
            "X-Postfix; Host or domain name not found. Name service error for name=example.or type=A: Host not found",
            "hard",
            "invalid_domain",
        ),
        (
            "4.4.3",
            "X-Postfix; Host or domain name not found. Name service error for name=example.org type=MX: Host not found, try again",
            "soft",
            "unreachable",
        ),
        (
            "4.4.1",
            "X-Postfix; connect to mx.example.org[1.2.3.4]:25: Connection timed out",
            "soft",
            "unreachable",
        ),
        (
            "4.4.7",
            "smtp; The recipient server did not accept our requests to connect.",
            "soft",
            "unreachable",
        ),
        ("5.4.7", "smtp; 550 5.4.7 Delivery expired (message too old) 'timeout'", "soft", "unreachable"),
        ("5.1.2", "smtp; 550 Host unknown", "hard", "invalid_domain"),
        (
            "5.4.310",
            "smtp; 550 5.4.310 DNS domain example.or does not exist [Message=InfoDomainNonexistent]",
            "hard",
            "invalid_domain",
        ),
        (
            "5.7.129",
            "smtp;550 5.7.129 RESOLVER.RST.RestrictedToRecipientsPermission; not authorized",
            "soft",
            "blocked",
        ),
        (
            "5.2.0",
            "smtp;554 5.2.0 STOREDRV.Deliver.Exception:QuotaExceededException.MapiExceptionShutoffQuotaExceeded",
            "soft",
            "mailbox_full",
        ),
        ("5.2.2", "smtp;554 5.2.2 mailbox full; STOREDRV.Deliver", "soft", "mailbox_full"),
        ("5.0.0", "smtp; 511 5.1.1 Utilisateur inconnu / Unknown user", "hard", "user_unknown"),
        (
            "5.1.1",
            "smtp; 550 5.1.1 Adresse d au moins un destinataire invalide. Invalid recipient. OFR204_418",
            "hard",
            "user_unknown",
        ),
        ("5.0.0", "smtp; 550 5.1.1 Caixa postal inexistente", "hard", "user_unknown"),
        ("5.0.0", "smtp; 554 5.7.1 Mensagem rejeitada por suspeita de spam", "soft", "blocked"),
        ("5.0.0", "smtp; 550 Usuario desconocido en este servidor", "hard", "user_unknown"),
        ("5.0.0", "smtp; 552 El buzon del destinatario esta lleno", "soft", "mailbox_full"),
        ("5.0.0", "smtp; 550 Empfaenger unbekannt", "hard", "user_unknown"),
        ("5.0.0", "smtp; 552 Postfach des Empfängers ist voll", "soft", "mailbox_full"),
        ("5.0.0", "smtp; 550 Casella inesistente", "hard", "user_unknown"),
        ("5.0.0", "smtp; 550 Uzytkownik nieznany", "hard", "user_unknown"),
        ("5.0.0", "smtp; 550 Пользователь не найден", "hard", "user_unknown"),
        ("5.0.0", "smtp; 550 Ящик переполнен", "soft", "mailbox_full"),
        ("5.0.0", "smtp; 550 收件人不存在", "hard", "user_unknown"),
        ("5.0.0", "smtp; 552 收件人邮箱容量已满", "soft", "mailbox_full"),
        (
            "5.0.0",
            "smtp; 550 sender verify failed: the mail server could not deliver mail to bounces@sender.example. The account or domain may not exist",
            "soft",
            "blocked",
        ),
        ("5.7.1", "smtp; 554 5.7.1 <x@y>: Relay access denied", "soft", "refused"),
        ("5.4.14", "smtp; 554 5.4.14 Hop count exceeded - possible mail loop ATTR34", "soft", "unreachable"),
        ("5.0.0", "smtp; 501 5.5.4 Invalid HELO", "soft", "blocked"),
        (
            "5.0.0",
            "smtp; 550 5.7.25 The IP address sending this message does not have a PTR record",
            "soft",
            "blocked",
        ),
        (
            "5.0.0",
            "smtp; 550 Account closed due to inactivity. No forwarding information is available.",
            "hard",
            "account_disabled",
        ),
        (
            "5.0.0",
            "smtp; 550 This account has been disabled or discontinued [#102]",
            "hard",
            "account_disabled",
        ),
        ("5.7.1", "smtp; 550 5.7.1 Message rejected as spam by Content Filtering.", "soft", "blocked"),
        ("5.3.2", "smtp; 521 5.3.2 Host does not accept mail: nullMX", "hard", "invalid_domain"),
        ("5.0.0", "smtp; 550 x@y is not a valid mailbox", "hard", "user_unknown"),
        ("5.0.0", "smtp; 550 Recipient Rejected: No account by that name here", "hard", "user_unknown"),
        ("5.0.0", "smtp; 550 User x@y does not exist", "hard", "user_unknown"),
        ("5.0.0", "smtp; 550 x does not exist here", "hard", "user_unknown"),
        ("5.0.0", "smtp; 550 IP frequency limited", "soft", "blocked"),
        (
            "5.0.0",
            "smtp; 550 5.7.1 Mail from 1.2.3.4 refused - see http://www.mail-abuse.com/",
            "soft",
            "blocked",
        ),
        ("5.1.1", "smtp; 550 5.1.1 rejected by spam filter", "soft", "blocked"),
        ("5.7.0", "smtp; 550 5.7.0 Email rejected per SPF policy", "soft", "blocked"),
        ("5.6.0", "smtp; 554 5.6.0 Message contains a virus", "soft", "blocked"),
        ("5.3.0", "smtp; 553 5.3.0 <x@y>... Addressee unknown, relay=[1.2.3.4]", "hard", "user_unknown"),
        ("5.0.0", "smtp; 550 RCPT TO:<x@y> User not known", "hard", "user_unknown"),
        (
            "5.1.1",
            "550 5.1.1 The email account that you tried to reach does not exist.",
            "hard",
            "user_unknown",
        ),
        ("5.2.2", "smtp; 452 4.2.2 Over quota", "soft", "mailbox_full"),
        ("5.1.1", "smtp; 550 5.1.1 <x>: user does not exist", "hard", "user_unknown"),
        (
            "5.7.1",
            "smtp; 554 5.7.1 Service unavailable; Client host [1.2.3.4] blocked using Barracuda Reputation; http://www.barracudanetworks.com/reputation",
            "soft",
            "blocked",
        ),
        ("5.0.0", "smtp; 554 #5.3.0 mail policy: message body contains banned content", "soft", "blocked"),
        (
            "5.0.0",
            "smtp; 550 5.7.1 [P4] Message blocked due to spam content in the message.",
            "soft",
            "blocked",
        ),
        (
            "5.7.1",
            "smtp; 550 5.7.1 <x@y>: Recipient address rejected: Undeliverable address: host mx[1.1.1.1] said: 550 no such user",
            "hard",
            "user_unknown",
        ),
        ("5.0.0", "smtp; 550 5.2.0 Mail rejete. Mail rejected. ofr_506 [506]", "soft", "blocked"),
        (
            "5.0.0",
            "smtp; 552 5.1.1 Boite du destinataire pleine. Recipient overquota. OFR204_416",
            "soft",
            "mailbox_full",
        ),
        ("5.0.0", "smtp; 550 spam detected", "soft", "blocked"),
        (
            "5.0.0",
            "smtp; 554 5.7.1 <x>: Recipient address rejected: Caixa postal lotada",
            "soft",
            "mailbox_full",
        ),
        ("5.0.0", "smtp; 550 5.7.1 Bloqueado por SPF", "soft", "blocked"),
        (
            "5.0.0",
            "smtp; 550 RCPT TO:<x@virgilio.it> User unknown - utente sconosciuto",
            "hard",
            "user_unknown",
        ),
        ("5.0.0", "smtp; 550 5.1.1 Brak takiego uzytkownika", "hard", "user_unknown"),
        ("5.0.0", "smtp; 550 5.1.1 No such user - nvsmtp", "hard", "user_unknown"),
        ("5.4.7", "smtp; 421 4.4.2 example.org Error: timeout exceeded", "soft", "unreachable"),
        ("5.1.1", "smtp; 550 user unknown", "hard", "user_unknown"),
    ],
)
def test_a_server_s_words_say_why(status, diagnostic, kind, reason):
    report = read(delivery_report(diagnostic, status=status))

    assert [(one.recipient, one.kind, one.reason) for one in report.recipients] == [
        (WRITTEN_TO, kind, reason)
    ]


@pytest.mark.parametrize(
    ("status", "diagnostic"),
    [
        ("5.4.1", "smtp; 550 5.4.1 Recipient address rejected: Access denied. AS(201806281)"),
        ("5.5.0", "smtp; 550 5.5.0 Requested action not taken: mailbox unavailable (S2017062302)."),
        ("5.2.122", "smtp; 554 5.2.122 The recipient has exceeded their limit for messages per hour"),
        (
            "5.0.0",
            "smtp; 550-Requested action not taken: mailbox unavailable 550 For explanation visit https://postmaster.gmx.net/en/error-messages?ip=1.2.3.4&c=uia",
        ),
        ("5.0.0", "smtp; 554 DT:SPM 163 smtp1,some id please see http://mail.163.com/help/help_spam_16.htm"),
        ("5.0.0", "smtp; 550 #5.1.0 Address rejected."),
        ("5.7.1", "smtp;550 5.7.1 RESOLVER.RST.AuthRequired; authentication required [Stage: CreateMessage]"),
        (
            "5.7.1",
            "smtp; 550 5.7.1 Service refuse. Veuillez essayer plus tard. service refused, please try later. OFR004_104",
        ),
        ("5.0.0", "smtp; 550 Conta de e-mail desativada por inatividade"),
        ("5.0.0", "smtp; 550 5.1.1 <x>: Recipient address rejected: Konto nieaktywne"),
        ("5.1.8", "smtp; 550 5.1.8 <b@bounces.sender.example>: Sender address rejected: Domain not found"),
        ("5.0.0", "smtp; 553 5.1.8 Domain of sender address b@x does not exist"),
        ("5.0.0", "smtp; 550 Callout verification failed: 550 no such user"),
        ("5.2.1", "smtp; 550 5.2.1 Mailbox unavailable. The recipient's account is suspended"),
        (
            "5.0.0",
            "smtp; 550 [SUSPEND] Mailbox currently suspended - Please contact correspondance by another means",
        ),
        ("5.0.0", "smtp; 550 BOGON: unknown"),
        ("5.0.0", "smtp; 553 Requested action not taken: NULL sender is not allowed"),
        ("5.7.10", "smtp; TLS required but not supported"),
        ("5.5.3", "smtp; 452 4.5.3 Too many recipients"),
        ("5.0.0", "smtp; 550 5.7.1 Sender address rejected: User unknown in relay recipient table"),
        ("5.1.4", "smtp; 550 ambiguous user"),
        ("5.0.0", "smtp; 550 MAIL FROM <b@x.example> invalid: domain does not exist"),
        ("5.0.0", "smtp; 554 no valid recipients"),
        ("5.0.0", "smtp; 550 5.2.1 User is not accepting mail right now"),
        ("5.0.0", "smtp; 554 5.3.0 Error: maildir does not exist: mail system error"),
        ("5.0.0", "smtp; 550 The sender's domain does not exist"),
        ("5.0.0", "smtp; 550-No Such User Here 550 Sender verify failed"),
        ("5.0.0", "x-unix; Command died with status 1: procmail: not found"),
    ],
)
def test_what_leaves_a_doubt_is_not_hard(status, diagnostic):
    assert read(delivery_report(diagnostic, status=status)).kind == "soft"


@pytest.mark.parametrize(
    ("code", "kind", "reason"),
    [
        ("5.1.1", "hard", "user_unknown"),
        ("4.1.1", "soft", "user_unknown"),
        ("5.1.2", "hard", "invalid_domain"),
        ("5.1.10", "hard", "user_unknown"),
        ("5.2.1", "hard", "account_disabled"),
        ("4.2.1", "soft", "account_disabled"),
        ("5.2.2", "soft", "mailbox_full"),
        ("5.3.4", "soft", "too_large"),
        ("5.4.1", "soft", "unreachable"),
        ("5.7.1", "soft", "blocked"),
        ("5.7.26", "soft", "blocked"),
        ("5.0.0", "soft", "not_defined"),
        ("5.99.99", "soft", "not_defined"),
    ],
)
def test_a_code_decides_where_no_words_do(code, kind, reason):
    [one] = read(delivery_report("smtp; 5 no", status=code)).recipients

    assert (one.kind, one.reason, one.status) == (kind, reason, code)


def test_the_words_of_a_server_are_believed_before_its_code():
    [one] = read(delivery_report("smtp; 550 5.1.1 mailbox full", status="5.1.1")).recipients

    assert (one.kind, one.reason, one.status) == ("soft", "mailbox_full", "5.1.1")


def test_a_reply_for_good_is_final_whatever_the_status_field_has():
    [one] = read(delivery_report("smtp; 550 user unknown", status="4.0.0")).recipients

    assert (one.kind, one.status) == ("hard", "4.0.0")


def test_what_might_have_worked_later_is_never_hard():
    assert read(delivery_report("smtp; 450 user unknown", status="4.1.1")).kind == "soft"


def test_the_name_of_a_host_says_nothing():
    said = "smtp; host mx.spam-policy-blocked.example said: 550 user unknown"

    assert read(delivery_report(said)).kind == "hard"


def test_the_words_of_our_own_message_say_nothing():
    assert read(delivery_report("smtp; 550 no")).reason == "not_defined"
