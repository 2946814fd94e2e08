"""What of a form is kept, and who a form belongs to: pure, no database."""

import pytest
from django import forms
from django.core.files.uploadedfile import SimpleUploadedFile
from django.middleware.csrf import get_token
from django.test import RequestFactory

from accounts.kept_forms import browsers, reading
from accounts.people.forms import OwnPasswordForm
from accounts.people.signing_in import ChosenPasswordForm, SignInForm


def typed(**fields):
    return reading.typed(RequestFactory().post("/x/", fields))


def test_names_and_values_are_kept_as_often_as_they_were_said():
    found = typed(label="A", days=["MO", "TU"], csrfmiddlewaretoken="t", next="/y/")

    assert found.fields == {"label": ["A"], "days": ["MO", "TU"]}


def test_of_a_file_its_name_is_kept():
    found = typed(label="A", file=SimpleUploadedFile("customers.csv", b"octets"))

    assert found.files == ["customers.csv"]
    assert "octets" not in str(found)


@pytest.mark.parametrize(
    "name", ["password", "old_password", "new_password1", "api_token", "client-secret", "otp", "totp", "Passphrase"]
)  # fmt: skip
def test_secrets_are_not_kept(name):
    found = typed(**{name: "hunter2", "label": "A"})

    assert found.secrets == [name]
    assert "hunter2" not in str(found)


@pytest.mark.parametrize(
    "value", ["smtp://user:hunter2@relay.example", "-----BEGIN PRIVATE KEY-----\nhunter2", "x https://a:hunter2@b/"]
)  # fmt: skip
def test_what_looks_like_a_secret_is_not_kept_either(value):
    assert "hunter2" not in str(typed(note=value))


@pytest.mark.parametrize("name", ["password_variable", "dkim_key_file", "label", "token_count", "html"])
def test_what_only_speaks_of_secrets_is_kept(name):
    assert typed(**{name: "x"}).fields == {name: ["x"]}


def test_each_password_field_of_ours_has_the_name_of_a_secret():
    shown = [
        name
        for form in (OwnPasswordForm, ChosenPasswordForm, SignInForm)
        for name, field in form.base_fields.items()
        if isinstance(field.widget, forms.PasswordInput)
    ]

    assert "old_password" in shown
    assert [name for name in shown if not reading.is_secret(name)] == []


@pytest.mark.parametrize(
    "fields",
    [
        {"html": "é" * (reading.MOST_OCTETS // 2 + 1)},
        {f"f{number}": "x" for number in range(1001)},
        {"n" * 201: "x"},
    ],
)
def test_too_much_is_not_kept(fields, settings):
    settings.DATA_UPLOAD_MAX_NUMBER_FIELDS = 5_000

    found = typed(**fields)

    assert found.is_too_large
    assert found.fields == {}


@pytest.mark.parametrize(
    ("fields", "is_empty"), [({}, True), ({"a": ""}, True), ({"a": "x"}, False), ({"password": "x"}, False)]
)
def test_a_button_alone_says_nothing(fields, is_empty):
    assert typed(**fields).is_empty == is_empty


def test_letters_that_no_database_takes_are_left_out():
    assert typed(label="a\0b").fields == {"label": ["ab"]}


# -- whose form it was


def page_of(browser, pk):
    """The token of a page that was made for this person after they signed in."""
    request = RequestFactory().get("/x/")
    token = get_token(request)
    browser.meet(pk, request.META["CSRF_COOKIE"])
    return token


def test_a_form_belongs_to_whom_its_page_was_made_for():
    browser = browsers.Browser("key")
    of_ana, of_bruno = page_of(browser, 1), page_of(browser, 2)

    assert [browser.owner_of(token) for token in (of_ana, of_bruno)] == [1, 2]
    assert browser.owner_of(get_token(RequestFactory().get("/x/"))) is None


@pytest.mark.parametrize("token", ["x", "é" * 64, "-" * 64, "a" * 32, "a" * 5000])
def test_a_token_that_is_none_belongs_to_nobody(token):
    browser = browsers.Browser("key")
    page_of(browser, 1)

    assert browser.owner_of(token) is None


def test_a_browser_remembers_few_people():
    browser = browsers.Browser("key")
    for pk in range(9):
        page_of(browser, pk)

    assert [pk for pk, _mark in browser.people] == [8, 7, 6, 5]


@pytest.mark.parametrize("cookie", ["", "x", "a:b:c", "\x00", "e30:1:1"])
def test_a_cookie_that_is_not_ours_is_an_unknown_browser(cookie):
    request = RequestFactory().get("/x/")
    request.COOKIES[browsers.COOKIE] = cookie

    found = browsers.of(request)

    assert (found.people, found.forms) == ([], 0)
    assert found.key
