"""Recurring deliveries: activation, the calendar of runs, and which moments are skipped and why."""
