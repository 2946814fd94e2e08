"""Figures of a delivery are counted: live, by a recount, and anew by other rules.

statistics.py     counts as they stand, and the recount that corrects them
behaviour.py      what people did, counted from the raw hits
deployment.py     the figures of the Deployment block
throughput.py     how fast a delivery left
failures.py       why messages failed, and at whose servers
reclassifying.py  hits are judged anew after a rule changed
"""
