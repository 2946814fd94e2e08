"""The send: PostgreSQL holds the plan and every result; jobs are wake-ups that may be lost, late or repeated."""
