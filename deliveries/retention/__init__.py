"""How long rows of recipients, opens, clicks and mails are kept; what must stay; what has gone.

periods.py   the settings of units, and what holds where
holds.py     legal holds: nothing of it goes
due.py       which deliveries are over for long enough, and whose rows nobody needs any more
purging.py   rows go, slice by slice, and the delivery says so
whole.py     ranges of deliveries that go at once, with their partitions
"""
