"""What others ask of a preparation: `from deliveries.preparation import verbs as preparation`."""

from deliveries.preparation.job import run
from deliveries.preparation.progress import waiting
from deliveries.preparation.steps import start, start_run, stop

__all__ = ["run", "start", "start_run", "stop", "waiting"]
