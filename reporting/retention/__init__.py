"""Retention is applied: what would go, by delivery and kind; the figures that stay; and that it goes.

kinds.py     what goes together, where its rows are, and how the next of them are deleted
freezing.py  the figures of a delivery, kept before the first of its rows goes
planning.py  what would go, counted by a few statements
applying.py  it goes, until it is done or its time is over
"""
