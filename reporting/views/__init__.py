"""The Deployment window and its pages.

deployment.py        the block, the window with its tabs, one message
log_pages.py         columns, filters by name, files; how far a file is
reader_pages.py      hits are judged anew
unknown_outcomes.py  what people decide about messages with unknown outcome
"""
