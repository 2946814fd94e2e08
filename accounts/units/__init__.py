"""Units: they are made and moved, and what each says holds for it and for all below.

units.py            a unit is made, moved, changed, with its path kept right
proof_addresses.py  where its proofs may go
unit_links.py       what its links get, such as utm_source
unit_tracking.py    whether people are measured who were not asked
unit_form.py        the form of a unit, for page and desk
unit_pages.py       its pages
"""
