"""Profiles: people are made, changed, found, taken out as a file, and erased.

people.py         a profile is made and changed; profiles are found and exported
export_styles.py  how a person's exports are written
erasing.py        what this app knows of a person goes
"""
