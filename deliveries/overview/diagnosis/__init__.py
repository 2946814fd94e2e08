"""Why a delivery does not move, or what it waits for: one sentence for each cause, with what to do about it.

The same sentences stand on the dashboard, at the desk and in `manage.py doctor`. Looking costs a flat number
of queries and a look at the queue; what goes over the network to a relay is for the command alone.
"""

from deliveries.overview.diagnosis.causes import Diagnosis, fault, waits
from deliveries.overview.diagnosis.delivery import (
    WAVE_HELD,
    about_itself,
    deliveries_to_look_at,
    of_delivery,
    wave_held,
)
from deliveries.overview.diagnosis.installation import also, of_installation
from deliveries.overview.diagnosis.relay import of_relay
from deliveries.overview.diagnosis.surroundings import (
    closed,
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
    "closed",
    "deliveries_to_look_at",
    "fault",
    "halted",
    "halted_by",
    "of_delivery",
    "of_installation",
    "of_relay",
    "rest_of",
    "resting",
    "waits",
    "wave_held",
    "without_workers",
]
