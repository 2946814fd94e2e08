"""The jobs of this app, by name."""

from campaign.lib.jobs import JobRef, Queue

FETCH_MAIL = JobRef("feedback.jobs.fetch_mail", Queue.DEFAULT, timeout=900)
SIGN_UPS = JobRef("feedback.jobs.mail_sign_ups", Queue.DEFAULT, timeout=600)
READ_MAIL = JobRef("feedback.jobs.read_mail", Queue.DEFAULT, timeout=600)
