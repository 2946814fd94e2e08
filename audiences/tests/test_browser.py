"""The form for rules and the import as a marketer sees them."""

import pytest

from accounts.roles import root
from accounts.tests.factories import UserFactory
from audiences.models import Attribute, Audience
from audiences.tests.factories import AttributeFactory, ProfileFactory

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def marketer(transactional_db):
    return UserFactory(roles={"prepare": root(), "import": root(), "export": root()})


def test_a_rule_is_put_together_and_counted_while_one_types(new_page, marketer):
    AttributeFactory(name="points", label="Points", kind=Attribute.Kind.NUMBER)
    ProfileFactory.create_batch(3, city="Recife", attributes={"points": 10})
    ProfileFactory(city="Olinda", attributes={"points": 2})
    window = new_page(user=marketer)

    window.goto("/audiences/new/")
    window.get_by_label("Label").fill("Recife")
    window.get_by_label("Field").select_option("Points")
    window.get_by_label("Comparison").select_option("is above")
    window.get_by_label("Value").fill("5")
    window.get_by_text("Points is above 5").wait_for()
    window.get_by_role("button", name="Add a condition").click()
    window.locator("#g0r1-field").select_option("City")
    window.locator("#g0r1-value").fill("olinda")
    window.get_by_text("Points is above 5 and City is “olinda”").wait_for()
    window.locator("#g0-combine").select_option("any of these holds")
    window.get_by_text("Points is above 5 or City is “olinda”").wait_for()
    assert window.locator("#said .dialog__figure").inner_text().split() == ["4", "profiles"]
    window.get_by_role("button", name="Save").last.click()

    window.get_by_role("heading", name="Recife").wait_for()
    assert Audience.objects.get().rule["any"][1] == {"field": "city", "is": "equal", "value": "olinda"}


def test_an_import_shows_its_progress_until_its_report(new_page, marketer, work, tmp_path):
    file = tmp_path / "people.csv"
    file.write_text("E-mail;Nome;segmento\nana@example.com;Ana;vip\nnobody;Bia;\n", encoding="utf-8-sig")
    window = new_page(user=marketer)

    window.goto("/imports/")
    window.get_by_label("CSV file").set_input_files(file)
    window.get_by_role("button", name="Import").click()
    window.get_by_text("0 rows read").wait_for()
    work()

    window.get_by_text("The profiles are here").wait_for()
    window.get_by_text("“nobody” is no email address.").wait_for()
    assert window.locator("#import").get_attribute("hx-get") is None
