"""Notices in words alone: older mail systems, and filters before them."""

from feedback.reports.tests.mails import RETURNED, WRITTEN_TO

# Name, sender, subject, kind, reason, text, further headers.
NOTICES = [
    (
        "activehunter",
        "Mail Delivery Subsystem <MAILER-DAEMON@mx.example.jp>",
        "FAILURE NOTICE :",
        "hard",
        "user_unknown",
        f"""   ----- The following addresses had permanent fatal errors -----

>>> {WRITTEN_TO} <{WRITTEN_TO}>

   ----- Transcript of session follows -----
550 sorry, no mailbox here by that name (#5.1.1 - chkusr)
""",
    ),
    (
        "amavis",
        '"Content-filter at mx" <postmaster@mx.example>',
        "Considered UNSOLICITED BULK EMAIL, apparently from you",
        "soft",
        "blocked",
        f"""A message from <news@sender.example> to:
-> {WRITTEN_TO}

was considered unsolicited bulk e-mail (UBE).

Our internal reference code for your message is 1-2/x

The message WAS NOT relayed to:
  <{WRITTEN_TO}>:
   554 5.7.0 Reject, id=1-2 - SPAM
""",
    ),
    (
        "dragonfly",
        "<MAILER-DAEMON@mx.example.jp>",
        "Mail delivery failed",
        "hard",
        "user_unknown",
        f"""This is the DragonFly Mail Agent v0.13 at df.example.jp.

There was an error delivering your mail to <{WRITTEN_TO}>.

mx.example.com [192.0.2.1] did not like our RCPT TO:
550 5.1.1 <{WRITTEN_TO}>: user unknown

Message headers follow.
{RETURNED}""",
    ),
    (
        "ezweb full",
        "Postmaster@ezweb.ne.jp",
        "Mail System Error - Returned Mail",
        "soft",
        "mailbox_full",
        f"""Your mail sent on: Thu, 29 Apr 2010 11:04:47 +0900
	Could not be delivered to:
	<{WRITTEN_TO}>
	As their mailbox is full.
""",
    ),
    (
        "ezweb unknown",
        "Postmaster@ezweb.ne.jp",
        "Mail System Error - Returned Mail",
        "hard",
        None,
        f"""The user(s) account is disabled.

<{WRITTEN_TO}>:

550 <{WRITTEN_TO}>: User unknown
""",
    ),
    (
        "exchange2007",
        "Microsoft Exchange <postmaster@neko.example>",
        "Undeliverable: nyaan",
        "hard",
        "user_unknown",
        f"""Delivery has failed to these recipients or distribution lists:

{WRITTEN_TO}
The recipient's e-mail address was not found in the recipient's e-mail system. Microsoft Exchange will not try to redeliver this message for you.

Diagnostic information for administrators:

Generating server: mta2.neko.example.jp

{WRITTEN_TO}
#550 5.1.1 RESOLVER.ADR.RecipNotFound; not found ##

Original message headers:
{RETURNED}""",
    ),
    (
        "exchange2007 full",
        "Microsoft Exchange <postmaster@neko.example>",
        "Undeliverable: nyaan",
        "soft",
        "mailbox_full",
        f"""Delivery has failed to these recipients or distribution lists:

{WRITTEN_TO}
The recipient's mailbox is full and can't accept messages now. Please try resending this message later, or contact the recipient directly.

Diagnostic information for administrators:

Generating server: mta2.neko.example.jp

{WRITTEN_TO}
#550 5.2.2 STOREDRV.Deliver: mailbox full. The following information should help identify the cause of this delivery failure: MapiExceptionShutoffQuotaExceeded ##
""",
    ),
    (
        "exchange size",
        "Microsoft Exchange <postmaster@neko.example>",
        "Undeliverable: nyaan",
        "soft",
        "too_large",
        f"""Delivery has failed to these recipients or groups:

{WRITTEN_TO}
Your message wasn't delivered because it's larger than the size limit for messages. To send this message, make it smaller.

#550 5.3.4 ROUTING.SizeLimit; message size exceeds fixed maximum size for route ##
""",
    ),
    (
        "exchange restricted",
        "Microsoft Exchange <postmaster@neko.example>",
        "Undeliverable: nyaan",
        "soft",
        None,
        f"""Delivery has failed to these recipients or groups:

{WRITTEN_TO}
Your message can't be delivered because delivery to this address is restricted.

#550 5.7.1 RESOLVER.RST.AuthRequired; authentication required ##
""",
    ),
    (
        "google groups",
        "Mail Delivery Subsystem <mailer-daemon@googlemail.com>",
        "Delivery Status Notification (Failure)",
        "soft",
        None,
        """Hello news@sender.example,

We're writing to let you know that the group you tried to contact (neko) may not exist, or you may not have permission to post messages to the group. A few more details on why you weren't able to post:
""",
        f"X-Failed-Recipients: {WRITTEN_TO}",
    ),
    (
        "gmail old",
        "Mail Delivery Subsystem <mailer-daemon@googlemail.com>",
        "Delivery Status Notification (Failure)",
        "hard",
        "user_unknown",
        f"""Delivery to the following recipient failed permanently:

     {WRITTEN_TO}

Technical details of permanent failure:
Google tried to deliver your message, but it was rejected by the server for the recipient domain example.org by mx.example.org. [192.0.2.2].

The error that the other server returned was:
550 5.1.1 <{WRITTEN_TO}>... User Unknown

----- Original message -----
{RETURNED}""",
    ),
    (
        "gmail state",
        "Mail Delivery Subsystem <mailer-daemon@googlemail.com>",
        "Delivery Status Notification (Failure)",
        "hard",
        "invalid_domain",
        f"""Delivery to the following recipient failed permanently:

     {WRITTEN_TO}

Technical details of permanent failure:
DNS Error: Domain name not found
""",
    ),
    (
        "imail full",
        "postmaster@example.org",
        "Undeliverable Mail",
        "soft",
        "mailbox_full",
        f"""User mailbox exceeds allowed size: {WRITTEN_TO}

Original message follows.
{RETURNED}""",
    ),
    (
        "imail userid",
        "postmaster@example.org",
        "Undeliverable Mail",
        "hard",
        "user_unknown",
        f"""Invalid final delivery userid: {WRITTEN_TO}

Original message follows.
{RETURNED}""",
    ),
    (
        "imail undeliverable",
        "postmaster@example.org",
        "Undeliverable Mail",
        "soft",
        None,
        f"""undeliverable to {WRITTEN_TO}

Original message follows.
{RETURNED}""",
    ),
    (
        "mailfoundry",
        "<MAILER-DAEMON@mx.example.jp>",
        "Delivery failed",
        "hard",
        "user_unknown",
        f"""This is a delivery status notification from mx.

Unable to deliver message to: <{WRITTEN_TO}>
Delivery failed for the following reason:
Server mx22.example.org[192.0.2.222] failed with: 550 <{WRITTEN_TO}> No such user here

This has been a permanent failure.  No further delivery attempts will be made.
""",
    ),
    (
        "mcafee",
        "User unknown <postmaster@mx.example>",
        "Delivery Status",
        "hard",
        "user_unknown",
        f"""   --- The following addresses had delivery problems ---

<{WRITTEN_TO}>   (User unknown {WRITTEN_TO})

--------------Boundary-00=_00000000000000000000
""",
    ),
    (
        "sun messaging",
        "Internet Mail Delivery <postmaster@example.net>",
        "Delivery Notification: Delivery has failed",
        "hard",
        "user_unknown",
        f"""This report relates to a message you sent with the following header fields:

  Return-path: <news@sender.example>
  Received: from mx.example.net by x
  Message-id: <1@x>
  Date: Fri, 21 Nov 2008
  From: News <news@sender.example>
  To: {WRITTEN_TO}
  Subject: nyaan

Your message cannot be delivered to the following recipients:

  Recipient address: {WRITTEN_TO}
  Reason: Remote SMTP server has rejected address
  Diagnostic code: smtp;550 5.1.1 <{WRITTEN_TO}>... User Unknown
  Remote system: dns;mx (TCP|1|2|3|4)
""",
    ),
    (
        "notes",
        "Mail Router <postmaster@notes.example>",
        "DELIVERY FAILURE: User kijitora (kijitora@notes) not listed in public Name & Address Book",
        "hard",
        "user_unknown",
        f"""------- Failure Reasons  --------

User not listed in public Name & Address Book
{WRITTEN_TO}


------- Returned Message --------
{RETURNED}""",
    ),
    (
        "powermta",
        "<postmaster@pmta.example>",
        "Delivery report",
        "soft",
        None,
        f"""Hello, this is the mail server on pmta.example.

I am sending you this message to inform you on the delivery status of a
message you previously sent.  Immediately below you will find a list of
the affected recipients;  also attached is a Delivery Status Notification
(DSN) report in standard format, as well as the headers of the original
message.

  <{WRITTEN_TO}>  delivery failed; will not continue trying
""",
    ),
    (
        "surfcontrol",
        "Mail Administrator <postmaster@mx.example>",
        "Message not delivered",
        "hard",
        "user_unknown",
        f"""Your message could not be sent.
A transcript of the attempts to send the message follows.
The number of attempts made: 1
Addressed To: {WRITTEN_TO}

Thu 29 Apr 2010 23:34:45 +0900
Failed to send to identified host,
{WRITTEN_TO}: [192.0.2.5], 550 {WRITTEN_TO}... No such user

--- Message non-deliverable.
""",
    ),
    (
        "v5sendmail",
        "Mail Delivery Subsystem <MAILER-DAEMON@mx.example.jp>",
        "Returned mail: User unknown",
        "hard",
        "user_unknown",
        f"""   ----- Transcript of session follows -----
While talking to smtp.example.com:
>>> RCPT To:<{WRITTEN_TO}>
<<< 550 5.1.1 User unknown
550 <{WRITTEN_TO}>... User unknown

   ----- Unsent message follows -----
{RETURNED}""",
    ),
    (
        "v5 host unknown",
        "Mail Delivery Subsystem <MAILER-DAEMON@mx.example.jp>",
        "Returned mail: Host unknown",
        "hard",
        "invalid_domain",
        f"""   ----- Transcript of session follows -----
550 {WRITTEN_TO}... Host unknown (Name server: example.org: host not found)

   ----- Unsent message follows -----
{RETURNED}""",
    ),
]
