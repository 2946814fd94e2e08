from feedback.models.hits import Clock, Hit, HitKind, time_ordered_uuid
from feedback.models.mail import IncomingMail, MailKind, Outcome, Report

__all__ = [
    "Clock",
    "Hit",
    "HitKind",
    "IncomingMail",
    "MailKind",
    "Outcome",
    "Report",
    "time_ordered_uuid",
]
