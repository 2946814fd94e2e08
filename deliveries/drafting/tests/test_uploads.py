import io
import struct
import tracemalloc
import unicodedata
import zipfile
import zlib
from urllib.parse import quote

import pytest

from campaign.lib import clock
from deliveries import rendering
from deliveries.drafting import uploads
from deliveries.models import Status
from deliveries.preparation import verbs as preparation
from deliveries.tests.factories import DeliveryFactory, person
from deliveries.tests.zips import PNG, a_zip

JPEG = b"\xff\xd8\xff\xe0" + b"\x00" * 40
PAGE = '<p><img src="images/hero.png"><td background="./images/hero.png" style="background:url(images/bg%201.jpg)"></p>'


def refused(name, file):
    with pytest.raises(uploads.BadUpload) as refusal:
        uploads.read(name, file)
    return str(refusal.value)


def test_a_zip_gives_its_page_and_its_pictures_as_the_page_names_them():
    read = uploads.read(
        "news.zip", a_zip({"news/index.html": PAGE, "news/images/hero.png": PNG, "news/notes.txt": b"hm"})
    )

    assert read.html == PAGE
    assert [(p.path, p.media_type) for p in read.pictures] == [("images/hero.png", "image/png")]
    assert read.left_out == ("news/notes.txt",)


def test_what_systems_add_to_a_zip_is_passed_over():
    read = uploads.read("a.zip", a_zip({"a.html": "x", "__MACOSX/._a.html": "y", ".DS_Store": b"z"}))

    assert (read.html, read.left_out) == ("x", ())


@pytest.mark.parametrize("path", ["../etc/a.png", "/etc/a.png", "a/../../b.png", "..\\b.png", "C:\\b.png"])
def test_a_path_that_leads_out_of_the_zip_is_refused(path):
    assert "leads out" in refused("a.zip", a_zip({"a.html": "x", path: PNG}))


def test_a_bomb_is_refused_without_being_unpacked():
    assert "too large" in refused("a.zip", a_zip({"a.html": "x", "big.png": PNG + b"\x00" * 50_000_000}))


def test_a_bomb_that_lies_about_its_size_is_refused():
    octets = bytearray(a_zip({"a.html": "x", "big.png": PNG + b"\x00" * 50_000_000}).getvalue())
    at = octets.rfind(b"PK\x01\x02")
    struct.pack_into("<I", octets, at + 24, 100)

    refused("a.zip", io.BytesIO(bytes(octets)))


def test_many_files_that_together_are_too_large_are_refused():
    files = {"a.html": "x"} | {f"{n}.png": PNG + b"\x00" * 4_900_000 for n in range(6)}

    assert "20 MB" in refused("a.zip", a_zip(files))


def test_too_many_files_are_refused():
    assert "300 files" in refused("a.zip", a_zip({f"{n}.png": PNG for n in range(400)}))


@pytest.mark.parametrize(
    ("name", "octets", "words"),
    [
        ("a.zip", b"no zip at all", "is none"),
        ("a.zip", b"PK\x03\x04" + b"broken" * 20, "can't be read"),
        ("a.exe", b"MZ", "choose an .html file"),
        ("a.html", b"\x00\x01\x02binary", "not text"),
        ("a.html", b"<p>" + b"x" * (uploads.MOST_HTML_BYTES + 1), "larger than 2 MB"),
    ],
)
def test_what_is_no_page_is_refused_with_the_cause(name, octets, words):
    assert words in refused(name, io.BytesIO(octets))


