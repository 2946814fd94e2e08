"""Pictures that stand elsewhere are named for whoever decides, and nothing is fetched."""

import json
from io import StringIO

import pytest
from django.core.management import call_command
from django.urls import reverse

from deliveries.content import pictures
from deliveries.tests.factories import CONTENT, DeliveryFactory, person

OWN = "https://mail.example.com/i/"


def found(html):
    return {each.slots["host"]: each.slots["number"] for each in pictures.findings(html, own=OWN)}


@pytest.mark.parametrize(
    "html",
    [
        '<img src="https://cdn.example.net/a.png">',
        "<IMG SRC=' http://CDN.example.net/a.png'>",
        "<img src=//cdn.example.net/a.png>",
        '<img src="https://user@cdn.example.net:8443/a.png">',
        '<img srcset="https://cdn.example.net/a.png 2x">',
        '<td background="https://cdn.example.net/a.png">',
        '<p style="background:url(https://cdn.example.net/a.png)">',
        '<p style="background:url(&quot;https://cdn.example.net/a.png&quot;)">',
        "<style>p { background: url( 'https://cdn.example.net/a.png' ) }</style>",
        "<style>@import 'https://cdn.example.net/a.css';</style>",
        '<link rel="stylesheet" href="https://cdn.example.net/a.css">',
        '<video poster="https://cdn.example.net/a.png"></video>',
        '<!--[if mso]><v:fill src="https://cdn.example.net/a.png"/><![endif]-->',
        '<img src="https://cdn.example.net/{{ profile.segment }}.png">',
    ],
)
def test_it_is_named_by_its_host(html):
    assert [host.partition(":")[0] for host in found(html)] == ["cdn.example.net"]


@pytest.mark.parametrize(
    "html",
    [
        f'<img src="{OWN}0123.png">',
        '<img src="cid:logo"><img src="data:image/png;base64,AAAA">',
        '<img src="{{ _base }}/o/{{ _o }}.gif">',
        '<a href="https://www.example.com/">https://www.example.com/a.png</a>',
        "<!-- <img src='https://cdn.example.net/a.png'> -->",
    ],
)
def test_what_comes_with_the_message_or_from_here_and_what_is_only_linked_is_not(html):
    assert found(html) == {}


def test_each_host_is_named_once_with_its_number_and_many_are_summed_up():
    html = (
        "".join(f'<img src="https://h{number}.example/a.png">' for number in range(12))
        + '<img src="https://h3.example/b">'
    )

    said = pictures.findings(html, own=OWN)

    assert said[0].slots == {"host": "h3.example", "number": 2}
    assert (len(said), said[-1].slots) == (11, {"number": 2})
    assert {each.level for each in said} == {"info"}


@pytest.mark.django_db
def test_whoever_approves_reads_it_on_the_page_at_the_desk_and_by_command(client):
    html = CONTENT["html"].replace("<body>", '<body><img src="https://cdn.example.net/a.png" alt="">')
    delivery = DeliveryFactory(content={"html": html}, awaiting_approval=True)
    by = person("approve", delivery.unit)
    by.is_staff = True
    by.save()
    client.force_login(by)

    page = client.get(reverse("deliveries:approval", args=[delivery.pk])).content.decode()
    desk = client.get(f"/admin/deliveries/delivery/{delivery.pk}/step/approve/").content.decode()
    call_command("show_delivery", delivery.name, "--json", "--as", by.username, stdout=(out := StringIO()))

    for text in (page, desk, *json.loads(out.getvalue())["preparation"]["information"]):
        assert "Pictures or styles from cdn.example.net: 1." in text
    assert json.loads(out.getvalue())["preparation"]["warnings"] == []
    assert "Information: " in desk
