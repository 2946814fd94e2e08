"""Profiles: people are made, changed, found, taken out as a file, and erased.

people.py         a profile is made and changed; profiles are found and exported
files.py          lines of a file of profiles, made by PostgreSQL
export_styles.py  how a person's exports are written
erasing.py        what this app knows of a person goes
"""
