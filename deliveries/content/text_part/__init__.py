"""The text part of a message.

written.py     as its author wrote it
from_page.py   made from the HTML where nobody wrote one
lists.py       the numbers of its lists
layout.py      its lines
"""
