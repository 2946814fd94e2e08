"""How messages leave the house: the contract, and the channels that keep it.

base.py          what is handed over to a channel, and what comes back for each message
choice.py        which pool a delivery's channel leaves by
smtp.py          the pool: a few connections to one relay, kept busy
dialogue.py      one connection: the order of what is written and read
opening.py       it connects, encrypts and signs in
paths.py         addresses as MAIL and RCPT may name them
letters.py       an envelope made ready for the wire
reply_reader.py  octets become replies
replies.py       what the code and text of a reply mean
outcomes.py      what a reply, or a loss, makes of a message
certainty.py     outcomes that a reply too many may still change
answer_clock.py  when an answer is overdue
dkim.py          signatures
"""
