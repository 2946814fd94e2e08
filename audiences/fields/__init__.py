"""Fields: what is known of a profile, own columns and declared attributes alike.

fields.py       every field by name, for rules and for content
attributes.py   attributes are declared, counted and removed
value_names.py  stored codes as people call them: countries, languages, time zones
"""
