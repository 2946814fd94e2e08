"""Dates in English as the pages write them: 12 Nov 2026, 14:00; the desk, which takes Django's, has the same."""

DATE_FORMAT = SHORT_DATE_FORMAT = "j M Y"
DATETIME_FORMAT = SHORT_DATETIME_FORMAT = "j M Y, H:i"
TIME_FORMAT = "H:i"
