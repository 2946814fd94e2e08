import hashlib

import pytest
from django.conf import settings
from django.test import Client

from audiences.models import ConsentEvent, Profile, SignUp
from campaign.lib import clock
from campaign.lib.tokens import Purpose, default_signer
from campaign.stack.module_db import once
from deliveries.models import Asset, Chunk, Doubt, Message, MessageStatus
from deliveries.tests.factories import DeliveryFactory
from deliveries.tests.ledger_rows import no_trigger
from feedback.agents import AgentKind
from feedback.models import Hit, HitKind
from feedback.subscribing import letters
from feedback.tests.factories import CHROME, PromptReader, link

pytestmark = pytest.mark.django_db

HTML = """<html><body><p>Hello {{ profile.first_name }}</p>
<a href="https://shop.example.com/offers?for={{ profile.first_name|urlencode }}">Offers</a>
<a href="{{ mirror_url }}">In the browser</a> <a href="{{ unsubscribe_url }}">Unsubscribe</a></body></html>"""


@once
def delivery():
    return DeliveryFactory(finished=True, content={"html": HTML})


@pytest.fixture
def reader():
    return PromptReader(headers={"user-agent": CHROME})


def profile_of(delivery, seq=1):
    return Profile.objects.get(pk=Message.objects.get(delivery=delivery, seq=seq).profile_id)


def tracked(delivery):
    links = delivery.preparation.compiled["links"]
    return next(one["index"] for one in links if one["kind"] == "tracked")


def test_a_picture_that_loads_is_an_open(reader, delivery):
    response = reader.get(link(delivery, "o", seq=2))

    assert (response.status_code, response["Content-Type"], len(response.content)) == (200, "image/gif", 43)
    assert "no-store" in response["Cache-Control"]
    hit = Hit.objects.get(delivery=delivery)
    assert (hit.seq, hit.kind, hit.agent_kind) == (2, HitKind.OPEN, AgentKind.HUMAN)


def test_a_click_leads_to_the_link_filled_in_for_its_reader(reader, delivery):
    profile = profile_of(delivery)

    response = reader.get(link(delivery, "c", index=tracked(delivery)))

    assert response.status_code == 302
    assert (
        response["Location"]
        == f"https://shop.example.com/offers?for={profile.first_name.replace(' ', '%20')}"
    )
    assert response["Referrer-Policy"] == "no-referrer"
    assert Hit.objects.get(delivery=delivery).link == tracked(delivery)


def test_a_later_edit_of_the_profile_does_not_change_where_a_link_leads(reader, delivery):
    Profile.objects.update(first_name="Somebody")

    response = reader.get(link(delivery, "c", index=tracked(delivery)))

    assert "Somebody" not in response["Location"]


def test_a_link_that_the_delivery_does_not_have_leads_nowhere(reader, delivery):
    response = reader.get(link(delivery, "c", index=77))

    assert response.status_code == 410
    assert not Hit.objects.exists()


@pytest.mark.parametrize("path", ["/o/{}.gif", "/c/{}", "/m/{}", "/u/{}"])
@pytest.mark.parametrize("token", ["preview", "x" * 36, "A" * 54, "../etc", "%00"])
def test_a_bad_token_says_nothing_but_that(reader, path, token):
    response = reader.get(path.format(token))

    assert response.status_code == 404
    assert not Hit.objects.exists()


@pytest.mark.parametrize("letter", ["c", "m", "u"])
def test_a_token_for_one_purpose_is_worthless_for_another(reader, delivery, letter):
    token = default_signer().sign(Purpose.OPEN, delivery.key, 1)

    response = reader.post(f"/u/{token}") if letter == "u" else reader.get(f"/{letter}/{token}")

    assert response.status_code == 404
    assert not profile_of(delivery).no_email


def test_a_delivery_that_is_gone_has_a_friendly_page(reader):
    token = default_signer().sign(Purpose.CLICK, 12345, 1)

    response = reader.get(f"/c/{token}")

    assert response.status_code == 410
    assert "no longer here" in response.content.decode()


def test_what_was_never_sent_has_no_links(reader):
    delivery = DeliveryFactory(ready=True)

    assert reader.get(link(delivery, "m")).status_code == 410


def test_the_mirror_page_is_what_was_sent_and_runs_no_script(reader, delivery):
    profile = profile_of(delivery)

    response = reader.get(link(delivery, "m"))

    assert f"Hello {profile.first_name}" in response.content.decode()
    assert response["Content-Security-Policy"].startswith("sandbox ")
    assert "allow-scripts" not in response["Content-Security-Policy"]
    assert Hit.objects.get(delivery=delivery).kind == HitKind.MIRROR


def test_looking_at_the_unsubscribe_page_changes_nothing(reader, delivery):
    response = reader.get(link(delivery, "u"))

    assert response.status_code == 200
    assert not profile_of(delivery).no_email
    assert not Hit.objects.exists()
    assert profile_of(delivery).email not in response.content.decode()


def test_the_button_opts_out_and_the_log_says_by_which_delivery(reader, delivery):
    response = reader.post(link(delivery, "u"))

    assert response.status_code == 200
    assert profile_of(delivery).no_email
    event = ConsentEvent.objects.get()
    assert (event.opted_out, event.reference, event.by) == (True, f"delivery {delivery.pk}", None)
    assert Hit.objects.get(delivery=delivery).kind == HitKind.UNSUBSCRIBE


