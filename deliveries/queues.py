"""The jobs that deliveries enqueue, by dotted path, so that nothing which enqueues one imports what runs it."""

from campaign.lib.jobs import JobRef, Queue

PREPARE = JobRef("deliveries.jobs.prepare", Queue.PREPARATION, timeout=6 * 3600)
SEND = JobRef("deliveries.jobs.drain", Queue.SEND, timeout=1800)
TICK = JobRef("deliveries.jobs.tick", Queue.TICK, timeout=20)
STEPS = JobRef("deliveries.jobs.take_steps", Queue.STEPS, timeout=300)
LARGE = JobRef("deliveries.jobs.see_to_large", Queue.COUNTS, timeout=6 * 3600)
PACE = JobRef("deliveries.jobs.note_pace", Queue.STEPS, timeout=60)
NOTICES = JobRef("deliveries.jobs.mail_notices", Queue.DEFAULT, timeout=900)
LANE_DIED = JobRef("deliveries.jobs.end_leases", Queue.TICK, timeout=60)
PROOF = JobRef("deliveries.jobs.send_proof", Queue.DEFAULT, timeout=900)
LOOK_UP = JobRef("deliveries.jobs.look_up", Queue.DEFAULT, timeout=90)
