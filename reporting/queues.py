"""The jobs of this app, by name."""

from campaign.lib.jobs import JobRef, Queue

COMPUTE = JobRef("reporting.jobs.compute", Queue.COUNTS, timeout=1800)
COUNT_FIGURES = JobRef("reporting.jobs.count_figures", Queue.COUNTS, timeout=1800)
EXPORT_PERSON = JobRef("reporting.jobs.export_person", Queue.DEFAULT, timeout=2 * 3600)
RECLASSIFY_HITS = JobRef("reporting.jobs.reclassify_hits", Queue.COUNTS, timeout=6 * 3600)
SEND_REPORTS = JobRef("reporting.jobs.send_reports", Queue.DEFAULT, timeout=1800)
