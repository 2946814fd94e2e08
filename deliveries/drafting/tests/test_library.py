"""The picture library of a unit: what is taken, what is refused, what shows it; pages, desk, commands."""

import io
import struct
import zipfile
import zlib

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from accounts.tests.factories import UnitFactory, UserFactory
from campaign.lib import clock
from deliveries import drafting
from deliveries.drafting import library, picture_octets, picture_uses, uploads
from deliveries.management.tests.calling import refused, run
from deliveries.models import Delivery, Picture, PictureUse
from deliveries.tests.factories import DeliveryFactory


def picture(kind="PNG", size=(8, 6), **more):
    file = io.BytesIO()
    Image.new("RGB", size, "#336699").save(file, kind, **more)
    return file.getvalue()


def noted(words):
    info = PngInfo()
    info.add_text("Comment", words)
    return info


def bomb():
    """A PNG of some octets that says it has 2.5 thousand million pixels."""
    parts = [
        (b"IHDR", struct.pack(">IIBBBBB", 50_000, 50_000, 8, 2, 0, 0, 0)),
        (b"IDAT", zlib.compress(bytes(1000))),
        (b"IEND", b""),
    ]
    chunks = (
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        for kind, body in parts
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


# -- what is a picture: no database


@pytest.mark.parametrize(("kind", "media_type"), [("PNG", "image/png"), ("JPEG", "image/jpeg"), ("GIF", "image/gif"), ("WEBP", "image/webp")])  # fmt: skip
def test_pictures_that_mail_can_show_are_measured(kind, media_type):
    found = library.taken(picture(kind), name="a")

    assert (found.media_type, found.width, found.height) == (media_type, 8, 6)
    assert found.octets == picture(kind)


@pytest.mark.parametrize(
    ("octets", "refusal"),
    [
        (b"", library.NoPicture),
        (b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>', library.NoPicture),
        (b"GIF89a<script>alert(1)</script>", library.NoPicture),
        (picture()[:-30], library.NoPicture),
        (picture("TIFF"), library.NoPicture),
        (bomb(), library.PictureTooLarge),
    ],
)
def test_anything_else_is_refused(octets, refusal):
    with pytest.raises(refusal):
        library.taken(octets, name="a")


def said(turned=1):
    """What a camera says of a picture: how it was held, where, who took it."""
    exif = Image.Exif()
    exif[0x0112], exif[0x010E], exif[0x013B] = turned, "by the river", "Ana Souza"
    exif.get_ifd(0x8825).update({1: "S", 2: (23.0, 33.0, 1.0)})
    return exif


@pytest.mark.parametrize(
    ("octets", "size"),
    [
        (picture("JPEG", exif=said()), (8, 6)),
        (picture("JPEG", exif=said(turned=6)), (6, 8)),
        (picture("JPEG", comment=b"by the river"), (8, 6)),
        (picture("JPEG", xmp=b"<x>by the river</x>"), (8, 6)),
        (picture("PNG", exif=said(turned=8)), (6, 8)),
        (picture("PNG", pnginfo=noted("by the river")), (8, 6)),
        (picture("WEBP", exif=said(turned=3)), (8, 6)),
    ],
    ids=["jpeg", "jpeg-turned", "jpeg-comment", "jpeg-xmp", "png-turned", "png-text", "webp-turned"],
)
def test_where_and_by_whom_a_picture_was_taken_is_not_kept_and_it_stands_upright(octets, size):
    assert b"by the river" in octets
    assert picture_octets.may_say_more(octets) or b"\xff\xfe" in octets

    found = library.taken(octets, name="a")

    with Image.open(io.BytesIO(found.octets)) as kept:
        kept.load()
        assert (kept.size, (found.width, found.height)) == (size, size)
        assert not kept.getexif()
        assert kept.convert("RGB").getpixel((0, 0))[2] > 120
    assert not any(word in found.octets for word in (b"by the river", b"Ana Souza"))


def test_pictures_of_a_zip_are_kept_without_it_too():
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("index.html", '<img src="a.jpg"><img src="b.png">')
        archive.writestr("a.jpg", picture("JPEG", exif=said(turned=6)))
        archive.writestr("b.png", picture())
    file.seek(0)

    taken = {one.path: one.octets for one in uploads.read("page.zip", file).pictures}

    assert b"Ana Souza" not in taken["a.jpg"]
    assert Image.open(io.BytesIO(taken["a.jpg"])).size == (6, 8)
    assert taken["b.png"] == picture()


def test_pictures_of_ours_are_found_in_a_page_each_once():
    one, two = "a" * 64, "b" * 64
    html = f'<img src="https://x.example/i/{one}.png"><td background="/i/{two}.gif"><img src="/i/{one}.png">/i/{"c" * 63}.png'

    assert picture_uses.shown(html) == [one, two]


# -- the library


def sent(unit, octets=None, name="hero.png", **more):
    file = SimpleUploadedFile(name, octets or picture(), content_type="image/png")
    return {"unit": unit.pk, "alt": "Cherries on a branch", "name": "", "file": file} | more


def test_a_picture_is_added_served_to_everybody_shown_and_then_stays(client, unit, ana):
    answer = client.post(reverse("deliveries:pictures"), sent(unit), follow=True)
    hero = Picture.objects.get()
    assert (hero.name, hero.alt, hero.width, hero.height, hero.added_by) == (
        "hero",
        "Cherries on a branch",
        8,
        6,
        ana,
    )
    assert hero.address in answer.text
    client.logout()
    served = client.get(hero.path)
    assert (served.content, served["Content-Type"]) == (picture(), "image/png")
    client.force_login(ana)

    draft = DeliveryFactory(unit=unit, by=ana)
    editor = client.get(reverse("deliveries:content", args=[draft.pk])).text
    assert "alt=&quot;Cherries on a branch&quot;" in editor or 'alt="Cherries on a branch"' in editor
    html = f'<p>x <img src="{hero.address}" alt="{hero.alt}"></p>'
    drafting.write(delivery=draft, by=ana, at=clock.now(), html=html)
    copy = drafting.duplicate(delivery=Delivery.objects.get(pk=draft.pk), by=ana)

    assert picture_uses.uses_of([hero.sha256]) == {hero.sha256: 2}
    page = client.get(reverse("deliveries:picture", args=[hero.pk])).text
    assert draft.label in page
    assert copy.label in page
    answer = client.post(reverse("deliveries:picture-remove", args=[hero.pk]), follow=True)
    assert "a picture that mail shows stays" in answer.text
    assert "Shown in 2" in client.get(reverse("deliveries:pictures")).text


def test_an_alternative_text_is_asked_for(client, unit, ana):
    answer = client.post(reverse("deliveries:pictures"), sent(unit, alt=" "))
    assert "Say what the picture shows" in answer.text
    client.post(reverse("deliveries:pictures"), sent(unit, alt="", ornament="on"))

    assert Picture.objects.get().alt == ""


@pytest.mark.parametrize(
    ("octets", "says"),
    [(b"<svg onload=alert(1)>", "is no picture that mail can show"), (b"\x89PNG\r\n\x1a\n" + b"x" * 5 * 1024 * 1024, "is too large")],
)  # fmt: skip
def test_what_is_no_picture_is_refused_with_the_cause(client, unit, ana, octets, says):
    assert says in client.post(reverse("deliveries:pictures"), sent(unit, octets)).text
    assert not Picture.objects.exists()


def test_a_picture_is_there_once_and_units_beside_see_none(client, unit, ana):
    client.post(reverse("deliveries:pictures"), sent(unit))
    assert "has this picture already" in client.post(reverse("deliveries:pictures"), sent(unit)).text

    other = UserFactory(roles={"prepare": UnitFactory()})
    client.force_login(other)
    hero = Picture.objects.get()
    assert hero.name not in client.get(reverse("deliveries:pictures")).text
    assert client.get(reverse("deliveries:picture", args=[hero.pk])).status_code == 404


def test_at_the_desk_and_by_commands(client, unit, ana, tmp_path):
    path = tmp_path / "mark.gif"
    path.write_bytes(picture("GIF"))
    added = run("add_picture", path, "--alt", "Our mark", "--unit", unit.label, "--as", "ana")
    where = reverse("admin:deliveries_picture_change", args=[added["picture"]])
    assert client.get(where).status_code == 200
    client.post(where, {"name": "Mark", "alt": "The mark"})
    client.post(
        reverse("admin:deliveries_picture_add"),
        sent(unit) | {"name": "Second"} | {"file": SimpleUploadedFile("b.png", picture(size=(9, 9)))},
    )

    listed = run("list_pictures", "--as", "ana")["pictures"]
    assert [(each["name"], each["alt"], each["shown_in"]) for each in listed] == [
        ("Second", "Cherries on a branch", 0),
        ("Mark", "The mark", 0),
    ]
    assert refused("add_picture", path, "--alt", "Again", "--unit", unit.label, "--as", "ana") == (
        1,
        "picture_there",
    )
    run("list_pictures", "--remove", added["picture"], "--as", "ana")
    assert Picture.objects.count() == 1
    assert not PictureUse.objects.exists()
