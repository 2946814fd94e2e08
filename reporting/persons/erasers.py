"""What becomes of a person's data in each place of the list, and what takes it away.

`FATES` and `ERASERS` have the names of `places.PLACES`; a test fails when a place is in neither way looked after.
"""

import re
from collections.abc import Callable, Collection, Iterable
from enum import Enum
from typing import Any

from django.db import connection
from django.db.models import BooleanField, F, Func, Q
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from audiences.models import ConsentDoubt, Import, ImportProblem, SignUp, Subscription
from deliveries.ledger import erasing as ledger
from deliveries.ledger.held import is_held
from feedback.models import IncomingMail, Reply, Report
from feedback.models import Outcome as ReportOutcome
from reporting.persons.identity import Person
from reporting.persons.places import BY_CODE

MOST_TRIES = 6  # of forwarding a reply
HIDDEN = "…"


class Fate(Enum):
    """What becomes of the rows of a place, in words for who decides."""

    GONE = _("are deleted")
    EMPTIED = _("stay, without address, values and words of servers")
    BY_NUMBER = _("stay as evidence, under the number of the erasure")
    BY_ID = _("stay, and name the person by id alone")
    STAYS = _("stay: they hold no address and no name")

    @property
    def words(self) -> str | Promise:
        return self.value


FATES: dict[str, Fate] = {
    "profile": Fate.GONE,
    "memberships": Fate.GONE,
    "consents": Fate.BY_NUMBER,
    "unclear_consents": Fate.GONE,
    "address_opt_outs": Fate.GONE,
    "subscriptions": Fate.GONE,
    "sign_ups": Fate.GONE,
    "quarantine": Fate.GONE,
    "address_errors": Fate.GONE,
    "suppressions": Fate.GONE,
    "messages": Fate.EMPTIED,
    "later_tries": Fate.STAYS,
    "unknown_outcomes": Fate.STAYS,
    "sent_again": Fate.STAYS,
    "bounces": Fate.EMPTIED,
    "exclusions": Fate.EMPTIED,
    "hits": Fate.STAYS,
    "reports": Fate.EMPTIED,
    "replies": Fate.STAYS,
    "incoming_mail": Fate.EMPTIED,
    "proofs": Fate.EMPTIED,
    "test_profiles": Fate.GONE,
    "import_problems": Fate.EMPTIED,
    "audit": Fate.BY_ID,
    "desk_log": Fate.BY_ID,
    "exports": Fate.GONE,
}


class _IsHeld(Func):
    """Whether the delivery of this column is under a legal hold: what hangs on it stays until that is lifted."""

    output_field = BooleanField()
    template = is_held("(%(expressions)s)")


def _reports(person: Person) -> int:
    """What was settled is emptied; whether it spoke of the very address stays told."""
    own = Report.objects.filter(pk__in=BY_CODE["reports"].rows(person).values("pk"), settled_at__isnull=False)
    full = own.exclude(_IsHeld(F("delivery_id"))).exclude(
        recipient="", recipient_key__in=["", HIDDEN], diagnostic="", address_key=""
    )
    number = 0
    for report in full.only("recipient_key", "address_key"):
        key = report.address_key
        is_own = report.recipient_key in {"", key, key.partition("@")[0]}
        values = {"recipient": "", "diagnostic": "", "address_key": ""}
        number += Report.objects.filter(pk=report.pk).update(recipient_key="" if is_own else HIDDEN, **values)
    return number


_FULL = ~Q(raw=b"") | ~Q(envelope_to="")
_HELD = Q(pk__in=Report.objects.filter(_IsHeld(F("delivery_id"))).values("mail")) | Q(
    pk__in=Reply.objects.filter(_IsHeld(F("delivery_id"))).values("mail")
)


def held_mails(person: Person) -> int:
    """How many mails of theirs are kept by a legal hold."""
    return BY_CODE["incoming_mail"].rows(person).filter(_FULL, _HELD).count()


