"""Why a delivery does not move, or what it waits for: one sentence for each cause, with what to do about it.

The same sentences stand on the dashboard, at the desk and in `manage.py doctor`. They cost a flat number of queries
and one look at the queue; only the command connects to the relay.
"""

from deliveries.overview.diagnosis.causes import Diagnosis, fault, waits
from deliveries.overview.diagnosis.delivery import (
    WAVE_HELD,
    about_itself,
    deliveries_to_look_at,
    of_delivery,
    wave_held,
)
from deliveries.overview.diagnosis.installation import also, at_a_glance, of_installation
from deliveries.overview.diagnosis.relay import of_relay
from deliveries.overview.diagnosis.senders import of_sender
from deliveries.overview.diagnosis.surroundings import (
    closed,
    fenced_by,
    halted,
    halted_by,
    rest_of,
    resting,
    without_workers,
)

__all__ = [
    "WAVE_HELD",
    "Diagnosis",
    "about_itself",
    "also",
    "at_a_glance",
    "closed",
    "deliveries_to_look_at",
    "fault",
    "fenced_by",
    "halted",
    "halted_by",
    "of_delivery",
    "of_installation",
    "of_relay",
    "of_sender",
    "rest_of",
    "resting",
    "waits",
    "wave_held",
    "without_workers",
]
