"""The forms of the pages and of the desk. They read what was typed; the verbs decide.

profiles.py   profiles and test profiles; attributes.py: what is known of them besides
targets.py    audiences and lists; units.py: the choice of a unit
importing.py  imports, and how their files are read
rule_form.py  a rule as groups of conditions, and back
choices.py    what the form of a rule offers
combining.py  several lists and rules as one audience
dry_run.py    how a file is written, and what each of its columns is
services.py   services, and the words by which people are asked
filters.py    what narrows and orders the lists
"""
