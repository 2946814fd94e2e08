"""The operators' desk: who may be contacted, and who must not be."""

from audiences.admin import attributes, doubts, importing, profiles, quarantine, targets, testing

__all__ = [
    "attributes",
    "doubts",
    "importing",
    "profiles",
    "quarantine",
    "targets",
    "testing",
]  # each registers itself once it is read
