"""Other programs are told of alerts, as Standard Webhooks says: signed, with an id, retried with growing pauses.

registry.py  webhooks come to be, change, and get another secret
secrets.py   what signs: made here, shown once, kept encrypted
messages.py  what is told, written in the transaction of what it tells of
calling.py   the attempts, each with its lease, and the log of them
reaching.py  one request: to no internal network, without redirects, bounded in time and size
"""
