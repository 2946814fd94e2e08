"""What every app stands on: small tools that know no app, and hardly one another.

Time: clock.py, local_time.py, reader_zone.py; recurrence.py, which stands on rrule.py and expansion.py
Work in the background: jobs.py, leases.py, lingering.py, queue_figures.py, valkey.py
PostgreSQL: keyset.py, in_time.py, locking.py, planner.py, partitions.py, prepared.py, standing.py
Files: csv.py, csv_sql.py, whole_file.py, private.py, pipes.py
Mail and the network: mail_domains.py, name_servers.py, networks.py, dots.py, tokens.py
Links: link_parameters.py, link_parameter_fields.py
Words and numbers for people: refusals.py, helped.py, numbers.py, spans.py, displays.py, selects.py, charts.py
The process: environment.py, memory.py
"""
