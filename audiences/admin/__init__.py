"""The operators' desk: who may be contacted, and who must not be."""

from audiences.admin import (
    attributes,
    doubts,
    dry_running,
    importing,
    opted_out,
    profiles,
    quarantine,
    services,
    targets,
    testing,
)

__all__ = [
    "attributes",
    "doubts",
    "dry_running",
    "importing",
    "opted_out",
    "profiles",
    "quarantine",
    "services",
    "targets",
    "testing",
]  # each registers itself once it is read
