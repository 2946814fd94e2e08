"""What hangs on no delivery goes by its unit's period: reports of imports, sign-ups, proofs of what never ends."""

from datetime import timedelta

import pytest
from django.core.management import call_command

from accounts.models import AuditEvent
from accounts.roles import root
from accounts.tests.factories import UnitFactory, UserFactory
from audiences.models import Import, ImportProblem, SignUp
from audiences.tests.factories import ServiceFactory
from campaign.lib import clock
from deliveries.models import Delivery, Proof, ProofMessage
from deliveries.retention import holds
from deliveries.tests.factories import DeliveryFactory
from feedback.models import MailKind, Report
from feedback.models.mail import IncomingMail
from reporting.retention import applying, planning

pytestmark = pytest.mark.django_db


def ago(days):
    return clock.now() - timedelta(days=days)


@pytest.fixture
def unit():
    return UnitFactory(parent=root())


@pytest.fixture
def report(unit):
    """Make an import that ended so many days ago, with two lines of its report."""

    def make(days=40, *, of=None):
        made = Import.objects.create(
            unit=of or unit,
            file_name="people.csv",
            status=Import.Status.DONE,
            finished_at=ago(days),
            problems_found=2,
        )
        for line in (3, 9):
            ImportProblem.objects.create(
                importing=made,
                line=line,
                field="email",
                reason="%(value)s is no address.",
                slots={"value": "ana@"},
            )
        return made

    return make


@pytest.fixture
def sign_up(unit):
    def make(days=40, *, confirmed=False, service=None):
        at = ago(days)
        return SignUp.objects.create(
            service=service or ServiceFactory(unit=unit), address="ana@example.com", address_key="ana@example.com",
            language="en", network="192.0.2.0/24", at=at, mail_after=at, mailed_at=at,
            confirmed_at=at if confirmed else None,
        )  # fmt: skip

    return make


def proof(delivery, days, status=ProofMessage.Status.SENT):
    content = delivery.content or DeliveryFactory(ready=True).preparation.content
    made = Proof.objects.create(delivery=delivery, content=content, number=1, at=ago(days))
    return ProofMessage.objects.create(
        proof=made, address="desk@example.com", values={"first_name": "Ana"}, status=status
    )


def lines_of(importing):
    return importing.problems.count()


def test_lines_of_reports_go_and_how_many_there_were_stays(report, kept_for):
    old, young = report(), report(20)
    kept_for(imports=30)

    applied = applying.apply(at=clock.now())

    assert (lines_of(old), lines_of(young)) == (0, 2)
    assert applied.rows == {"imports": 2}
    old.refresh_from_db()
    assert old.problems_found == 2
    assert AuditEvent.objects.get(action="apply_retention").detail["rows"] == {"imports": 2}
    assert applying.apply(at=clock.now()).rows == {}


def test_sign_ups_that_nobody_confirmed_go_and_confirmed_ones_are_evidence(sign_up, kept_for):
    typed, young, confirmed = sign_up(), sign_up(20), sign_up(confirmed=True)
    kept_for(sign_ups=30)

    applied = applying.apply(at=clock.now())

    assert set(SignUp.objects.values_list("pk", flat=True)) == {young.pk, confirmed.pk}
    assert applied.rows == {"sign_ups": 1}
    assert typed.pk not in {young.pk, confirmed.pk}


@pytest.mark.parametrize("made", [{}, {"ready": True}])
def test_proofs_of_what_is_not_over_count_from_their_own_day(made, unit, kept_for):
    old = proof(DeliveryFactory(unit=unit, **made), 40)
    young = proof(DeliveryFactory(unit=unit, **made), 20)
    kept_for(proofs=30)

    applied = applying.apply(at=clock.now())

    old.refresh_from_db()
    young.refresh_from_db()
    assert (old.address, old.values, young.address) == ("", {}, "desk@example.com")
    assert applied.rows == {"proofs": 1}


def test_a_copy_that_waits_is_still_to_leave(unit, kept_for):
    waiting = proof(DeliveryFactory(unit=unit), 40, ProofMessage.Status.WAITING)
    kept_for(proofs=30)

    applying.apply(at=clock.now())

    waiting.refresh_from_db()
    assert waiting.address == "desk@example.com"


