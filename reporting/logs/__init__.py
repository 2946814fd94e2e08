"""The logs of a delivery: their rows, what may be looked for in them, and what is shown of each.

logs.py           rows, filters, order, pages by key
walking.py        pages under filters that no index knows
columns.py        which columns there are, and which a person chose
saved_filters.py  filters that a person keeps by name
languages.py      rows by the language of their profiles
providers.py      rows by who takes mail for their addresses
plan_rows.py      rows behind the numbers of a sending plan
command.py        what commands about logs have in common
"""
