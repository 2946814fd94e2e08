"""Notices in words alone: filters, appliances, providers of the world."""

from feedback.reports.tests.mails import RETURNED, WRITTEN_TO

# Name, sender, subject, kind, reason, text, further headers.
NOTICES = [
    (
        "aol",
        "MAILER-DAEMON@aol.com (Mail Delivery Subsystem)",
        "Returned mail: User unknown",
        "hard",
        "user_unknown",
        f"""The original message was received at Mon, 1 Jan 2024
from root@localhost

*** ATTENTION ***

Your e-mail is being returned to you because there was a problem with its
delivery.  The address which was undeliverable is listed in the section
labeled: "----- The following addresses had permanent fatal errors -----".

   ----- The following addresses had permanent fatal errors -----
<{WRITTEN_TO}>

   ----- Transcript of session follows -----
... while talking to air-xe01.mail.aol.com.:
>>> RCPT To:<{WRITTEN_TO}>
<<< 550 MAILBOX NOT FOUND
550 <{WRITTEN_TO}>... User unknown
""",
    ),
    (
        "imail",
        "postmaster@example.org",
        "Undeliverable Mail",
        "hard",
        "user_unknown",
        f"""Unknown user: {WRITTEN_TO}

RCPT TO generated following response:
550 not our customer

Original message follows.
{RETURNED}""",
    ),
    (
        "mailenable",
        "postmaster@example.org",
        "Message Delivery Failure",
        "hard",
        "user_unknown",
        f"""MailEnable: Message could not be delivered to some recipients.
The following recipient(s) could not be reached:

	Recipient: [SMTP:{WRITTEN_TO}]
	Reason: Mailbox does not exist

Message headers follow:
{RETURNED}""",
    ),
    (
        "courier",
        "Courier mail server at mx.example.org <@example.org>",
        "NOTICE: mail delivery status.",
        "hard",
        "user_unknown",
        f"""This is a delivery status notification from mx.example.org,
running the Courier mail server, version 0.65.

The original message was received on Mon, 01 Jan 2024
from relay.example

---------------------------------------------------------------------------

                           UNDELIVERABLE MAIL

Your message to the following recipients cannot be delivered:

<{WRITTEN_TO}>:
    mx.example.org [192.0.2.1]:
>>> RCPT TO:<{WRITTEN_TO}>
<<< 550 User unknown.

---------------------------------------------------------------------------
""",
    ),
    (
        "opensmtpd",
        "Mailer Daemon <MAILER-DAEMON@relay.example>",
        "Delivery status notification: error",
        "soft",
        "mailbox_full",
        f"""    Hi!

    This is the MAILER-DAEMON, please DO NOT REPLY to this email.

    An error has occurred while attempting to deliver a message for
    the following list of recipients:

{WRITTEN_TO}: 550 5.2.2 <{WRITTEN_TO}>... Mailbox Full

    Below is a copy of the original message:
{RETURNED}""",
    ),
    (
        "james",
        "postmaster@example.org",
        "[BOUNCE]",
        "hard",
        "user_unknown",
        f"""Hi. This is the James mail server at mx.example.org.
I'm afraid I wasn't able to deliver your message to the following addresses.
This is a permanent error; I've given up. Sorry it didn't work out.  Below
I include the list of recipients and the reason why I was unable to deliver
your message.

Failed recipient(s):
{WRITTEN_TO}

Error message:
550 5.1.1 <{WRITTEN_TO}>... User unknown
""",
    ),
    (
        "mailmarshal",
        "MailMarshal <postmaster@example.org>",
        "Message could not be delivered",
        "hard",
        "user_unknown",
        f"""Your message:
   From:    news@sender.example
   Subject: hello

Could not be delivered because of

550 5.1.1 User unknown

The following recipients were affected:
    {WRITTEN_TO}
""",
    ),
    (
        "interscan",
        "postmaster@example.org",
        "Mail could not be delivered",
        "hard",
        "user_unknown",
        f"""****** Message from InterScan Messaging Security Suite ******

Sent <<< RCPT TO:<{WRITTEN_TO}>
Received >>> 550 5.1.1 <{WRITTEN_TO}>... user unknown

Unable to deliver message to <{WRITTEN_TO}>.

************************ End of message **********************
""",
    ),
    (
        "mxlogic",
        "mailer-daemon@mxlogic.example",
        "Mail delivery failed: returning message to sender",
        "hard",
        "user_unknown",
        f"""This message was created automatically by mail delivery software.

A message that you sent could not be delivered to one or more of its recipients.
This is a permanent error. The following address(es) failed:

{WRITTEN_TO}: SMTP error from remote mail server after RCPT TO:<{WRITTEN_TO}>: host mx [192.0.2.1]: 550 5.1.1 Unknown user
""",
    ),
    (
        "zoho",
        "mailer-daemon@mail.zoho.com",
        "Undelivered Mail Returned to Sender",
        "hard",
        "user_unknown",
        f"""This message was created automatically by mail delivery software.
 A message that you sent could not be delivered to one or more of its recipients. This is a permanent error.

{WRITTEN_TO} Invalid Address, ERROR_CODE :550, ERROR_CODE :5.1.=
1 <{WRITTEN_TO}>: Recipient address rejected: User unknown in virtual mailbox table
""",
    ),
    (
        "163 zh",
        "Postmaster@163.com",
        "系统退信",
        "hard",
        "user_unknown",
        f"""抱歉，您的邮件被退回来了……

原邮件信息：
时间	2024-01-01 10:00:00
主题	hello
收件人	{WRITTEN_TO}

退信原因：收件人不存在
英文说明: 550 User not found: {WRITTEN_TO}
""",
    ),
    (
        "qq zh",
        "PostMaster@qq.com",
        "来自qq.com的退信",
        "soft",
        "mailbox_full",
        f"""很抱歉您发送的邮件被退回，以下是该邮件的相关信息：

被退回邮件	主题：hello
无法发送到 {WRITTEN_TO}
退信原因	收件人邮箱容量已满，无法接收邮件。
Mailbox space not enough or space limit
""",
    ),
    (
        "mailru",
        "mailer-daemon@corp.mail.ru",
        "Ваше сообщение не доставлено. Mail failure.",
        "hard",
        "user_unknown",
        f"""Это письмо создано автоматически сервером Mail.Ru, отвечать на него не нужно.

К сожалению, Ваше письмо не может быть доставлено одному или нескольким получателям:

**********************

{WRITTEN_TO}: user not found
""",
    ),
    (
        "yandex",
        "mailer-daemon@yandex.ru",
        "Недоставленное сообщение",
        "soft",
        "mailbox_full",
        f"""Это сообщение от почтового сервера Yandex.

К сожалению, мы вынуждены сообщить Вам о том, что Ваше письмо не может быть отправлено одному или нескольким адресатам. Причина указана ниже.

<{WRITTEN_TO}>: host mx.example.org[192.0.2.1] said: 552 5.2.2 Mailbox size limit exceeded (in reply to end of DATA command)
""",
    ),
    (
        "docomo jp",
        "Mail Delivery System <postmaster@docomo.example>",
        "メールが配信できませんでした",
        "hard",
        "user_unknown",
        f"""次のあて先へのメッセージはエラーのため送信できませんでした。

{WRITTEN_TO}

宛先不明です。
""",
    ),
    (
        "biglobe jp",
        "postmaster@biglobe.example",
        "Returned mail",
        "soft",
        "mailbox_full",
        f"""   ----- The following addresses had delivery problems -----
{WRITTEN_TO}

   ----- Non-delivered information -----
The number of messages in recipient's mailbox exceeded the local limit.
""",
    ),
    (
        "t-online",
        "Mail Delivery System <Mailer-Daemon@t-online.de>",
        "Mail delivery failed: returning message to sender",
        "hard",
        "user_unknown",
        f"""|------------------------- Message log follows: -------------------------|
 no valid recipients were found for this message
|------------------------- Failed addresses follow: ---------------------|
 <{WRITTEN_TO}> ... unknown user
|------------------------- Message text follows: ------------------------|
{RETURNED}""",
    ),
    (
        "webde",
        '"WEB.DE Mailer Daemon" <mailer-daemon@web.de>',
        "Mail delivery failed: returning message to sender",
        "soft",
        "mailbox_full",
        f"""This message was created automatically by mail delivery software.

A message that you sent could not be delivered to one or more of
its recipients. This is a permanent error. The following address
failed:

{WRITTEN_TO}:
SMTP error from remote server for TEXT command, host: mx.example.org (192.0.2.1) reason: 552 5.2.2 Mailbox quota exceeded

--- The header of the original message is following. ---
{RETURNED}""",
    ),
    (
        "libero it",
        "postmaster@libero.it",
        "Mancato recapito: hello",
        "soft",
        "mailbox_full",
        f"""Il messaggio non è stato recapitato al seguente destinatario:

{WRITTEN_TO}

Motivo: casella di posta piena
""",
    ),
    (
        "kpn nl",
        "Mailer-Daemon@kpn.example",
        "Onbestelbaar: hello",
        "hard",
        "user_unknown",
        f"""Uw bericht kon niet worden afgeleverd bij de volgende ontvangers:

{WRITTEN_TO}

Reden: onbekende gebruiker
""",
    ),
    (
        "wp pl",
        "Mailer-Daemon@wp.example",
        "Zwrot wiadomości: niedostarczona",
        "soft",
        "mailbox_full",
        f"""Twoja wiadomość nie została dostarczona do:

{WRITTEN_TO}

Powód: skrzynka odbiorcy jest przepełniona
""",
    ),
    (
        "fr laposte",
        "MAILER-DAEMON@laposte.example",
        "Échec de remise",
        "soft",
        "mailbox_full",
        f"""Votre message n'a pas pu être remis au destinataire suivant :

<{WRITTEN_TO}>

Raison : boîte aux lettres pleine
""",
    ),
]