def test_the_nearest_unit_says_how_long(report, unit, kept_for):
    here, above = report(), report(of=root())
    kept_for(imports=30)
    kept_for(unit=unit, imports=0)

    applying.apply(at=clock.now())

    assert (lines_of(here), lines_of(above)) == (2, 0)


@pytest.mark.parametrize("where", ["unit", "above"])
def test_a_hold_keeps_them(where, report, sign_up, unit, kept_for, administrator):
    importing, typed = report(), sign_up()
    copy = proof(DeliveryFactory(unit=unit), 40)
    kept_for(imports=30, sign_ups=30, proofs=30)
    on = unit if where == "unit" else root()
    holds.place(on=on, reason="Case 17", by=administrator, at=clock.now())

    applied = applying.apply(at=clock.now())

    copy.refresh_from_db()
    assert (lines_of(importing), SignUp.objects.filter(pk=typed.pk).count(), bool(copy.address)) == (
        2,
        1,
        True,
    )
    assert applied.rows == {}
    assert planning.plan(at=clock.now()) == []


def test_a_hold_on_a_draft_keeps_its_proofs(unit, kept_for, administrator):
    draft = DeliveryFactory(unit=unit)
    copy = proof(draft, 40)
    kept_for(proofs=30)
    holds.place(on=draft, reason="Case 17", by=administrator, at=clock.now())

    applying.apply(at=clock.now())

    copy.refresh_from_db()
    assert copy.address == "desk@example.com"


def test_the_plan_says_what_goes_by_unit_in_as_many_queries_for_many(
    report, sign_up, unit, kept_for, django_assert_max_num_queries
):
    report()
    sign_up()
    proof(DeliveryFactory(unit=unit), 40)
    for _number in range(5):
        report(of=UnitFactory(parent=unit))
    kept_for(imports=30, sign_ups=30, proofs=30)

    with django_assert_max_num_queries(24):
        lines = planning.plan(at=clock.now())

    of_unit = {(str(line.kind), line.rows) for line in lines if line.unit == unit}
    assert of_unit == {("imports", 2), ("sign_ups", 1), ("proofs", 1)}
    assert len(lines) == 3 + 5
    assert {(line.delivery, line.set_by) for line in lines} == {(None, root().label)}


def test_who_administers_one_unit_has_its_own_alone_go(report, unit, kept_for):
    here, elsewhere = report(), report(of=UnitFactory(parent=root()))
    kept_for(imports=30)

    applying.apply(at=clock.now(), by=UserFactory(roles={"administration": unit}))

    assert (lines_of(here), lines_of(elsewhere)) == (0, 2)


def test_the_command_names_the_unit(report, unit, kept_for, administrator, capsys):
    report()
    kept_for(imports=30)

    call_command("apply_retention", "--dry-run", "--as", administrator.username)

    assert f"Unit “{unit.label}”: Lines of imports' reports: 2 rows (30 days" in capsys.readouterr().out


def test_what_mails_report_of_messages_that_are_gone_names_no_address(old_one, kept_for):
    mail = IncomingMail.objects.create(digest=b"1" * 32, raw=b"mail", received_at=ago(99), read_at=ago(99))
    told = {
        "mail": mail,
        "at": ago(99),
        "kind": MailKind.HARD,
        "delivery": old_one,
        "address_key": "ana@example.com",
    }
    own, other, is_open = (
        Report.objects.create(
            number=number, seq=number, recipient=of, recipient_key=of, diagnostic="550 no such user", settled_at=settled,
            **told,
        )
        for number, of, settled in (
            (1, "ana@example.com", ago(98)), (2, "rui@example.com", ago(98)), (3, "ana@example.com", None),
        )
    )  # fmt: skip
    kept_for(recipients=30)

    applied = applying.apply(at=clock.now())

    for each in (own, other, is_open):
        each.refresh_from_db()
    assert (own.recipient, own.recipient_key, own.diagnostic, own.address_key) == ("", "", "", "")
    assert (other.recipient, other.recipient_key) == ("", "…")
    assert is_open.recipient == "ana@example.com"  # it is not settled
    assert (
        applied.rows["recipients"] == Delivery.objects.get(pk=old_one.pk).purges.get(kind="recipients").rows
    )
    assert applying.apply(at=clock.now()).rows == {}