def test_one_click_of_a_mail_program_opts_out_without_cookie_or_csrf(delivery):
    strict = PromptReader(enforce_csrf_checks=True)

    response = strict.post(link(delivery, "u"), {"List-Unsubscribe": "One-Click"})

    assert response.status_code == 200
    assert not response.cookies
    assert profile_of(delivery).no_email


def test_a_mistake_is_undone_by_a_mail_to_the_address_and_not_by_whoever_holds_the_link(
    reader, delivery, mailoutbox
):
    page = reader.post(link(delivery, "u")).content.decode()

    reader.post(link(delivery, "u"), {"action": "undo"})

    assert 'value="undo"' in page
    assert profile_of(delivery).no_email
    letters.mail(clock.now())
    assert mailoutbox[0].to == [profile_of(delivery).email]
    reader.post(letters.link(SignUp.objects.get()).removeprefix(settings.PUBLIC_URL))
    assert not profile_of(delivery).no_email
    assert ConsentEvent.objects.latest("pk").network == "127.0.0.0/24"


def test_a_link_undoes_no_opt_out_but_its_own(reader, delivery):
    profile = profile_of(delivery)
    Profile.objects.filter(pk=profile.pk).update(no_email=True)

    reader.post(link(delivery, "u"), {"action": "undo"})

    assert profile_of(delivery).no_email


@pytest.mark.parametrize(
    ("language", "button"), [("pt-BR", "pt-br"), ("pt_br", "pt-br"), ("en-GB", "en"), ("pt", "pt-br")]
)
def test_the_page_speaks_the_profile_s_language(reader, delivery, language, button):
    Profile.objects.update(language=language)

    page = reader.get(link(delivery, "u")).content.decode()

    assert f'<html lang="{button}">' in page


def test_an_unknown_language_is_the_browser_s(reader, delivery):
    Profile.objects.update(language="tlh")

    page = reader.get(link(delivery, "u"), headers={"accept-language": "pt-BR"}).content.decode()

    assert '<html lang="pt-br">' in page


def test_a_profile_that_is_gone_is_no_obstacle(reader, delivery):
    Profile.objects.filter(pk=profile_of(delivery).pk).delete()

    assert reader.post(link(delivery, "u")).status_code == 200


@pytest.mark.parametrize("letter", ["o", "c", "m"])
def test_a_machine_s_hit_is_kept_as_one(delivery, letter):
    machine = PromptReader(headers={"user-agent": "Mozilla/5.0 (compatible; Barracuda/5.0)"})

    machine.head(link(delivery, letter, index=tracked(delivery)))

    assert Hit.objects.get(delivery=delivery).agent_kind == AgentKind.MACHINE


def test_a_machine_that_opts_out_for_its_reader_does_and_one_that_only_looks_does_not(delivery):
    machine = PromptReader(headers={"user-agent": "Go-http-client/2.0"}, REMOTE_ADDR="203.0.113.77")

    machine.get(link(delivery, "u"))
    machine.head(link(delivery, "u"))
    assert not profile_of(delivery).no_email
    machine.post(link(delivery, "u"), {"List-Unsubscribe": "One-Click"})

    assert profile_of(delivery).no_email
    hit = Hit.objects.get(delivery=delivery)
    assert (hit.agent_kind, hit.method, hit.network) == (AgentKind.UNSURE, "POST", "203.0.113.0/24")


def test_a_user_agent_of_any_kind_can_be_stored(delivery):
    odd = PromptReader(headers={"user-agent": "x\x00\udce9" + "y" * 5000})

    odd.get(link(delivery, "o"))

    assert len(Hit.objects.get(delivery=delivery).agent) == 200


@pytest.mark.parametrize("letter", ["o", "c", "m"])
def test_a_signed_hit_resolves_doubt(reader, delivery, letter):
    with no_trigger("keep_tallies"):
        Message.objects.filter(delivery=delivery, seq=1).update(status=MessageStatus.IN_DOUBT)
    Doubt.objects.create(delivery=delivery, seq=1, since=delivery.created_at, token=1)
    Chunk.objects.filter(delivery=delivery).update(sent=2, in_doubt=1)

    reader.get(link(delivery, letter, index=tracked(delivery)))

    chunk = Chunk.objects.get(delivery=delivery)
    assert (chunk.sent, chunk.in_doubt) == (3, 0)
    assert Message.objects.get(delivery=delivery, seq=1).status == MessageStatus.SENT
    assert not Doubt.objects.exists()


def test_a_personalised_click_reads_one_row_and_the_rest_asks_nothing(delivery, django_assert_num_queries):
    reader = Client(headers={"user-agent": CHROME})
    reader.get(link(delivery, "c", index=tracked(delivery)))

    with django_assert_num_queries(0):
        reader.get(link(delivery, "o", seq=2))
    with django_assert_num_queries(1):
        reader.get(link(delivery, "c", seq=2, index=tracked(delivery)))


def test_a_picture_of_a_content_may_be_kept_for_ever(reader, delivery):
    data = b"\x89PNG\r\n\x1a\n..."
    digest = hashlib.sha256(data).hexdigest()
    Asset.objects.create(delivery=delivery, path="a.png", sha256=digest, media_type="image/png", data=data)

    response = reader.get(f"/i/{digest}.png")

    assert response.content == data
    assert "immutable" in response["Cache-Control"]
    assert response["X-Content-Type-Options"] == "nosniff"


def test_only_pictures_are_served(reader, delivery):
    digest = "a" * 64
    Asset.objects.create(
        delivery=delivery, path="a.html", sha256=digest, media_type="text/html", data=b"<script>"
    )

    assert reader.get(f"/i/{digest}.html").status_code == 404
