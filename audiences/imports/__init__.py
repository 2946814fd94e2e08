"""Profiles from files: an upload, a job that reads it into a staging table, one set-based upsert.

The key of a row is its external id where the file has one, else its address; a row with neither a key nor
a good address is known by address, names and phone as they stand. Of rows with one key the last one counts.
What the file says of a mapped column holds, empty cells too, with one exception: an import opts people out,
never in. A file with broken rows changes nothing unless it was asked to keep the good ones.

starting.py          an import or a dry run is asked for: rights, options, the list to fill
execution.py         one run of it: examine, stage, write, finish; a dry run rehearses and takes it back
reading/             the file: what it is written in, and its rows
columns/             which field a column is, and what its cells say
whole_columns.py     a first reading: what all cells of a column tell
staging/             rows in a table of their own, and the SQL by which they become profiles
suppression_list.py  a file that names what is never written to
report.py            what was wrong, line by line
expiry.py            files that were refused or only looked through go after some days, and what was kept of them
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
