"""What recipients are shown and led to.

pages.py           what pages for anybody have in common, and one answer to what is not ours
proof_pages.py     the same for proofs, where nothing is noted
message_values.py  the values that fill a reader's links
link_cache.py      copies of links, so that readers are led on while PostgreSQL is away
"""
