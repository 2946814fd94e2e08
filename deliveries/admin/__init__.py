"""The operators' desk for deliveries: the same steps as on the pages, through the same verbs."""

from deliveries.admin import (
    deliveries,
    folders,
    grants,
    halts,
    history,
    instance,
    pictures,
    retention,
    routes,
    senders,
    templates,
)

__all__ = [
    "deliveries",
    "folders",
    "grants",
    "halts",
    "history",
    "instance",
    "pictures",
    "retention",
    "routes",
    "senders",
    "templates",
]  # each registers itself once it is read
