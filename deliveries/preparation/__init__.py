"""Target population, exclusions, messages: everything that is frozen before anybody decides.

`start` takes the step and asks a worker; `run` is that worker's whole job. It works in an unlogged
staging table, slice by slice with committed progress, and writes ledger, chunks and seal in one last
transaction. Stopped or dead at any moment it leaves nothing behind: the delivery's messages are those of
a preparation that was sealed, or there are none. Any number of jobs may run it: one does.

verbs.py      what others ask for
steps.py      start and stop: what people and the tick ask for
job.py        a worker's whole job, part after part in their order
checks.py     what it finds, in words: errors end it, warnings go to whoever decides
target.py     whom the rule means
staging.py    the audience with each profile's cause of exclusion
sealing.py    ledger, exclusions, chunks and seal in one transaction; or failed, with the reasons
progress.py   how far it is, whether it is still wanted, what its log says
lease.py      one worker at a time, and how its statement is cancelled
"""
