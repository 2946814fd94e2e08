"""Reports by mail: when, to whom, and each with what its reader may see at that moment.

definitions.py   a schedule is made, changed, left, deleted; who may
moments.py       when it comes next, by the clocks of its zone
mailing.py       what is due becomes a row for each person, and each row at most one mail
letters.py       the mail itself
forms.py         what people say of a schedule; pages.py and admin.py, where they say it
"""
