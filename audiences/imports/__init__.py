"""Profiles from files: an upload, a job that reads it into a staging table, one set-based upsert.

The key of a row is its external id where the file has one, else its address; a row with neither a key nor
a good address is known by address, names and phone as they stand. Of rows with one key the last one counts.
What the file says of a mapped column holds, empty cells too, with one exception: an import opts people out,
never in. A file with broken rows changes nothing unless it was asked to keep the good ones.

starting.py     an import or a dry run is asked for: rights, options, the list to fill
stored_file.py  the file, kept with the import until a worker has read it; expiry.py: or for seven days
execution.py    one run of it: examine, stage, write, finish; a dry run rehearses and takes it back
outcomes.py     the lines behind each count of a dry run; looking.py: what stands in them
source.py       the file as it is read; samples.py: cells of each column, for whoever decides what it is
chosen.py       what a person chose for the columns; mappings.py: kept for the next file like it
new_columns.py  columns that become attributes, or why they can't
files.py        what a file is written in, and its rows
kinds.py        files that are no CSV, and what to do with each
headers.py      which field a column is; consent_headers.py: those about consent
whole_columns.py a first reading: what all cells of a column tell; conventions.py: of numbers and dates
columns.py      cells as the database takes them
wishes.py       what cells about consent say, by words.py; wish_rows.py, wish_merge.py: staged and written
suppression_list.py a file that names what is never written to
rows.py         batches of rows as COPY takes them
tables.py       staged rows, as COPY takes them in
staging.py      the SQL: staged rows become profiles
report.py       what was wrong, line by line
"""

from audiences.imports.execution import run, wake
from audiences.imports.expiry import expire
from audiences.imports.starting import (
    NoSuchChoice,
    NotAList,
    NotChecked,
    NotRefused,
    Options,
    TriedAgain,
    again,
    as_saved,
    carry_out,
    look_again,
    register,
    start,
)

__all__ = [
    "NoSuchChoice",
    "NotAList",
    "NotChecked",
    "NotRefused",
    "Options",
    "TriedAgain",
    "again",
    "as_saved",
    "carry_out",
    "expire",
    "look_again",
    "register",
    "run",
    "start",
    "wake",
]
