"""Units, people and roles by command: through the functions and checks of the desk."""

import json

import pytest
from django.core.management import CommandError, call_command

from accounts import access
from accounts.models import ApprovalPolicy, AuditEvent, OrganizationalUnit, RoleGrant, User
from accounts.rights import Right
from accounts.roles import root
from accounts.tests.factories import UnitFactory, UserFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def unit() -> OrganizationalUnit:
    return UnitFactory(label="Brasil")


@pytest.fixture
def administrator(unit: OrganizationalUnit) -> User:
    return UserFactory(username="admin", home_unit=unit, roles={"administration": unit})


@pytest.fixture
def answer(capsys, administrator):
    def ask(*words: str, by: str = "admin"):
        call_command(*words, "--as", by, "--json")
        return json.loads(capsys.readouterr().out)

    return ask


def test_a_unit_is_made_below_another_and_asks_for_as_much_approval(answer, unit):
    unit.approval_policy = ApprovalPolicy.FOUR_EYES
    unit.save()

    made = answer("create_unit", "Recife", "--under", "brasil")

    assert made == {"unit": "Recife", "id": made["id"], "under": "Brasil", "approval": unit.approval_policy}
    assert OrganizationalUnit.objects.get(pk=made["id"]).parent == unit


def test_a_label_is_had_by_one_of_those_right_below_a_unit(administrator, unit):
    for label in ("Recife", "Olinda"):
        call_command("create_unit", label, "--under", "Brasil", "--as", "admin")

    with pytest.raises(CommandError, match="“Brasil” has a unit “Recife” already") as again:
        call_command("create_unit", " Recife", "--under", "Brasil", "--as", "admin")
    with pytest.raises(CommandError, match="“Brasil” has a unit “Recife” already"):
        call_command("change_unit", "Olinda", "--label", "Recife", "--as", "admin")

    assert again.value.returncode == 1


def test_no_unit_is_made_where_one_does_not_administer(answer):
    with pytest.raises(CommandError, match="Administer"):
        call_command("create_unit", "Recife", "--as", "admin")  # below the topmost

    assert not OrganizationalUnit.objects.filter(label="Recife").exists()


def test_a_unit_below_is_never_looser(administrator, unit):
    OrganizationalUnit.objects.filter(pk=unit.pk).update(approval_policy=ApprovalPolicy.FOUR_EYES)

    with pytest.raises(CommandError, match="can only be stricter"):
        call_command("create_unit", "Recife", "--under", "Brasil", "--approval", "none", "--as", "admin")


def test_a_role_is_given_and_taken_back(answer, unit):
    bea = UserFactory(username="bea", home_unit=unit)

    given = answer("grant_role", "bea", "prepare", "Brasil")
    could = access.can(bea, Right.PREPARE, unit)
    answer("grant_role", "bea", "prepare", str(unit.pk), "--take-back")

    assert given == {"user": "bea", "role": "prepare", "unit": "Brasil", "has_it": True, "withheld": False}
    assert could
    assert not access.can(User.objects.get(pk=bea.pk), Right.PREPARE, unit)
    assert list(
        AuditEvent.objects.filter(face="command").order_by("pk").values_list("action", flat=True)
    ) == [
        "grant_role",
        "revoke_role",
    ]


def test_what_is_not_held_can_not_be_taken_back(answer, unit):
    UserFactory(username="bea", home_unit=unit)

    with pytest.raises(CommandError, match="does not have") as refused:
        call_command("grant_role", "bea", "start", "Brasil", "--take-back", "--as", "admin")

    assert refused.value.returncode == 1


def test_nobody_starts_by_a_role_that_they_gave_to_themselves(administrator):
    with pytest.raises(CommandError, match="to themselves"):
        call_command("grant_role", "admin", "start", "Brasil", "--as", "admin")

    assert not RoleGrant.objects.filter(role__code="start").exists()


