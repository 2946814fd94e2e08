"""The forms in which mail systems tell what a server answered, each with the answer in the place of `{answer}`."""

from feedback.reports.tests.mails import RETURNED, WRITTEN_TO, mail

_DAEMON = "Mail Delivery System <MAILER-DAEMON@relay.sender.example>"
_EXIM = """This message was created automatically by mail delivery software.

A message that you sent could not be delivered to one or more of its
recipients. This is a permanent error. The following address(es) failed:

  {to}
    SMTP error from remote mail server after RCPT TO:<{to}>:
    host mx.example.org [192.0.2.7]: {answer}

------ This is a copy of the message, including all the headers. ------
"""
_QMAIL = """Hi. This is the qmail-send program at relay.sender.example.
I'm afraid I wasn't able to deliver your message to the following addresses.
This is a permanent error; I've given up. Sorry it didn't work out.

<{to}>:
192.0.2.7 does not like recipient.
Remote host said: {answer}
Giving up on 192.0.2.7.

--- Below this line is a copy of the message.
"""
_POSTFIX = """This is the mail system at host relay.sender.example.

I'm sorry to have to inform you that your message could not
be delivered to one or more recipients. It's attached below.

<{to}>: host mx.example.org[192.0.2.7] said: {answer} (in reply to RCPT TO command)
"""
_EXCHANGE = """Delivery has failed to these recipients or groups:

{to}
A problem occurred during the delivery of this message. Please try to resend the message later.

Diagnostic information for administrators:

Generating server: mx.example.org

{to}
Remote Server returned '{answer}'
"""
_SURFCONTROL = """Your message could not be sent.
A transcript of the attempts to send the message follows.
The number of attempts made: 1
Addressed To: {to}

Thu 29 Apr 2010 23:34:45 +0900
Failed to send to identified host,
{to}: [192.0.2.7], {answer}
--- Message non-deliverable.
"""
_YAHOO = """Sorry, we were unable to deliver your message to the following address.

<{to}>:
{answer}

--- Below this line is a copy of the message.
"""

FORMS = {
    "exim": ("Mail delivery failed: returning message to sender", _EXIM),
    "qmail": ("failure notice", _QMAIL),
    "postfix": ("Undelivered Mail Returned to Sender", _POSTFIX),
    "exchange": ("Undeliverable: hello", _EXCHANGE),
    "surfcontrol": ("Message could not be delivered", _SURFCONTROL),
    "yahoo": ("Failure Notice", _YAHOO),
}


def notice(form: str, answer: str) -> bytes:
    """A notice of that form about a message to `WRITTEN_TO`, with what it returns where the form has room for it."""
    subject, text = FORMS[form]
    returned = RETURNED if text.rstrip().endswith(("------", "the message.")) else ""
    return mail(_DAEMON, subject, text.format(to=WRITTEN_TO, answer=answer) + returned)
