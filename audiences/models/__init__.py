from audiences.models.audience import Audience, AudienceMember, TestProfile
from audiences.models.erasure import ErasedProfile, Erasure
from audiences.models.exchange import MailExchange, ProviderRevision
from audiences.models.export_style import ExportStyle
from audiences.models.imports import Import, ImportLines, ImportMapping, ImportPart, ImportProblem
from audiences.models.profile import AddressState, Attribute, ConsentDoubt, ConsentEvent, Profile
from audiences.models.quarantine import AddressError, ErrorReason, Quarantine, Suppression
from audiences.models.search_text import SearchBacklog, SearchText
from audiences.models.service import AddressOptOut, Service, ServiceText, SignUp, Subscription

__all__ = [
    "AddressError",
    "AddressOptOut",
    "AddressState",
    "Attribute",
    "Audience",
    "AudienceMember",
    "ConsentDoubt",
    "ConsentEvent",
    "ErasedProfile",
    "Erasure",
    "ErrorReason",
    "ExportStyle",
    "Import",
    "ImportLines",
    "ImportMapping",
    "ImportPart",
    "ImportProblem",
    "MailExchange",
    "Profile",
    "ProviderRevision",
    "Quarantine",
    "SearchBacklog",
    "SearchText",
    "Service",
    "ServiceText",
    "SignUp",
    "Subscription",
    "Suppression",
    "TestProfile",
]
