"""The content on its page: versions, findings, uploads."""

from io import BytesIO

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from audiences.tests.factories import AttributeFactory, TestProfileFactory
from deliveries.tests.factories import CONTENT, DeliveryFactory
from deliveries.tests.zips import PNG, a_zip
from deliveries.views.tests.drafts import fresh, url

pytestmark = pytest.mark.django_db


class TestContent:
    def test_each_save_that_changes_something_is_a_version(self, unit, preparer, client):
        delivery = DeliveryFactory(unit=unit)

        client.post(url("content", delivery), CONTENT | {"subject": "Other"})
        client.post(url("content", delivery), CONTENT | {"subject": "Other"})

        assert [version.number for version in fresh(delivery).contents.all()] == [2, 1]
        assert fresh(delivery).content.subject == "Other"

    def test_line_ends_as_browsers_post_them_make_no_version(self, unit, preparer, client):
        delivery = DeliveryFactory(unit=unit)

        client.post(url("content", delivery), CONTENT | {"html": CONTENT["html"].replace("\n", "\r\n")})

        assert fresh(delivery).contents.count() == 1

    def test_nobody_overwrites_unseen_what_a_colleague_saved(self, unit, preparer, client):
        delivery = DeliveryFactory(unit=unit)
        client.post(url("content", delivery), CONTENT | {"subject": "Theirs", "base": 1})

        warned = client.post(
            url("content", delivery), CONTENT | {"subject": "Mine", "base": 1}
        ).content.decode()
        client.post(url("content", delivery), CONTENT | {"subject": "Mine", "base": 2})

        assert "Version 2 was saved by" in warned
        assert 'value="Mine"' in warned
        assert 'name="base" value="2"' in warned
        assert fresh(delivery).content.subject == "Mine"

    def test_an_earlier_version_is_taken_up_again(self, unit, preparer, client):
        delivery = DeliveryFactory(unit=unit)
        client.post(url("content", delivery), CONTENT | {"subject": "Second thoughts"})

        page = client.get(url("content", delivery), {"version": 1}).content.decode()

        assert 'value="News for' in page
        assert client.get(url("content", delivery), {"version": 9}).status_code == 404

    def test_a_draft_may_be_incomplete_and_its_findings_stand_beside_it(self, unit, preparer, client):
        delivery = DeliveryFactory(unit=unit)

        page = client.post(url("content", delivery), {"html": "<p>Hello</p>"}, follow=True).content.decode()

        assert "There is no subject." in page
        assert "There is no unsubscribe link" in page

    def test_every_field_can_be_inserted(self, unit, preparer, client):
        AttributeFactory(name="segment", label="Segment")

        page = client.get(url("content", DeliveryFactory(unit=unit))).content.decode()

        assert 'data-insert="{{ profile.first_name }}"' in page
        assert 'data-insert="{{ profile.segment }}"' in page
        assert 'data-insert="{{ unsubscribe_url }}"' in page

    def test_a_zip_is_taken_in_with_its_pictures(self, unit, preparer, client):
        delivery = DeliveryFactory(unit=unit)
        zipped = a_zip({"index.html": '<img src="images/a.png">', "images/a.png": PNG, "x.exe": b"MZ"})
        file = SimpleUploadedFile("news.zip", zipped.getvalue())

        page = client.post(url("upload", delivery), {"file": file}, follow=True).content.decode()

        assert "holds the page, with 1 picture." in page
        assert "x.exe" in page
        assert fresh(delivery).assets.get().sha256[:12] in fresh(delivery).content.html

    def test_a_file_that_is_no_page_is_refused_with_the_cause(self, unit, preparer, client):
        delivery = DeliveryFactory(unit=unit)

        page = client.post(url("upload", delivery), {"file": SimpleUploadedFile("a.exe", b"MZ")}, follow=True)
        none = client.post(url("upload", delivery), {})

        assert "choose an .html file" in page.content.decode()
        assert none.status_code == 422
        assert fresh(delivery).contents.count() == 1

    def test_what_stands_in_the_editor_is_previewed_unsaved(self, unit, preparer, client):
        TestProfileFactory(unit=unit, values={"first_name": "Ana"})
        delivery = DeliveryFactory(unit=unit)

        parts = CONTENT | {"html": CONTENT["html"].replace("Hello", "Ola")}
        fragment = client.post(url("preview", delivery), parts).content.decode()
        frame = client.post(url("frame", delivery), parts)

        assert f'data-posts="{url("frame", delivery)}"' in fragment
        assert "<html lang" not in fragment
        assert "Ola Ana" in frame.content.decode()
        assert frame["Content-Security-Policy"].startswith("sandbox;")
        assert fresh(delivery).contents.count() == 1

    @pytest.mark.parametrize(
        "html", ["{{", "{% for %}", "{{ profile }}", "{% if a %}", "<a href='{{ x }}'>y</a>", "\x00"]
    )
    def test_whatever_is_typed_never_breaks_the_preview(self, html, unit, preparer, client):
        answer = client.post(url("preview", DeliveryFactory(unit=unit)), {"html": html})

        assert answer.status_code == 200


def test_the_upload_is_read_as_a_stream_of_bytes(unit, preparer, client):
    page = BytesIO(b"<p>Hi</p>")
    page.name = "a.html"
    delivery = DeliveryFactory(unit=unit)

    client.post(url("upload", delivery), {"file": page})

    assert fresh(delivery).content.html == "<p>Hi</p>"
