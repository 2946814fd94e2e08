"""Accounts begin by a link that came by mail; a password set by another is changed first."""

import re

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import AuditEvent, Letter, LetterKind, OrganizationalUnit, User
from accounts.people import letters, people, self_service
from accounts.roles import root
from accounts.tests.factories import PASSWORD, UnitFactory, UserFactory

pytestmark = pytest.mark.django_db
PHRASE, OTHER = "a long enough pass phrase", "quite another pass phrase"


@pytest.fixture
def unit() -> OrganizationalUnit:
    return UnitFactory(label="Brasil")


@pytest.fixture
def administrator(unit: OrganizationalUnit) -> User:
    return UserFactory(is_staff=True, roles={"administration": unit})


@pytest.fixture
def rita(administrator: User, unit: OrganizationalUnit) -> User:
    return people.create_user(username="rita", email="Rita@sinete.example", home_unit=unit, by=administrator)


def link(letter) -> str:
    """The path of the link in a letter."""
    return re.search(r"https?://[^/]+(/account/\S+)", letter.body)[1]


def choose(browser: Client, path: str, phrase: str = PHRASE):
    form = browser.get(path, follow=True)
    return browser.post(form.request["PATH_INFO"], {"password1": phrase, "password2": phrase}, follow=True)


def sign_in(browser: Client, name: str, phrase: str):
    return browser.post(reverse("login"), {"username": name, "password": phrase})


def test_an_invited_person_chooses_a_password_and_so_shows_the_address(rita, work, mailoutbox):
    assert people.verified_address(rita) is None
    work()
    browser = Client()

    answer = choose(browser, link(mailoutbox[0]))

    assert "Your password is set" in answer.text
    assert people.verified_address(rita) == "Rita@sinete.example".lower() or people.verified_address(
        User.objects.get(pk=rita.pk)
    )
    assert sign_in(browser, "rita", PHRASE).status_code == 302
    assert AuditEvent.objects.filter(action="choose_password", actor=rita).exists()


def test_an_invitation_works_once(rita, work, mailoutbox):
    work()
    choose(Client(), link(mailoutbox[0]))

    assert "no longer works" in Client().get(link(mailoutbox[0]), follow=True).text


def test_an_invitation_ends_when_the_address_is_changed(rita, administrator, work, mailoutbox):
    work()

    people.change_user(user=rita, email="somebody@else.example", by=administrator)

    assert "no longer works" in Client().get(link(mailoutbox[0]), follow=True).text


def test_nobody_is_invited_without_an_address(administrator, unit):
    with pytest.raises(people.NoAddress):
        people.create_user(username="rita", home_unit=unit, by=administrator)


def test_the_desk_invites_whoever_gets_no_password(administrator, unit, work, mailoutbox):
    desk = Client()
    desk.force_login(administrator)

    desk.post(
        "/admin/accounts/user/add/",
        {"username": "rita", "email": "rita@sinete.example", "home_unit": unit.pk, "is_active": "on"},
    )
    work()

    assert not User.objects.get(username="rita").has_usable_password()
    assert "Choose your password here" in mailoutbox[0].body


def test_the_desk_says_which_field_an_invitation_needs(administrator, unit):
    desk = Client()
    desk.force_login(administrator)

    answer = desk.post(
        "/admin/accounts/user/add/", {"username": "rita", "home_unit": unit.pk, "is_active": "on"}
    )

    assert "needs a mail address" in answer.text


def test_an_invitation_is_sent_again_by_a_button(rita, administrator, work, mailoutbox):
    desk = Client()
    desk.force_login(administrator)

    desk.post(f"/admin/accounts/user/{rita.pk}/invite/")
    work()

    assert len(mailoutbox) == 2
    assert AuditEvent.objects.filter(action="invite", actor=administrator).exists()


def test_a_password_set_by_another_is_changed_before_anything_else(unit, administrator):
    people.create_user(username="rita", home_unit=unit, by=administrator, password=PHRASE)
    browser = Client()
    sign_in(browser, "rita", PHRASE)

    for page in ("/", "/account/", "/admin/"):
        assert browser.get(page).url == reverse("password_change")
    assert browser.get("/", headers={"HX-Request": "true"}).headers["HX-Redirect"] == reverse(
        "password_change"
    )
    assert "Somebody else set your password" in browser.get(reverse("password_change")).text
    browser.post(
        reverse("password_change"),
        {"old_password": PHRASE, "new_password1": OTHER, "new_password2": OTHER},
    )

    assert browser.get("/").status_code == 200


def test_the_same_password_again_is_no_change(unit, administrator):
    people.create_user(username="rita", home_unit=unit, by=administrator, password=PHRASE)
    browser = Client()
    sign_in(browser, "rita", PHRASE)

    answer = browser.post(
        reverse("password_change"),
        {"old_password": PHRASE, "new_password1": PHRASE, "new_password2": PHRASE},
    )

    assert "the same" in answer.text
    assert User.objects.get(username="rita").must_change_password


