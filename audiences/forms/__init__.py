"""The forms of the pages and of the desk. They read what was typed; the verbs decide.

basic.py      profiles, lists, imports, attributes, test profiles
rule_form.py  a rule as groups of conditions, and back
choices.py    what the form of a rule offers
combining.py  several lists and rules as one audience
dry_run.py    how a file is written, and what each of its columns is
services.py   services, and the words by which people are asked
filters.py    what narrows and orders the lists
"""
