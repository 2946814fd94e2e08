"""Figures: what each means, which hits count for it, and over which pieces of time.

kpis.py     every figure: its name, what it counts or divides, which rows it opens
counted.py  which hits count, and as what
periods.py  pieces of time in a zone
standing.py what was counted of a large delivery, and whether it holds
"""
