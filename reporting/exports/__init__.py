"""Logs as files.

exports.py          the rows that the filters leave, streamed and recorded
file_columns.py     what stands in the file, column by column
export_sql.py       lines of the file, made by PostgreSQL many at a time
export_progress.py  how far a file is
"""
