"""The jobs of this app, by name, so that verbs can ask for them."""

from campaign.lib.jobs import JobRef, Queue

LETTERS = JobRef("accounts.jobs.mail_letters", queue=Queue.DEFAULT, timeout=600)
