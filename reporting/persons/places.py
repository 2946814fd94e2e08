"""Where data about one person lives: each table, and how its rows about a person are found.

The one list that the export and the erasure walk. A test goes through all models: one that knows people and stands
neither here nor in `EXCEPTED` fails it.
"""

import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from django.contrib.admin.models import LogEntry
from django.db.models import BooleanField, F, Func, Model, Q, QuerySet, TextField
from django.db.models.fields.json import KT
from django.db.models.functions import Cast, Lower
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from accounts.models import AuditEvent
from audiences.models import (
    AddressError,
    AddressOptOut,
    AudienceMember,
    ConsentDoubt,
    ConsentEvent,
    ImportProblem,
    Profile,
    Quarantine,
    SignUp,
    Subscription,
    Suppression,
    TestProfile,
)
from deliveries.models import Bounce, Doubt, Exclusion, Message, ProofMessage, SentAgain, Try
from feedback.models import Hit, IncomingMail, Reply, Report
from reporting.models import PersonExport
from reporting.persons.identity import Person

# What no copy for a person has: columns of the machinery, and what is made of others.
MACHINERY = frozenset({"lease_until", "lease_by", "token", "handed", "salt", "digest", "unended"})


@dataclass(frozen=True)
class Place:
    """One table with data about people.

    Its rows about a person are found by any of: the column with the id of the profile, the columns with the key of
    an address, the message that they hang on, or a condition of their own.
    """

    code: str  # stable: the name of these rows in an export
    label: str | Promise
    model: type[Model]
    by_profile: str = ""
    by_address: tuple[str, ...] = ()
    of_message: bool = False
    finds: Callable[[Person], Q] | None = None
    leaves_out: frozenset[str] = field(default=frozenset())

    @property
    def table(self) -> str:
        return self.model._meta.db_table

    def rows(self, person: Person) -> QuerySet[Any]:
        """Return the rows about a person, in the order of their key."""
        where = Q(pk__in=[])
        if self.by_profile:
            where |= Q(**{self.by_profile: person.profile_id})
        if person.keys:
            for column in self.by_address:
                where |= Q(**{f"{column}__in": person.keys})
        if self.of_message:
            where |= Q(_OfTheirs(person))
        if self.finds is not None:
            where |= self.finds(person)
        return self.model._default_manager.filter(where).order_by("pk")

    @property
    def columns(self) -> list[Any]:
        """The fields of the model that a copy for the person has."""
        out = MACHINERY | self.leaves_out
        return [each for each in self.model._meta.concrete_fields if each.name not in out]


class _OfTheirs(Func):
    """Whether a row hangs on a message of theirs, be it here or gone."""

    output_field = BooleanField()
    template = """EXISTS (
        SELECT FROM (
            SELECT m.delivery_id, m.seq FROM deliveries_message m WHERE m.profile_id = %(profile)s
            UNION ALL
            SELECT * FROM unnest(ARRAY[%(deliveries)s]::bigint[], ARRAY[%(seqs)s]::int[])
        ) t (delivery_id, seq) WHERE (t.delivery_id, t.seq) = (%(expressions)s)
    )"""

    def __init__(self, person: Person) -> None:
        deliveries, seqs = (", ".join(str(int(pair[at])) for pair in person.gone) for at in (0, 1))
        super().__init__(
            F("delivery_id"), F("seq"), profile=int(person.profile_id), deliveries=deliveries, seqs=seqs
        )


def _mail(person: Person) -> Q:
    """The mails that report something of their messages or of their addresses, and what they wrote back."""
    reports = REPORTS.rows(person).order_by().values("mail")
    return Q(pk__in=reports) | Q(pk__in=REPLIES.rows(person).order_by().values("mail"))


def _audited(person: Person) -> Q:
    """What was done to the profile; and what names the person in its detail, of the few actions that do."""
    of_profile = Q(target_type=Profile._meta.label_lower, target_id=str(person.profile_id))
    named = Q(action__in=("remove_member", "unsubscribe"), detail__profile=person.profile_id)
    address = Q(action__in=("opt_out_address", "opt_in_address"), detail__address__in=list(person.spellings))
    return of_profile | named | address


def _at_the_desk(person: Person) -> Q:
    app, model = Profile._meta.label_lower.split(".")
    return Q(content_type__app_label=app, content_type__model=model, object_id=str(person.profile_id))


def _hashed(person: Person) -> Q:
    """The hashes of their addresses on suppression lists."""
    kinds = [
        kind for kind in Suppression.Kind if kind not in {Suppression.Kind.DOMAIN, Suppression.Kind.KEYED}
    ]
    hashes = {
        hashlib.new(kind, key.encode(), usedforsecurity=False).hexdigest()
        for kind in kinds
        for key in person.keys
    }
    return Q(kind__in=kinds, value__in=hashes)


def _in_reports_of_imports(person: Person) -> Q:
    """Lines of imports' reports that quote an address of theirs."""
    found = Q(pk__in=[])
    for key in person.spellings:
        quoting = ImportProblem.objects.annotate(said=Lower(Cast("slots", TextField())))
        found |= Q(pk__in=quoting.filter(said__contains=f'"{key}"').values("pk"))
    return found


def _proofs(person: Person) -> Q:
    """Copies that went to an address of theirs, and copies that were filled with their values."""
    to_them = ProofMessage.objects.annotate(to=Lower("address")).filter(to__in=person.spellings)
    of_them = ProofMessage.objects.annotate(of=Lower(KT("values__email"))).filter(of__in=person.spellings)
    return Q(pk__in=to_them.values("pk")) | Q(pk__in=of_them.values("pk"))


