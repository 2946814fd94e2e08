"""Notices in words alone: Microsoft Exchange, qmail, Postfix and Exim with what they say more rarely, and filters."""

from feedback.reports.tests.mails import RETURNED, WRITTEN_TO

# Name, sender, subject, kind, reason, text, further headers.
NOTICES = [
    (
        "verizon",
        "post_master@vtext.com",
        "Undeliverable Message",
        "soft",
        None,
        f"""Error:
The message could not be delivered to mobile.
Your message did not reach some or all of the intended recipients.

RECIPIENT: <{WRITTEN_TO}>
ERROR: Invalid mobile number
""",
    ),
    (
        "x6",
        "Mail Delivery System <MAILER-DAEMON@mx.example.jp>",
        "There was an error sending your mail",
        "hard",
        "user_unknown",
        f"""We had trouble delivering your message. Full details follow:

Subject: 'Nyaan'
Date: 'Thu, 29 Apr 2012 23:34:45 +0000'

1 error(s):

SMTP Server <mta2.example.jp> rejected recipient <{WRITTEN_TO}> (Error following RCPT command). It responded as follows: [550 5.1.1 User unknown]

SMTP Server <mta2.example.jp> ended
""",
    ),
    (
        "mfilter",
        "Mailer Daemon <MAILER-DAEMON@mx.example.jp>",
        "failure notice",
        "hard",
        "user_unknown",
        f"""-------server message
550 5.1.1 unknown user <{WRITTEN_TO}>

-------original mail info
{RETURNED}""",
    ),
    (
        "workmail",
        "MAILER-DAEMON@amazonses.com",
        "Undeliverable: nyaan",
        "soft",
        "unreachable",
        f"""Technical report:

Reporting-MTA: dsn; a27-85.smtp-out.us-west-2.amazonses.com

Final-Recipient: rfc822;{WRITTEN_TO}
Action: failed
Diagnostic-Code: smtp; 550 4.4.7 Message expired: unable to deliver in 840 minutes.<421 4.4.0 Unable to lookup DNS>
Status: 4.4.7
""",
    ),
    (
        "rackspace",
        "<MAILER-DAEMON@mx.example.jp>",
        "Undelivered Mail Returned to Sender",
        "hard",
        "user_unknown",
        f"""This is the mail system at host mx.

<{WRITTEN_TO}>: host mx1.emailsrvr.com[1.2.3.4] said: 550 5.1.1
    <{WRITTEN_TO}>: Recipient address rejected: User unknown in virtual mailbox
    table (in reply to RCPT TO command)
""",
    ),
    (
        "smartermail",
        "System Administrator <postmaster@mx.example>",
        "Delivery Failure",
        "hard",
        "user_unknown",
        f"""Could not deliver message to the following recipient(s):

Failed Recipient: {WRITTEN_TO}
Reason: Remote host said: 550 No such user here

   -- The header and top 20 lines of the message follows --
{RETURNED}""",
    ),
    (
        "axigen",
        "Mail Delivery Subsystem <mailer-daemon@mx.example>",
        "Delivery Status Notification (Failure)",
        "soft",
        "mailbox_full",
        f"""Your message could not be delivered to the following recipients:

{WRITTEN_TO} - Recipient's mailbox is over quota
""",
    ),
    (
        "kerio",
        "Mail Delivery Subsystem <postmaster@mx.example>",
        "Delivery status notification (failed)",
        "hard",
        "user_unknown",
        f"""The following is a delivery report from mx.

Your message could not be delivered to the following recipients:
  {WRITTEN_TO} (unknown recipient)
""",
    ),
    (
        "communigate",
        "<MAILER-DAEMON@mx.example>",
        "Undeliverable mail",
        "hard",
        "user_unknown",
        f"""Failed to deliver to '{WRITTEN_TO}'
SMTP module(domain example.org) reports:
 host mx.example.org says:
 550 5.1.1 unknown user account
""",
    ),
    (
        "mercury",
        "postmaster@mx.example (Electronic Postmaster)",
        "Postmaster notify: see transcript for details",
        "hard",
        "user_unknown",
        f"""The attached message has failed delivery to one or more addresses because
of the following errors:

** Message could not be delivered to {WRITTEN_TO}
   550 No such user here.
""",
    ),
    (
        "mailscanner",
        "Postmaster <postmaster@mx.example>",
        "{Virus?} Your mail could not be delivered",
        "soft",
        "blocked",
        f"""Your message to {WRITTEN_TO} was rejected because it contained a virus.
""",
    ),
    (
        "ntmail",
        "postmaster@x.example",
        "Failed mail: bad address",
        "hard",
        "user_unknown",
        f"""Your message was not delivered to

    {WRITTEN_TO}

Bad address -- Unknown user: kijitora
""",
    ),
    (
        "hotmail old",
        "postmaster@hotmail.com",
        "Delivery Status Notification (Failure)",
        "soft",
        None,
        f"""This is an automatically generated Delivery Status Notification.

Delivery to the following recipients failed.

       {WRITTEN_TO}

""",
    ),
    (
        "yahoo jp",
        "MAILER-DAEMON@yahoo.co.jp",
        "Failure Notice",
        "soft",
        None,
        f"""Hi. This is the qmail-send program at yahoo.co.jp.
I'm afraid I wasn't able to deliver your message to the following addresses.
This is a permanent error; I've given up. Sorry it didn't work out.

<{WRITTEN_TO}>:
This account is temporarily suspended
""",
    ),
    (
        "qmail cname",
        "MAILER-DAEMON@mx.example.jp",
        "failure notice",
        "soft",
        "unreachable",
        f"""Hi. This is the qmail-send program at x.
I'm afraid I wasn't able to deliver your message to the following addresses.

<{WRITTEN_TO}>:
CNAME lookup failed temporarily. (#4.4.3)
I'm not going to try again; this message has been in the queue too long.
""",
    ),
    (
        "exim local",
        "Mail Delivery System <Mailer-Daemon@x>",
        "Mail delivery failed: returning message to sender",
        "soft",
        "mailbox_full",
        f"""A message that you sent could not be delivered to one or more of its
recipients. This is a permanent error. The following address(es) failed:

  save to /home/k/mail
    generated by {WRITTEN_TO}
    mailbox is full (MTA-imposed quota exceeded while writing to file)
""",
    ),
    (
        "exim smtp err",
        "Mail Delivery System <Mailer-Daemon@x>",
        "Mail delivery failed: returning message to sender",
        "soft",
        "blocked",
        f"""The following address(es) failed:

  {WRITTEN_TO}
    SMTP error from remote mail server after end of data:
    host mx.example.org [192.0.2.1]: 554 5.7.1 The message from (<x@y>) with the subject of (nyaan) matches a profile the Internet community may consider spam
""",
    ),
    (
        "exim all hosts",
        "Mail Delivery System <Mailer-Daemon@x>",
        "Mail delivery failed: returning message to sender",
        "soft",
        "unreachable",
        f"""The following address(es) failed:

  {WRITTEN_TO}
    all hosts for 'example.org' have been failing for a long time (and retry time not reached)
""",
    ),
    (
        "postfix unverified",
        "MAILER-DAEMON@mx.example.jp",
        "Undelivered Mail Returned to Sender",
        "hard",
        None,
        f"""This is the mail system at host x.

<{WRITTEN_TO}>: unable to look up host example.org: No address associated with
    hostname
""",
    ),
    (
        "postfix bad dom",
        "MAILER-DAEMON@mx.example.jp",
        "Undelivered Mail Returned to Sender",
        "hard",
        "invalid_domain",
        f"""This is the mail system at host x.

<{WRITTEN_TO}>: Host or domain name not found. Name service error for
    name=exampel.org type=A: Host not found
""",
    ),
    (
        "postfix lmtp quota",
        "MAILER-DAEMON@mx.example.jp",
        "Undelivered Mail Returned to Sender",
        "soft",
        "mailbox_full",
        f"""This is the mail system at host x.

<{WRITTEN_TO}>: host /var/run/lmtp said: 552 5.2.2 <{WRITTEN_TO}> Quota
    exceeded (mailbox for user is full) (in reply to end of DATA command)
""",
    ),
    (
        "postfix nullmx",
        "MAILER-DAEMON@mx.example.jp",
        "Undelivered Mail Returned to Sender",
        "hard",
        "invalid_domain",
        f"""This is the mail system at host x.

<{WRITTEN_TO}>: Domain example.org does not accept mail (nullMX)
""",
    ),
    (
        "postfix de",
        "MAILER-DAEMON@mx.example.jp",
        "Unzustellbare Nachricht",
        "hard",
        "user_unknown",
        f"""Dies ist das Mailsystem auf Host x.

Ihre Nachricht konnte nicht zugestellt werden.

<{WRITTEN_TO}>: Der Empfänger existiert nicht
""",
    ),
    (
        "postfix expire",
        "MAILER-DAEMON@mx.example.jp",
        "Undelivered Mail Returned to Sender",
        "soft",
        "unreachable",
        f"""This is the mail system at host x.

<{WRITTEN_TO}>: connect to mx.example.org[192.0.2.1]:25: No route to host
""",
    ),
]
