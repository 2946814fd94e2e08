"""The public pages of services: the form, what a mail's link confirms, and what one is subscribed to.

bots.py           whether it was a person who sent the form, without asking anybody else
relaying.py       by the unit's own sender and route
letters.py        the mails that ask to confirm leave, each once
pages.py          sign up, confirm
preferences.py    what one is subscribed to, and leaving it
"""