def test_somebody_elsewhere_is_as_unknown_as_nobody(administrator):
    UserFactory(username="elsewhere", home_unit=UnitFactory(label="Chile"))

    for name in ("elsewhere", "nobody"):
        with pytest.raises(CommandError, match="among the people whom you administer"):
            call_command("grant_role", name, "prepare", "Brasil", "--as", "admin")


def test_people_are_listed_with_their_roles_in_pages(answer, unit):
    UserFactory(username="bea", home_unit=unit, roles={"prepare": unit})
    UserFactory(username="elsewhere", home_unit=UnitFactory(label="Chile"))

    first = answer("list_users", "--limit", "1")
    rest = answer("list_users", "--after", first["after"])

    assert [each["user"] for each in first["users"]] == ["admin"]
    assert [(each["user"], each["roles"]) for each in rest["users"]] == [
        ("bea", [{"role": "prepare", "unit": "Brasil", "withheld": False}])
    ]
    assert rest["after"] is None


def test_people_are_found_by_unit_role_and_name(answer, unit):
    recife = UnitFactory(label="Recife", parent=unit)
    UserFactory(username="bea", home_unit=recife, roles={"prepare": recife})
    UserFactory(username="caio", first_name="Bernardo", home_unit=unit, is_active=False)

    def names(*words: str) -> list[str]:
        return [each["user"] for each in answer("list_users", *words)["users"]]

    assert names("--unit", "Recife") == names("--role", "prepare") == ["bea"]
    assert names("--text", "bernardo") == []
    assert names("--text", "bernardo", "--closed") == ["caio"]


def test_who_administers_nothing_is_shown_nobody(unit):
    UserFactory(username="bea", home_unit=unit, roles={"prepare": unit})

    with pytest.raises(CommandError, match="don't have the right"):
        call_command("list_users", "--as", "bea")


def test_a_list_asks_a_flat_number_of_queries(answer, unit, django_assert_max_num_queries):
    for number in range(8):
        UserFactory(username=f"p{number}", home_unit=unit, roles={"prepare": [unit, root()]})

    with django_assert_max_num_queries(9):
        call_command("list_users", "--as", "admin")


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["list_users", "--text", "Jos\udce9"], "text: “Jos.” is not written in UTF-8"),
        (["create_unit", "Reci\udcff"], "label: “Reci.” is not written in UTF-8"),
        (["import_profiles", "x" * 3_000], "x: File name too long"),
        (["import_profiles", "no-such-file.csv"], "There is no file no-such-file.csv"),
        (["create_unit", "x" * 200], "at most 128 characters"),
        (["create_unit", " "], "label: This field cannot be blank"),
        (["create_unit", "x", "--grace-seconds=--"], "--grace-seconds: “--” is no value"),
        (["hold", "--delivery", ""], "There is no delivery"),
        (["save_route", "Mail", "--port", "9" * 20], "less than or equal to"),
        (["save_route", "Mail", "--host", "x" * 300], "at most 255 characters"),
        (["save_route", "x" * 300], "at most 64 characters"),
    ],
)
def test_what_makes_no_sense_is_named_and_the_call_ends_with_2(words, says):
    boss = UserFactory(roles={"administration": root()})

    with pytest.raises(CommandError, match=says) as said:
        call_command(*words, "--as", boss.username)

    assert said.value.returncode == 2


@pytest.mark.parametrize("number", ["0", "-1", "9" * 20, "²", "x", ""])
@pytest.mark.parametrize(
    "command", ["list_deliveries", "list_users", "list_audiences", "list_notices", "list_log"]
)
def test_a_number_of_rows_is_a_number(command, number):
    words = ["DM1", "sending"] if command == "list_log" else []

    with pytest.raises(CommandError, match="no whole number from 1 to 1,000,000"):
        call_command(command, *words, f"--limit={number}", "--as", "ana")


@pytest.mark.parametrize("seconds", ["nan", "-1", "soon"])
def test_a_wait_is_a_number_of_seconds(seconds):
    with pytest.raises(CommandError, match="no number of seconds"):
        call_command("wait_delivery", "DM1", f"--timeout={seconds}", "--as", "ana")
