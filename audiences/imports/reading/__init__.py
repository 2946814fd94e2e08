"""The file of an import.

stored_file.py  kept with the import until a worker has read it
source.py       the file as it is read, whatever it is
files.py        what a text is written in, and its rows
kinds.py        files that are no CSV, and what to do with each
workbook.py     sheets, read in a process of its own (workbook_child.py)
samples.py      cells of each column, for whoever decides what it is
"""
