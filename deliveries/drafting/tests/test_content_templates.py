"""Templates of content: kept, written, begun with; on the pages, at the desk, by commands."""

import re

import pytest
from django.urls import reverse

from accounts.models import AuditEvent
from accounts.tests.factories import UnitFactory, UserFactory
from campaign.lib import clock
from deliveries import drafting
from deliveries.content.compile import compile_content
from deliveries.content.source import Field, Source
from deliveries.drafting import content_templates, shipped
from deliveries.management.tests.calling import refused, run
from deliveries.models import Asset, ContentTemplate, Delivery, Sender
from deliveries.tests.factories import CONTENT, DeliveryFactory, person
from deliveries.tests.zips import PNG

FIELDS = [Field("first_name", "text", "First name")]


# -- what comes with the product: pure


@pytest.mark.parametrize("each", shipped.all_of_them(), ids=lambda each: each.key)
def test_what_is_shipped_compiles_without_a_word_of_complaint(each):
    source = Source(each.subject, each.preheader, "", "news@example.com", "", each.html, each.text)

    compiled, findings = compile_content(source, fields=FIELDS)

    assert [str(finding) for finding in findings if finding.code != "no_text_part"] == []
    assert compiled.text
    assert "[[" not in each.html


@pytest.mark.parametrize("each", shipped.all_of_them(), ids=lambda each: each.key)
def test_what_is_shipped_is_read_by_ear_on_a_phone_and_in_the_dark(each):
    assert f'<html lang="{"pt-BR" if each.language == "pt-br" else "en"}">' in each.html
    assert each.html.count("<table") == each.html.count('role="presentation"')
    assert each.html.count("<h1>") == 1
    assert all('alt="' in image for image in re.findall("<img[^>]*>", each.html))
    assert "prefers-color-scheme: dark" in each.html
    assert "max-width: 619px" in each.html
    assert not re.search(r">\s*(click here|clique aqui|here|aqui)\s*</a>", each.html, re.I)


