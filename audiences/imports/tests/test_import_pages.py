"""The pages on which a file comes in."""

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from accounts.roles import root
from accounts.tests.factories import UserFactory
from audiences.models import Audience, Import, Profile

pytestmark = pytest.mark.django_db


@pytest.fixture
def client(client):
    client.force_login(UserFactory(roles={"prepare": root(), "import": root(), "export": root()}))
    return client


def page(client, name, *args):
    response = client.get(reverse(f"audiences:{name}", args=args))
    assert response.status_code == 200
    return response.content.decode()


def post(client, name, *args, **data):
    return client.post(reverse(f"audiences:{name}", args=args), data, follow=True)


def test_a_file_is_uploaded_read_and_reported(client, work):
    file = SimpleUploadedFile("people.csv", b"external_id;email;segment\nC1;a@example.com;vip\nC2;;new\n")

    response = post(
        client, "imports", file=file, unit=root().pk, declare_attributes="on", list_label="Autumn"
    )
    importing = Import.objects.get()
    waiting = response.content.decode()
    assert f'hx-get="/imports/{importing.pk}/progress/"' in waiting
    work()
    done = page(client, "import-progress", importing.pk)

    assert 'hx-trigger="every' not in done
    assert "There is no address." in done
    assert "The profiles are here" in done
    assert Audience.objects.get(label="Autumn").members.count() == 2


def test_a_refused_file_can_be_imported_for_its_good_rows_from_the_page(client, work):
    post(client, "imports", file=SimpleUploadedFile("p.csv", b"email\na@example.com\nx,y\n"), unit=root().pk)
    work()
    refused = page(client, "import", Import.objects.get().pk)
    assert "The file is broken. Nothing was imported." in refused
    assert "The row is long" in refused

    post(client, "import-again", Import.objects.get().pk)
    work()

    assert Profile.objects.get().email == "a@example.com"


def test_imports_are_for_importers(client):
    client.force_login(UserFactory(roles={"prepare": root()}))

    assert 'type="file"' not in page(client, "imports")
    assert (
        post(client, "imports", file=SimpleUploadedFile("p.csv", b"email\n"), unit=root().pk).status_code
        == 403
    )
    assert not Import.objects.exists()