@pytest.mark.parametrize("packed", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_zip_that_would_unpack_more_at_once_than_is_asked_for_is_refused_before_it_is_unpacked(packed):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", packed) as archive:
        archive.writestr("a.html", "x")
        archive.writestr("big.png", PNG + b"\x00" * 50_000_000)
    file.seek(0)

    tracemalloc.start()
    said = refused("a.zip", file)
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert "Deflate" in said
    assert most < 1_000_000


def test_a_zip_with_a_name_in_no_known_letters_is_refused():
    octets = a_zip({"a.html": "x", "é.png": PNG}).getvalue().replace("é".encode(), b"\xff\xfe")

    assert "can't be read" in refused("a.zip", io.BytesIO(octets))


def test_a_zip_without_a_page_or_with_two_is_refused():
    assert "no .html file" in refused("a.zip", a_zip({"a.png": PNG}))
    assert "more than one page" in refused("a.zip", a_zip({"a.html": "x", "b.html": "y"}))


def test_index_is_the_page_among_several():
    assert uploads.read("a.zip", a_zip({"index.html": "x", "b.html": "y"})).html == "x"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_a_page_is_read_in_its_encoding(encoding):
    assert uploads.read("a.html", io.BytesIO("<p>Promoção</p>".encode(encoding))).html == "<p>Promoção</p>"


@pytest.mark.parametrize(
    ("octets", "media_type"),
    [
        (PNG, "image/png"),
        (JPEG, "image/jpeg"),
        (b"GIF89a....", "image/gif"),
        (b"RIFF\x00\x00\x00\x00WEBPVP8 ", "image/webp"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'><script/></svg>", ""),
        (b"<html>", ""),
        (b"", ""),
    ],
)
def test_pictures_are_told_by_their_first_octets(octets, media_type):
    assert uploads.picture_type(octets) == media_type


def test_every_spelling_of_a_path_refers_to_the_picture_by_its_fingerprint():
    html = uploads.with_marked_paths(
        PAGE + " images/hero.png2",
        {"images/hero.png": "images/hero.1a.png", "images/bg 1.jpg": "images/bg 1.2b.jpg"},
    )

    assert 'src="images/hero.1a.png"' in html
    assert 'background="images/hero.1a.png"' in html
    assert "url(images/bg%201.2b.jpg)" in html
    assert " images/hero.png2" in html


@pytest.mark.parametrize("in_zip", ["NFC", "NFD"])
@pytest.mark.parametrize("in_page", ["NFC", "NFD"])
@pytest.mark.parametrize("spell", [str, quote])
def test_a_path_matches_whether_its_accents_are_letters_of_their_own_or_not(in_zip, in_page, spell):
    path, page = (f"images/{unicodedata.normalize(form, 'verão')}.png" for form in (in_zip, in_page))

    html = uploads.with_marked_paths(f'<img src="{spell(page)}">', {path: "images/v.1a.png"})

    assert html == '<img src="images/v.1a.png">'


@pytest.mark.django_db
class TestBringIn:
    def bring(self, delivery, files, **parts):
        by = person("prepare", delivery.unit)
        return uploads.bring_in(
            delivery=delivery, by=by, at=clock.now(), name="a.zip", file=a_zip(files), **parts
        )

    def test_the_page_is_the_next_version_and_the_pictures_are_served(self):
        delivery = DeliveryFactory()

        brought = self.bring(delivery, {"a.html": PAGE, "images/hero.png": PNG, "images/bg 1.jpg": JPEG})

        delivery.refresh_from_db()
        urls = rendering.asset_urls(delivery)
        assert delivery.content.number == 2
        assert brought.pictures == 2
        assert delivery.content.subject == "News for {{ profile.first_name|default('you') }}"
        assert all(path.replace(" ", "%20") in delivery.content.html for path in urls)
        assert all("/i/" in url for url in urls.values())

    def test_the_same_file_again_makes_no_version(self):
        delivery = DeliveryFactory()
        files = {"a.html": PAGE, "images/hero.png": PNG}

        first, second = self.bring(delivery, files), self.bring(delivery, files)

        assert first.content == second.content
        assert delivery.assets.count() == 1

    def test_another_picture_under_the_same_name_unseals_what_was_prepared(self):
        page = DeliveryFactory().content.html.replace("<body>", '<body><img src="images/hero.png" alt="">')
        delivery = DeliveryFactory()
        self.bring(delivery, {"a.html": page, "images/hero.png": PNG})
        by = person("prepare", delivery.unit)
        run = preparation.start(delivery=delivery, by=by, at=clock.now())
        preparation.run(preparation_id=run.pk)
        delivery.refresh_from_db()
        assert delivery.status == Status.AWAITING_APPROVAL

        self.bring(delivery, {"a.html": page, "images/hero.png": PNG + zlib.compress(b"other")})

        delivery.refresh_from_db()
        assert delivery.status == Status.DRAFT
        assert delivery.assets.count() == 2

    def test_pasted_html_finds_the_pictures_by_the_names_that_its_author_knows(self):
        delivery = DeliveryFactory()
        self.bring(delivery, {"a.html": PAGE, "images/hero.png": PNG})

        pasted = uploads.for_pasted(delivery, '<img src="images/hero.png">')

        assert pasted == f'<img src="{delivery.assets.get().path}">'
