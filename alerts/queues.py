"""The jobs of this app, by name."""

from campaign.lib.jobs import JobRef, Queue

LOOK = JobRef("alerts.jobs.look", Queue.STEPS, timeout=60)
MAIL = JobRef("alerts.jobs.mail", Queue.DEFAULT)
CALL = JobRef("alerts.jobs.call_webhooks", Queue.DEFAULT, timeout=300)
