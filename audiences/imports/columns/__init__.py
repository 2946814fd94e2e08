"""The columns of a file.

headers.py      which field a column is; consent_headers.py: those about consent
cells.py        cells as the database takes them; conventions.py: how numbers and dates are written
wishes.py       what cells about consent say, by words.py
chosen.py       what a person chose for the columns; mappings.py: kept for the next file like it
new_columns.py  columns that become attributes, or why they can't
"""
