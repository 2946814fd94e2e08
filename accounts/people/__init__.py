"""Accounts of people: how they begin, who changes them, and how their owners sign in.

people.py        an account is made and changed by those who administer where it works
self_service.py  what people do about their own account; forms.py, how they say it
signing_in.py    signing in, as django-allauth does it, with our words and trail
braking.py       attempts to sign in are counted
letters.py       mail to the owner of an account
"""
