"""Opens and clicks: what readers do becomes rows, though PostgreSQL be away for a while.

storing.py      a hit is written down before its reader is answered
arrivals.py     what came in, as it was asked for
segments.py     files of a web process's own, in which hits wait
bringing_in.py  what waits becomes rows of the tracking log, each once
evidence.py     a signed hit proves that its message arrived
partitions.py   the tracking log by months
faults.py       what is wrong with them on this host and where they lie, for doctor
"""
