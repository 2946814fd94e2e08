"""While a delivery leaves: pause, resume, stop; waves that are held; stopping all sending."""

from deliveries.sending.control.pausing import pause, resume
from deliveries.sending.control.stopping import Stopped, before_stopping, stop, stopping

__all__ = ["Stopped", "before_stopping", "pause", "resume", "stop", "stopping"]
