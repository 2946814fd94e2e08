"""What deliveries aim at: audiences by rule, fixed lists, test profiles, and several of them in one.

definitions.py  they are made, changed and deleted
combining.py    several lists and rules as one audience
named_parts.py  the same, named by label or id in a file
"""
