"""Notices in words alone, as the mail systems write them."""

from feedback.reports.tests.mails import RETURNED, WRITTEN_TO

# Name, sender, subject, kind, reason, text, further headers.
NOTICES = [
    (
        "exim",
        "Mail Delivery System <Mailer-Daemon@relay.example>",
        "Mail delivery failed: returning message to sender",
        "hard",
        "user_unknown",
        f"""This message was created automatically by mail delivery software.

A message that you sent could not be delivered to one or more of its
recipients. This is a permanent error. The following address(es) failed:

  {WRITTEN_TO}
    host mx.example.org [192.0.2.1]
    SMTP error from remote mail server after RCPT TO:<{WRITTEN_TO}>:
    550 5.1.1 <{WRITTEN_TO}>: Recipient address rejected: User unknown

------ This is a copy of the message, including all the headers. ------
{RETURNED}""",
    ),
    (
        "exim retry",
        "Mail Delivery System <Mailer-Daemon@relay.example>",
        "Mail delivery failed: returning message to sender",
        "soft",
        "unreachable",
        f"""This message was created automatically by mail delivery software.

A message that you sent could not be delivered to one or more of its
recipients. This is a permanent error. The following address(es) failed:

  {WRITTEN_TO}
    retry timeout exceeded

------ This is a copy of the message, including all the headers. ------
{RETURNED}""",
    ),
    (
        "exim unrouteable",
        "Mail Delivery System <Mailer-Daemon@relay.example>",
        "Mail delivery failed: returning message to sender",
        "hard",
        None,
        f"""A message that you sent could not be delivered to one or more of its
recipients. This is a permanent error. The following address(es) failed:

  {WRITTEN_TO}
    Unrouteable address
{RETURNED}""",
    ),
    (
        "exim delay",
        "Mail Delivery System <Mailer-Daemon@relay.example>",
        "Warning: message 1abc delayed 24 hours",
        "delayed",
        None,
        f"""This message was created automatically by mail delivery software.
A message that you sent has not yet been delivered to one or more of its
recipients after more than 24 hours on the queue on relay.example.

The message identifier is:     1abc
The subject of the message is: hello
The date of the message is:    Mon, 1 Jan 2024

The address to which the message has not yet been delivered is:

  {WRITTEN_TO}
    host mx.example.org [192.0.2.1]
    Delay reason: SMTP error from remote mail server after RCPT TO: 451 4.7.1 Greylisted

No action is required on your part. Delivery attempts will continue for
some time, and this warning may be repeated at intervals if the message
remains undelivered. Eventually the mail delivery software will give up,
and when that happens, the message will be returned to you.
""",
    ),
    (
        "sendmail",
        "Mail Delivery Subsystem <MAILER-DAEMON@relay.example>",
        "Returned mail: see transcript for details",
        "soft",
        "mailbox_full",
        f"""The original message was received at Mon, 1 Jan 2024 10:00:00 GMT
from localhost [127.0.0.1]

   ----- The following addresses had permanent fatal errors -----
<{WRITTEN_TO}>
    (reason: 550 5.2.2 mailbox full)
    (expanded from: <{WRITTEN_TO}>)

   ----- Transcript of session follows -----
... while talking to mx.example.org.:
>>> DATA
<<< 550 5.2.2 mailbox full
554 5.0.0 Service unavailable
""",
    ),
    (
        "sendmail warning",
        "Mail Delivery Subsystem <MAILER-DAEMON@relay.example>",
        "Warning: could not send message for past 4 hours",
        "delayed",
        None,
        f"""    **********************************************
    **      THIS IS A WARNING MESSAGE ONLY      **
    **  YOU DO NOT NEED TO RESEND YOUR MESSAGE  **
    **********************************************

The original message was received at Mon, 1 Jan 2024
from localhost

   ----- Transcript of session follows -----
<{WRITTEN_TO}>... Deferred: Connection timed out with mx.example.org.
Warning: message still undelivered after 4 hours
Will keep trying until message is 5 days old
""",
    ),
    (
        "qmail",
        "MAILER-DAEMON@relay.example",
        "failure notice",
        "hard",
        "user_unknown",
        f"""Hi. This is the qmail-send program at relay.example.
I'm afraid I wasn't able to deliver your message to the following addresses.
This is a permanent error; I've given up. Sorry it didn't work out.

<{WRITTEN_TO}>:
192.0.2.1 does not like recipient.
Remote host said: 550 5.1.1 unknown user
Giving up on 192.0.2.1.

--- Below this line is a copy of the message.
{RETURNED}""",
    ),
    (
        "qmail queue",
        "MAILER-DAEMON@relay.example",
        "failure notice",
        "soft",
        "unreachable",
        f"""Hi. This is the qmail-send program at relay.example.
I'm afraid I wasn't able to deliver your message to the following addresses.
This is a permanent error; I've given up. Sorry it didn't work out.

<{WRITTEN_TO}>:
Sorry, I wasn't able to establish an SMTP connection. (#4.4.1)
I'm not going to try again; this message has been in the queue too long.

--- Below this line is a copy of the message.
{RETURNED}""",
    ),
    (
        "qmail vpop",
        "MAILER-DAEMON@relay.example",
        "failure notice",
        "soft",
        "mailbox_full",
        f"""Hi. This is the qmail-send program at relay.example.
I'm afraid I wasn't able to deliver your message to the following addresses.
This is a permanent error; I've given up. Sorry it didn't work out.

<{WRITTEN_TO}>:
user is over quota

--- Below this line is a copy of the message.
{RETURNED}""",
    ),
    (
        "qmail vpop no mailbox",
        "MAILER-DAEMON@relay.example",
        "failure notice",
        "hard",
        "user_unknown",
        f"""Hi. This is the qmail-send program at relay.example.
I'm afraid I wasn't able to deliver your message to the following addresses.

<{WRITTEN_TO}>:
Sorry, no mailbox here by that name. (#5.1.1)

--- Below this line is a copy of the message.
{RETURNED}""",
    ),
    (
        "domino",
        "postmaster@example.org",
        "DELIVERY FAILURE: User ana.silva (ana.silva@example.org) not listed in Domino Directory",
        "hard",
        "user_unknown",
        f"""Your message

  Subject: hello

was not delivered to:

  {WRITTEN_TO}

because:

  User ana.silva ({WRITTEN_TO}) not listed in Domino Directory
""",
    ),
    (
        "groupwise",
        "Mailer-Daemon@example.org",
        "Message status - undeliverable",
        "hard",
        "user_unknown",
        f"""The message that you sent was undeliverable to the following:
	ana.silva ({WRITTEN_TO}) (user not found)

Possibly truncated original message follows:
""",
    ),
    (
        "exchange 2003",
        "System Administrator <postmaster@example.org>",
        "Undeliverable: hello",
        "hard",
        "user_unknown",
        f"""Your message

  To:      Ana Silva
  Subject: hello
  Sent:    Mon, 1 Jan 2024 10:00:00 +0000

did not reach the following recipient(s):

{WRITTEN_TO} on Mon, 1 Jan 2024 10:00:05 +0000
    The e-mail account does not exist at the organization this message was
    sent to.  Check the e-mail address, or contact the recipient directly to
    find out the correct address.
    <mx.example.org #5.1.1>
""",
    ),
    (
        "exchange fr",
        "Administrateur système <postmaster@example.org>",
        "Non remis : hello",
        "hard",
        "user_unknown",
        f"""Votre message n'a pas été remis à certains ou à tous les destinataires.

      Objet :	hello
      Date :	01/01/2024 10:00

Impossible de joindre le ou les destinataires suivants :

      {WRITTEN_TO} le 01/01/2024 10:00
            Le compte de messagerie n'existe pas dans l'organisation à laquelle ce message a été envoyé.
            <mx.example.org #5.1.1>
""",
    ),
    (
        "exchange de",
        "Systemadministrator <postmaster@example.org>",
        "Unzustellbar: hello",
        "hard",
        "user_unknown",
        f"""Ihre Nachricht hat einige oder alle Empfänger nicht erreicht.

      Betreff:	hello
      Gesendet am:	01.01.2024 10:00

Folgende(r) Empfänger kann/können nicht erreicht werden:

      {WRITTEN_TO} am 01.01.2024 10:00
            Das E-Mail-Konto ist in der Organisation, an die diese Nachricht gesendet wurde, nicht vorhanden.
            <mx.example.org #5.1.1>
""",
    ),
    (
        "exchange es",
        "Administrador del sistema <postmaster@example.org>",
        "No se puede entregar: hello",
        "hard",
        "user_unknown",
        f"""Su mensaje no ha llegado a algunos o a todos los destinatarios.

      Asunto:	hello
      Enviado el:	01/01/2024 10:00

No se puede localizar a los destinatarios siguientes:

      '{WRITTEN_TO}' el 01/01/2024 10:00
            550 5.1.1 User unknown
""",
    ),
    (
        "exchange pt",
        "Administrador do sistema <postmaster@example.org>",
        "Não é possível entregar: hello",
        "soft",
        "mailbox_full",
        f"""Falha na entrega para estes destinatários ou grupos:

{WRITTEN_TO}
A caixa de correio do destinatário está cheia e não pode aceitar mensagens agora. Tente reenviar a mensagem mais tarde.
""",
    ),
    (
        "office365",
        "Microsoft Outlook <MicrosoftExchange329e71ec88ae4615bbc36ab6ce41109e@example.onmicrosoft.com>",
        "Undeliverable: hello",
        "hard",
        "user_unknown",
        f"""Your message to {WRITTEN_TO} couldn't be delivered.

ana.silva wasn't found at example.org.

sender		Office 365	ana.silva
Action Required			Recipient

Unknown To address
""",
    ),
    (
        "gmail delay",
        "Mail Delivery Subsystem <mailer-daemon@googlemail.com>",
        "Delivery Status Notification (Delay)",
        "delayed",
        None,
        f"""This is an automatically generated Delivery Status Notification

THIS IS A WARNING MESSAGE ONLY.

YOU DO NOT NEED TO RESEND YOUR MESSAGE.

Delivery to the following recipient has been delayed:

     {WRITTEN_TO}

Message will be retried for 2 more day(s)

Technical details of temporary failure:
The recipient server did not accept our requests to connect.
""",
    ),
    (
        "gmail pt",
        "Mail Delivery Subsystem <mailer-daemon@googlemail.com>",
        "Delivery Status Notification (Failure)",
        "hard",
        "user_unknown",
        f"""
** Endereço não encontrado **

Sua mensagem não foi entregue a {WRITTEN_TO} porque o endereço não foi encontrado ou não pode receber e-mails.

A resposta do servidor remoto foi:

550 5.1.1 <{WRITTEN_TO}> User doesn't exist
""",
        f"X-Failed-Recipients: {WRITTEN_TO}",
    ),
    (
        "gmail msg blocked",
        "Mail Delivery Subsystem <mailer-daemon@googlemail.com>",
        "Delivery Status Notification (Failure)",
        "soft",
        "blocked",
        f"""
** Message blocked **

Your message to {WRITTEN_TO} has been blocked. See technical details below for more information.

The response from the remote server was:
554 5.7.1 Service unavailable
""",
        f"X-Failed-Recipients: {WRITTEN_TO}",
    ),
    (
        "yahoo",
        "MAILER-DAEMON@yahoo.com",
        "Failure Notice",
        "hard",
        "user_unknown",
        f"""Sorry, we were unable to deliver your message to the following address.

<{WRITTEN_TO}>:
554: delivery error: dd This user doesn't have a yahoo.com account ({WRITTEN_TO}) [0] - mta1.mail.yahoo.com

--------- Original message ---------
{RETURNED}""",
    ),
]