def _test_profiles(person: Person) -> Q:
    having = TestProfile.objects.annotate(of=Lower("email")).filter(of__in=person.spellings)
    return Q(pk__in=having.values("pk"))


MESSAGES = Place("messages", _("Messages"), Message, by_profile="profile_id")
REPORTS = Place(
    "reports",
    _("What came back by mail"),
    Report,
    by_address=("address_key", "recipient_key"),
    of_message=True,
)
REPLIES = Place(
    "replies",
    _("What they wrote back"),
    Reply,
    of_message=True,
    leaves_out=frozenset({"tries", "next_try_at"}),
)

PLACES = (
    Place("profile", _("Profile"), Profile, by_profile="pk"),
    Place("memberships", _("Lists"), AudienceMember, by_profile="profile"),
    Place("consents", _("Consents"), ConsentEvent, by_profile="profile", by_address=("address_key",)),
    Place("unclear_consents", _("Unclear consents"), ConsentDoubt, by_profile="profile"),
    Place("address_opt_outs", _("Opted-out addresses"), AddressOptOut, by_address=("address_key",)),
    Place("subscriptions", _("Subscriptions"), Subscription, by_profile="profile"),
    # The key is what the link of a mail names: whoever has it can confirm.
    Place(
        "sign_ups",
        _("Sign-ups"),
        SignUp,
        by_profile="profile",
        by_address=("address_key",),
        leaves_out=frozenset({"key", "mailbox", "mail_after", "tries"}),
    ),
    Place("quarantine", _("Quarantine"), Quarantine, by_address=("address_key",)),
    Place("address_errors", _("Errors of addresses"), AddressError, by_address=("address_key",)),
    Place("suppressions", _("Suppression lists"), Suppression, finds=_hashed),
    MESSAGES,
    Place("later_tries", _("Later tries"), Try, of_message=True),
    Place("unknown_outcomes", _("Unknown outcomes"), Doubt, of_message=True),
    Place("sent_again", _("Messages that were sent again"), SentAgain, of_message=True),
    Place("bounces", _("Bounces"), Bounce, of_message=True, leaves_out=frozenset({"doubt"})),
    Place("exclusions", _("Exclusions"), Exclusion, by_profile="profile_id"),
    Place("hits", _("Opens and clicks"), Hit, of_message=True, leaves_out=frozenset({"stored_at"})),
    REPORTS,
    REPLIES,
    Place("incoming_mail", _("Incoming mail"), IncomingMail, finds=_mail),
    Place("proofs", _("Proofs"), ProofMessage, finds=_proofs),
    Place("test_profiles", _("Test profiles"), TestProfile, finds=_test_profiles),
    Place("import_problems", _("Lines of imports' reports"), ImportProblem, finds=_in_reports_of_imports),
    # Who of the colleagues did it is theirs, and no data about the person.
    Place(
        "audit",
        _("Audit trail"),
        AuditEvent,
        finds=_audited,
        leaves_out=frozenset({"actor", "actor_name", "os_user"}),
    ),
    Place("desk_log", _("Log of the desk"), LogEntry, finds=_at_the_desk, leaves_out=frozenset({"user"})),
    Place("exports", _("Exports of personal data"), PersonExport, by_profile="profile"),
)
BY_CODE = {place.code: place for place in PLACES}

# Models with a column that looks like a person's, by their label, and why no row of theirs is in an export.
_COLLEAGUES = "about those who work with Sinete, who see it on their own pages"
_FILES = "of a file about many people, which is searched by nobody and is gone after seven days"
_SENDERS = "addresses that messages come from"
_TYPED = "what a colleague was typing, which is gone after some hours or days"
EXCEPTED: dict[str, str] = {
    "accounts.User": _COLLEAGUES,
    "accounts.Letter": _COLLEAGUES,
    "accounts.Remembered": _COLLEAGUES,
    "accounts.KeptForm": _TYPED,
    "alerts.AlertChoice": _COLLEAGUES,
    "accounts.OrganizationalUnit": "addresses and domains that proofs of the unit may go to",
    "account.EmailAddress": _COLLEAGUES,
    "account.EmailConfirmation": _COLLEAGUES,
    "sessions.Session": _COLLEAGUES,
    "audiences.ErasedProfile": "the id of a profile that is gone",
    "audiences.SearchText": "made of the profile's own columns, and gone with it",
    "audiences.Import": _FILES,
    "audiences.ImportPart": _FILES,
    "reporting.PersonExportPart": "pieces of exports, which are made of all that stands here",
    "deliveries.Addressees": "numbers: who messages that are gone were for, so that their opt-out links work",
    "deliveries.Content": _SENDERS,
    "deliveries.ContentDraft": _TYPED,
    "deliveries.LogLine": "words of a delivery's own log: counts, and people by the number of their message",
    "deliveries.Sender": _SENDERS,
    "feedback.Reclassification": "numbers of addresses",
}

_NAMES = re.compile(
    r"address|email|^mail$|recipient|envelope|phone|^(profile(_id)?|seq|values|samples|slots|raw|typed|to|session_data)$"
)


def columns_about_people(model: type[Model]) -> list[str]:
    """Return the columns of a model by which it looks as if it knew people: to judge whether it must stand here."""
    known = {place.model for place in PLACES}
    return [
        each.name
        for each in model._meta.concrete_fields
        if _NAMES.search(each.name) or (each.is_relation and each.related_model in known)
    ]
