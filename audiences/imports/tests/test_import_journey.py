"""From a messy file of another tool to the right people mailable and nobody else, as a marketer does it in a browser."""

import pytest

from accounts.roles import root
from accounts.tests.factories import UserFactory
from audiences.models import Import, ImportMapping, Profile, Quarantine
from audiences.tests.factories import ProfileFactory

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

FILE = """\
Customers of the shop;;;;
Email Address;First Name;MEMBER_RATING;Where they stand;Note
ana@example.com;Ana;2;subscribed;
 mailto:Bia@Example.com ;Bia;3;subscribed;
caio@example.com;Caio;1;unsubscribed;
davi@example.com;Davi;4;cleaned;
eva@example.com;Eva;5;marked as spam;
fred@example.com;Fred;2;perhaps;
gil@example.com;Gil;2;ask again;
nobody at home;Hugo;1;subscribed;
iris@example.com;Iris;1;subscribed;
iris@example.com;Iris;1;unsubscribed;
left@example.com;Lea;1;subscribed;
Total;10;;;
"""


def mailable() -> set[str]:
    """Whom a mail may be sent to: a good address, nothing against it."""
    quarantined = Quarantine.objects.exclude(status=Quarantine.Status.VALID).values("address_key")
    free = Profile.objects.filter(no_email=False, no_contact=False, consent_unclear=False, email_state="good")
    return set(free.exclude(email_key__in=quarantined).values_list("email_key", flat=True))


def test_a_messy_file_of_another_tool_ends_with_the_right_people_mailable(new_page, work, tmp_path):
    left = ProfileFactory(external_id=None, email="left@example.com", no_email=True)
    marketer = UserFactory(roles={"prepare": root(), "import": root()})
    file = tmp_path / "shop.csv"
    file.write_bytes(FILE.encode("cp1252"))
    window = new_page(user=marketer)

    window.goto("/imports/")
    window.get_by_label("CSV file").set_input_files(file)
    window.get_by_role("button", name="Dry run", exact=True).click()
    window.get_by_text("0 rows read").wait_for()
    work()
    window.get_by_text("Nothing has come in yet").wait_for()
    assert Profile.objects.get() == left

    window.get_by_label("Where they stand", exact=True).select_option("Status of the subscription")
    window.get_by_role("button", name="Look through it again").click()
    window.get_by_text("0 rows read").wait_for()
    work()
    window.get_by_text("Nothing has come in yet").wait_for()
    window.locator(".kpi", has_text="held as consent unclear").get_by_role("link", name="2").click()
    window.get_by_text("fred@example.com").wait_for()
    assert Profile.objects.count() == 1

    window.go_back()
    window.get_by_role("button", name="Import", exact=True).click()
    window.get_by_text("0 rows read").wait_for()
    work()
    window.get_by_text("The profiles are here").wait_for()
    assert mailable() == {"ana@example.com", "bia@example.com"}

    window.get_by_role("link", name="Decide about unclear consents").click()
    row = window.locator("tr", has_text="gil@example.com")
    row.get_by_role("button", name="Opted out").click()
    window.get_by_role("button", name="All may be written to").click()
    window.get_by_role("button", name="All 1 may be written to").click()
    window.get_by_text("1 consent is decided.").wait_for()

    assert mailable() == {"ana@example.com", "bia@example.com", "fred@example.com"}
    assert Import.objects.get().created == 9
    assert ImportMapping.objects.get().saved_by == marketer
