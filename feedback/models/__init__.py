from feedback.models.hits import Clock, Hit, HitKind, first_id_at, moment_of, time_ordered_uuid
from feedback.models.mail import IncomingMail, MailKind, Outcome, Reply, Report
from feedback.models.reclassification import Reclassification
from feedback.models.refusals import RefusalLook
from feedback.models.source import MailSource

__all__ = [
    "Clock",
    "Hit",
    "HitKind",
    "IncomingMail",
    "MailKind",
    "MailSource",
    "Outcome",
    "Reclassification",
    "RefusalLook",
    "Reply",
    "Report",
    "first_id_at",
    "moment_of",
    "time_ordered_uuid",
]
