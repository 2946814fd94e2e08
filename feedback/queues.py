"""The jobs of this app, by name."""

from campaign.lib.jobs import JobRef, Queue

READ_MAIL = JobRef("feedback.jobs.read_mail", Queue.DEFAULT, timeout=600)