def test_a_new_password_is_asked_for_by_mail_and_nobody_learns_who_has_an_account(work, mailoutbox):
    UserFactory(username="ana", email="ana@sinete.example")
    browser = Client()

    said = {
        browser.post(reverse("account_reset_password"), {"email": address}, follow=True).text
        for address in ("ana@sinete.example", "nobody@sinete.example")
    }
    work()

    assert len({re.sub(r'value="\w{64}"|"X-CSRFToken": "\w+"', "", page) for page in said}) == 1
    assert [letter.to for letter in mailoutbox] == [["ana@sinete.example"]]
    assert sign_in(browser, "ana", PASSWORD).status_code == 302
    Client().get(link(mailoutbox[0]), follow=True)


def test_a_reset_leaves_what_was_withheld_withheld(unit, administrator, work, mailoutbox):
    carla = UserFactory(home_unit=unit, roles={"start": unit}, email="carla@sinete.example")
    people.set_password(user=carla, password=PHRASE, by=administrator)
    Client().post(reverse("account_reset_password"), {"email": carla.email})
    work()

    choose(Client(), link(next(each for each in mailoutbox if "/account/password/new/" in each.body)), OTHER)

    carla.refresh_from_db()
    assert not carla.must_change_password
    assert carla.check_password(OTHER)
    assert carla.role_grants.get().withheld


def test_an_address_is_confirmed_from_the_account_page(work, mailoutbox):
    ana = UserFactory(verified=False)
    browser = Client()
    browser.force_login(ana)

    browser.post(reverse("confirm_address"))
    browser.post(reverse("confirm_address"))
    work()
    assert people.verified_address(ana) is None
    browser.post(link(mailoutbox[0]))

    assert len(mailoutbox) == 1
    assert people.verified_address(ana) == ana.email
    assert "is not confirmed as yours" not in browser.get("/account/").text


def test_an_address_is_one_persons_only(work):
    one, two = (UserFactory(email="both@sinete.example", verified=False) for _person in range(2))

    assert self_service.confirm_address(by=one)
    assert not self_service.confirm_address(by=two)
    assert people.verified_address(two) is None


def test_a_letter_that_finds_no_server_is_tried_again_and_holds_no_link(rita, settings):
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 1
    letter = Letter.objects.get()

    letters.mail(timezone.now())

    letter.refresh_from_db()
    assert (letter.tries, letter.mailed_at) == (1, None)
    assert letter.mail_after > letter.at
    assert "link" not in {field.name for field in Letter._meta.fields}


def test_a_lost_wake_up_only_delays_a_letter(rita, mailoutbox):
    assert letters.mail(timezone.now()) == 1
    assert letters.mail(timezone.now()) == 0
    assert len(mailoutbox) == 1


def test_nobody_signs_up():
    for path in ("/signup/", "/accounts/signup/", "/account/signup/"):
        assert Client().get(path).status_code in (302, 404)
    with pytest.raises(Exception, match="account_signup"):
        reverse("account_signup")


def test_a_command_invites_and_another_gives_back(administrator, unit, capsys):
    call_command(
        "invite_user",
        "rita",
        "--email",
        "rita@sinete.example",
        "--unit",
        "Brasil",
        "--as",
        administrator.username,
    )
    rita = User.objects.get(username="rita")
    assert rita.letters.get().kind == LetterKind.INVITATION

    with pytest.raises(CommandError, match="in the hands of"):
        call_command("give_back_rights", "rita", "--as", administrator.username)
    call_command("give_back_rights", "rita", "--as", UserFactory(roles={"administration": root()}).username)

    assert not rita.hands.exists()


@pytest.mark.parametrize(
    "email", ["rita", "rita@", "rita@x.example\nBcc: all@x.example", "a" * 300 + "@x.example"]
)
def test_an_address_that_is_none_is_refused_in_words(administrator, unit, email):
    with pytest.raises(people.BadAccount, match="email: "):
        people.create_user(username="rita", email=email, home_unit=unit, by=administrator)
    with pytest.raises(people.BadAccount, match="email: "):
        people.change_user(user=UserFactory(home_unit=unit), email=email, by=administrator)


@pytest.mark.parametrize("username", ["", "rita rita", "r" * 151, "taken"])
def test_a_user_name_that_cannot_be_is_refused_in_words(administrator, unit, username):
    UserFactory(username="taken")

    with pytest.raises(people.BadAccount, match="username: "):
        people.create_user(username=username, email="rita@x.example", home_unit=unit, by=administrator)


def test_the_owner_of_a_closed_account_still_hears_what_was_done_to_it(rita, administrator, work, mailoutbox):
    work()
    mailoutbox.clear()
    people.change_user(user=rita, is_active=False, by=administrator)

    people.set_password(user=rita, password=PHRASE, by=administrator)
    people.change_user(user=rita, email="else@sinete.example", by=administrator)
    people.invite(user=User.objects.get(pk=rita.pk), by=administrator)
    work()

    assert [letter.subject for letter in mailoutbox] == [
        "Somebody set your password in Sinete",
        "Somebody changed your address in Sinete",
    ]  # and no link
    assert {letter.to[0].lower() for letter in mailoutbox} == {"rita@sinete.example"}


def test_whoever_has_to_change_the_password_is_offered_no_way_around_it(client, unit, administrator):
    ana = UserFactory(home_unit=unit)
    people.set_password(user=ana, password=PHRASE, by=administrator)
    client.force_login(User.objects.get(pk=ana.pk))

    page = client.get(reverse("password_change")).content.decode()

    assert "Somebody else set your password" in page
    assert "Cancel" not in page
