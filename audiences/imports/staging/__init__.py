"""Rows of a file in a table of their own, until all of them may be written.

rows.py        batches of rows as COPY takes them; wish_rows.py: what they say about consent
tables.py      the tables that hold them
merging.py     the SQL by which they become profiles; wish_merge.py: and consents
outcomes.py    the lines behind each count of a dry run
looking.py     what stands in those lines, for whoever may see it
"""