def _mails(person: Person) -> int:
    """A mail that was read is emptied, unless what it reports is not settled yet or it must still be forwarded."""
    rows = IncomingMail.objects.filter(
        pk__in=BY_CODE["incoming_mail"].rows(person).values("pk"), read_at__isnull=False
    )
    open_reports = Report.objects.filter(
        is_current=True, outcome__in=[ReportOutcome.PENDING, ReportOutcome.WAITS]
    )
    due = Reply.objects.filter(forwarded_at=None, tries__lt=MOST_TRIES)
    rows = rows.exclude(pk__in=open_reports.values("mail")).exclude(pk__in=due.values("mail")).exclude(_HELD)
    return IncomingMail.objects.filter(_FULL, pk__in=list(rows.values_list("pk", flat=True))).update(
        raw=b"", envelope_to=""
    )


def _proofs(person: Person) -> int:
    return BY_CODE["proofs"].rows(person).order_by().update(address="", values={}, reply="")


def _test_profiles(person: Person) -> int:
    return BY_CODE["test_profiles"].rows(person).delete()[0]


def _import_problems(person: Person) -> int:
    """The values of the file go from its report; and from what a dry run shows of the file."""
    rows = list(BY_CODE["import_problems"].rows(person))
    for problem in rows:
        problem.slots = {
            name: HIDDEN if isinstance(value, str) else value for name, value in problem.slots.items()
        }
    ImportProblem.objects.bulk_update(rows, ["slots"], batch_size=500)
    for key in person.spellings:
        Import.objects.filter(samples__icontains=key).update(samples=[])
    return len(rows)


def _exclusions(person: Person) -> int:
    return ledger.empty_exclusions([person.profile_id])


def _desk_log(person: Person) -> int:
    return BY_CODE["desk_log"].rows(person).order_by().update(object_repr=f"#{person.profile_id}")


def _exports(person: Person) -> int:
    """The files made of all that was known of the person, with their pieces."""
    return BY_CODE["exports"].rows(person).delete()[0]


ERASERS: dict[str, Callable[[Person], int]] = {
    "reports": _reports,
    "incoming_mail": _mails,
    "proofs": _proofs,
    "test_profiles": _test_profiles,
    "import_problems": _import_problems,
    "exclusions": _exclusions,
    "desk_log": _desk_log,
    "exports": _exports,
}
# Anew for as long as an erasure is looked after: what comes back late.
LATE = ("reports", "incoming_mail", "exclusions")


def redact_trail(persons: Collection[Person]) -> int:
    """The audit trail names these people by id, and none of their addresses; return how many events changed.

    Before their profiles are gone: of what hangs on these the trail speaks too.
    """
    targets = list(_targets(persons))
    keys = sorted({key for person in persons for key in person.spellings})
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT accounts_redact_trail(%s::text[], %s::text[], %s)",
            [[kind for kind, _pk in targets], [str(pk) for _kind, pk in targets], _pattern(keys)],
        )
        return int(cursor.fetchone()[0])


def _targets(persons: Collection[Person]) -> Iterable[tuple[str, Any]]:
    for person in persons:
        yield "audiences.profile", person.profile_id
        for model in (ConsentDoubt, Subscription, SignUp):
            pks = model.objects.filter(profile=person.profile_id).values_list("pk", flat=True)
            yield from ((model._meta.label_lower, pk) for pk in pks)
        for code in ("quarantine", "address_opt_outs"):
            place = BY_CODE[code]
            yield from ((place.model._meta.label_lower, row.pk) for row in place.rows(person))


def _pattern(keys: Collection[str]) -> str:
    """A regular expression of PostgreSQL that finds these addresses, and none that is longer; without any: nothing."""
    if not keys:
        return "(?=a)b"
    said = "|".join(re.sub(r"(\W)", r"\\\1", key) for key in keys)
    return rf"(?<![\w.+-])(?:{said})(?![\w-]|\.\w)"
