"""The jobs of this app, by name, so that verbs can ask for them."""

from campaign.lib.jobs import JobRef, Queue

IMPORT = JobRef("audiences.jobs.run_import", queue=Queue.DEFAULT, timeout=4 * 3600)
LOOK_UP = JobRef("audiences.jobs.look_up_exchanges", queue=Queue.DEFAULT, timeout=120)
SEARCH_TEXTS = JobRef("audiences.jobs.write_search_texts", queue=Queue.DEFAULT, timeout=300)
COUNT = JobRef("audiences.jobs.count_audiences", queue=Queue.DEFAULT, timeout=300)
