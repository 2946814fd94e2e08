"""Somebody else looks at what was sealed, and approves or rejects it."""
