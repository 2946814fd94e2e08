from deliveries.models.approval import Approval, Confirmation
from deliveries.models.attachment import Attachment
from deliveries.models.bounce import Bounce
from deliveries.models.content import Asset, Content
from deliveries.models.delivery import Channel, Delivery, ScheduleKind, Status, StatusChange
from deliveries.models.draft import ContentDraft
from deliveries.models.folder import Folder
from deliveries.models.grants import DeliveryGroupPermission, DeliveryUserPermission
from deliveries.models.halt import Halt
from deliveries.models.instance import Instance
from deliveries.models.message import (
    ANSWERED_ROWS,
    ASIDE,
    OUTCOMES,
    REFUSED_ROWS,
    TALLIES,
    Chunk,
    Doubt,
    Message,
    MessageStatus,
    Nature,
    Reason,
    SentAgain,
    Try,
)
from deliveries.models.moment import Moment
from deliveries.models.notice import Notice, NoticeKind
from deliveries.models.pace import PastChoice, WaveBy
from deliveries.models.picture import Picture, PictureUse
from deliveries.models.preparation import Cause, CauseRow, Exclusion, LogLine, Preparation, PreparationStatus
from deliveries.models.proof import Proof, ProofMessage, ProofUse
from deliveries.models.retention import Addressees, LegalHold, Purge, RetentionKind, RetentionPeriod
from deliveries.models.route import ProviderLimit, Route
from deliveries.models.sender import DnsAnswer, Sender
from deliveries.models.series import Occurrence, Overlap, Series, Skipped
from deliveries.models.template import ContentTemplate, TemplatePicture

__all__ = [
    "ANSWERED_ROWS",
    "ASIDE",
    "OUTCOMES",
    "REFUSED_ROWS",
    "TALLIES",
    "Addressees",
    "Approval",
    "Asset",
    "Attachment",
    "Bounce",
    "Cause",
    "CauseRow",
    "Channel",
    "Chunk",
    "Confirmation",
    "Content",
    "ContentDraft",
    "ContentTemplate",
    "Delivery",
    "DeliveryGroupPermission",
    "DeliveryUserPermission",
    "DnsAnswer",
    "Doubt",
    "Exclusion",
    "Folder",
    "Halt",
    "Instance",
    "LegalHold",
    "LogLine",
    "Message",
    "MessageStatus",
    "Moment",
    "Nature",
    "Notice",
    "NoticeKind",
    "Occurrence",
    "Overlap",
    "PastChoice",
    "Picture",
    "PictureUse",
    "Preparation",
    "PreparationStatus",
    "Proof",
    "ProofMessage",
    "ProofUse",
    "ProviderLimit",
    "Purge",
    "Reason",
    "RetentionKind",
    "RetentionPeriod",
    "Route",
    "ScheduleKind",
    "Sender",
    "SentAgain",
    "Series",
    "Skipped",
    "Status",
    "StatusChange",
    "TemplatePicture",
    "Try",
    "WaveBy",
]