def luminance(colour):
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (
        part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize(
    ("text", "ground"),
    [("#14213d", "#ffffff"), ("#33415c", "#ffffff"), ("#33415c", "#e6edf9"), ("#1f4fa8", "#ffffff"), ("#1f4fa8", "#e6edf9"),
     ("#ffffff", "#1f4fa8"), ("#56627a", "#ffffff"), ("#f3f6fb", "#18212f"), ("#d5dceb", "#18212f"), ("#d5dceb", "#22304a"),
     ("#9dbdf5", "#18212f"), ("#9dbdf5", "#22304a"), ("#0e141f", "#9dbdf5"), ("#aab6cb", "#18212f")],
)  # fmt: skip
def test_its_colours_can_be_told_apart(text, ground):
    html = shipped.named("letter.en").html
    lighter, darker = sorted((luminance(text), luminance(ground)), reverse=True)

    assert text in html
    assert ground in html
    assert (lighter + 0.05) / (darker + 0.05) >= 4.5


# -- of units


@pytest.fixture
def shop(unit, ana):
    """A delivery of the unit with a picture in its content, and one in its upload alone."""
    html = CONTENT["html"].replace("<p>Hello", '<img src="hero.0123456789ab.png" alt="Harvest"><p>Hello')
    delivery = DeliveryFactory(unit=unit, by=ana, label="Shop", content={"html": html})
    for name, sha in (("hero", "a" * 64), ("unused", "b" * 64)):
        path = f"{name}.0123456789ab.png"
        Asset.objects.create(delivery=delivery, path=path, sha256=sha, media_type="image/png", data=PNG)
    return delivery


def kept(delivery, ana, label="Monthly"):
    return content_templates.keep(delivery=delivery, unit=delivery.unit, label=label, by=ana, at=clock.now())


def fresh(delivery):
    return Delivery.objects.get(pk=delivery.pk)


def test_a_content_is_kept_with_its_pictures_and_begun_with_elsewhere(client, unit, ana, shop):
    Sender.objects.create(unit=unit, address="unit@serra.example", name="Unit")
    client.post(
        reverse("deliveries:keep-template", args=[shop.pk]), {"label": " Monthly  letter ", "unit": unit.pk}
    )
    template = ContentTemplate.objects.get()
    assert (template.label, [each.path for each in template.pictures.all()]) == (
        "Monthly letter",
        ["hero.0123456789ab.png"],
    )
    draft = drafting.create(by=ana, unit=unit, label="New")

    page = client.get(reverse("deliveries:begin", args=[draft.pk])).text
    assert "Monthly letter" in page
    client.post(reverse("deliveries:begin", args=[draft.pk]), {"template": template.pk})

    content = fresh(draft).content
    assert (content.html, content.subject) == (shop.content.html, shop.content.subject)
    assert content.from_address == "unit@serra.example"
    assert [each.path for each in draft.assets.all()] == ["hero.0123456789ab.png"]
    assert [event.action for event in AuditEvent.objects.order_by("pk")][-2:] == [
        "write_content",
        "begin_with_template",
    ]
    shop.assets.all().delete()
    draft.assets.all().delete()
    assert client.get(f"/i/{'a' * 64}.png").status_code == 200  # the template's own


def test_what_was_written_before_stays_a_version_and_keeps_its_sender(client, ana, shop):
    client.post(reverse("deliveries:begin", args=[shop.pk]), {"template": "offer.pt-br"})

    content = fresh(shop).content
    assert (content.number, content.from_address) == (2, CONTENT["from_address"])
    assert "A oferta em uma linha" in content.html


def test_a_delivery_begins_as_the_last_one_of_its_unit(client, unit, ana, shop):
    DeliveryFactory(unit=UnitFactory(), label="Elsewhere")
    draft = drafting.create(by=ana, unit=unit, label="New")

    client.post(reverse("deliveries:begin", args=[draft.pk]), {"last": "1"})

    content = fresh(draft).content
    assert (content.html, content.from_name) == (shop.content.html, "Serra Alta")
    assert draft.assets.get().path == "hero.0123456789ab.png"


def test_whoever_wrote_it_can_not_approve_what_begins_with_it(unit, ana, shop):
    bruno = UserFactory(roles={"prepare": unit})
    draft = drafting.create(by=bruno, unit=unit, label="New")

    content_templates.begin_with(delivery=draft, template=kept(shop, ana), by=bruno, at=clock.now())

    assert ana.pk in fresh(draft).inherited_authors


def test_templates_of_units_beside_are_neither_seen_nor_begun_with(client, unit, ana, shop):
    other = DeliveryFactory(unit=UnitFactory())
    theirs = kept(other, person("prepare", other.unit), "Theirs")

    assert "Theirs" not in client.get(reverse("deliveries:templates")).text
    for address in (
        f"/templates/{theirs.pk}/",
        f"/templates/{theirs.pk}/frame/",
        "/templates/nothing/frame/",
    ):
        assert client.get(address).status_code == 404
    assert (
        client.post(reverse("deliveries:begin", args=[shop.pk]), {"template": theirs.pk}).status_code == 404
    )
    with pytest.raises(content_templates.NoSuchTemplate):
        content_templates.begin_with(delivery=shop, template=theirs, by=ana, at=clock.now())


def test_a_template_is_written_changed_and_deleted_on_its_page(client, unit, ana):
    typed = {
        "label": "Mine",
        "unit": unit.pk,
        "subject": "S",
        "preheader": "",
        "html": "<p>one</p>\r\n",
        "text": "",
    }
    begun = client.get(reverse("deliveries:template-create") + "?as=letter.en").context["form"]
    assert "What this letter is about" in begun["html"].value()
    client.post(reverse("deliveries:template-create"), typed)
    template = ContentTemplate.objects.get()
    where = reverse("deliveries:template", args=[template.pk])

    taken = client.post(reverse("deliveries:template-create"), typed)
    assert "has a template “Mine” already" in taken.text
    client.post(where, typed | {"html": "<p>two</p>"})

    template.refresh_from_db()
    assert (template.html, template.changed_by) == ("<p>two</p>", ana)
    frame = client.get(reverse("deliveries:template-frame", args=[template.pk]))
    assert "two" in frame.text
    assert frame["Content-Security-Policy"].startswith("sandbox")
    client.post(reverse("deliveries:template-delete", args=[template.pk]))
    assert not ContentTemplate.objects.exists()


def test_at_the_desk_and_by_commands(client, unit, ana, shop):
    answer = run("save_template", f"DM{shop.pk}", "--label", "Monthly", "--as", "ana")
    where = reverse("admin:deliveries_contenttemplate_change", args=[answer["template"]])
    client.post(
        where,
        {"unit": unit.pk, "label": "Weekly", "subject": "", "preheader": "", "html": "<p>x</p>", "text": ""},
    )
    draft = drafting.create(by=ana, unit=unit, label="New")

    listed = run("list_templates", "--as", "ana")["templates"]
    assert listed[0]["label"] == "Weekly"
    assert {"newsletter.en", "offer.pt-br"} <= {each["template"] for each in listed}
    run("begin_content", draft.pk, listed[0]["template"], "--as", "ana")
    assert fresh(draft).content.html == "<p>x</p>"
    run("begin_content", draft.pk, "--of", f"DM{shop.pk}", "--as", "ana")
    run("begin_content", draft.pk, "letter.pt-br", "--as", "ana")
    assert run("begin_content", draft.pk, "--last", "--as", "ana")["version"] == 4
    assert refused("begin_content", draft.pk, "nothing.en", "--as", "ana") == (1, "no_such_template")
    run("save_template", "--delete", answer["template"], "--as", "ana")
    assert not ContentTemplate.objects.exists()


@pytest.mark.parametrize(
    ("parts", "code"),
    [({"label": " "}, "template_unnamed"), ({"label": "x" * 129}, "template_unnamed"), ({"html": "x" * (2 * 1024 * 1024 + 1)}, "template_too_long")],
)  # fmt: skip
def test_what_can_be_no_template_is_refused(unit, ana, parts, code):
    with pytest.raises(drafting.drafts.Refusal) as refusal:
        content_templates.save(**{"unit": unit, "label": "A", "by": ana, "at": clock.now(), **parts})

    assert refusal.value.code == code


def test_a_unit_has_so_many(unit, ana):
    at = clock.now()
    ContentTemplate.objects.bulk_create(
        ContentTemplate(unit=unit, label=f"{n}", changed_at=at) for n in range(200)
    )

    with pytest.raises(content_templates.TooManyTemplates):
        content_templates.save(unit=unit, label="One more", by=ana, at=at)
