"""Rules: which profiles an audience holds, checked, said in words and turned into a query.

rules.py          the tree of conditions
date_rules.py     what can be asked of a date
rule_values.py    the values of conditions, read from their stored form
targeting.py      from an audience to the query of its profiles
sizes.py          how many people each audience had when it was last counted
stored_values.py  which values a field has in the profiles, and how often
"""
