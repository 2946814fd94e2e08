from audiences.models.audience import Audience, AudienceMember, TestProfile
from audiences.models.imports import Import, ImportPart, ImportProblem
from audiences.models.profile import AddressState, Attribute, ConsentDoubt, ConsentEvent, Profile
from audiences.models.quarantine import Quarantine

__all__ = [
    "AddressState",
    "Attribute",
    "Audience",
    "AudienceMember",
    "ConsentDoubt",
    "ConsentEvent",
    "Import",
    "ImportPart",
    "ImportProblem",
    "Profile",
    "Quarantine",
    "TestProfile",
]
