"""Whom nothing may be sent to: addresses that failed, complained or stand on a list, and every other cause.

suppression.py        all causes in one text, for whoever asks
writer.py             the one statement that writes an entry: what may take the place of what
quarantines.py        an address is held or let go by a person
error_counts.py       errors are counted for their addresses, each once
thresholds.py         when errors put an address into quarantine, and when they are forgotten
outages.py            what a provider's outage held is let go
reviews.py            who was held for months gets another chance
suppressions.py       lists of addresses, domains and hashes that nothing is ever sent to
erased_addresses.py   addresses of people who were erased, known by a keyed hash
"""
