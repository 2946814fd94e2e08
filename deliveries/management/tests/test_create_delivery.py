"""A delivery is made from a file, whole or not at all, and a mistake in the file is named."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from accounts.models import User
from audiences.models import Audience
from audiences.targets import combining
from audiences.tests.factories import AudienceFactory, ProfileFactory
from deliveries.management import delivery_file
from deliveries.management.tests.calling import CONTENT, refused, run
from deliveries.models import Delivery

pytestmark = pytest.mark.django_db


def test_a_delivery_is_made_from_a_file(ana: User, file: Callable[..., Path]) -> None:
    answer = run("create_delivery", file(), "--as", "ana")

    delivery = Delivery.objects.get()
    assert answer["delivery"] == delivery.name
    assert answer["status"] == "draft"
    assert (delivery.label, delivery.unit.label, delivery.audience.label) == (
        "July offers",
        "Brasil",
        "Everybody",
    )
    assert delivery.content.subject == CONTENT["subject"]
    assert delivery.created_by == ana


def test_the_html_and_its_images_come_from_files_beside_it(
    ana: User, file: Callable[..., Path], tmp_path: Path
) -> None:
    (tmp_path / "mail.html").write_text('<img src="images/a.png">')
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "a.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    content = {key: value for key, value in CONTENT.items() if key != "html"}

    run(
        "create_delivery",
        file(content=content | {"html_file": "mail.html", "images": "images"}),
        "--as",
        "ana",
    )

    delivery = Delivery.objects.get()
    picture = delivery.assets.get()
    assert delivery.content.html == f'<img src="{picture.path}">'
    assert (delivery.content.number, delivery.content.subject) == (1, CONTENT["subject"])


def test_a_date_is_read_in_its_zone(ana: User, file: Callable[..., Path]) -> None:
    run(
        "create_delivery",
        file(schedule={"at": "2030-12-01T09:00", "zone": "America/Sao_Paulo"}),
        "--as", "ana",
    )  # fmt: skip

    assert Delivery.objects.get().contact_date.isoformat() == "2030-12-01T12:00:00+00:00"


def test_an_audience_can_be_made_along_with_it_and_once_only(ana: User, file: Callable[..., Path]) -> None:
    rule = {"field": "city", "is": "equal", "value": "Recife"}

    for _ in range(2):
        run("create_delivery", file(audience={"label": "Recife", "rule": rule}), "--as", "ana")

    assert Audience.objects.get(label="Recife").rule == rule


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"lable": "x"}, "lable"),
        ({"label": ""}, "label"),
        ({"label": "x" * 129}, "label"),
        ({"unit": "Atlantis"}, "unit"),
        ({"audience": "Nobody"}, "audience"),
        ({"audience": {"label": "x", "rule": []}}, "audience.rule"),
        ({"content": {"subjekt": "x"}}, "content.subjekt"),
        ({"content": {"subject": 3}}, "content.subject"),
        ({"content": {"html_file": "nowhere.html"}}, "content.html_file"),
        ({"content": {"html": "x", "html_file": "nowhere.html"}}, "content.html_file"),
        ({"content": {"images": "nowhere"}}, "content.images"),
        ({"schedule": {"at": "tomorrow"}}, "schedule.at"),
        ({"schedule": {"local": "tomorrow"}}, "schedule.local"),
        ({"schedule": {"local": "2030-12-01T09:00", "at": "now"}}, "schedule.at"),
        ({"schedule": {"local": "2030-12-01T09:00", "past": "never"}}, "schedule.past"),
        ({"schedule": {"at": "now", "past": "now"}}, "schedule.past"),
        ({"schedule": {"at": "now", "waves": {"number": 2, "size": 5, "minutes": 1}}}, "schedule.waves"),
        ({"schedule": {"at": "now", "waves": {"number": 2}}}, "schedule.waves.minutes"),
        ({"schedule": {"at": "2030-12-01T09:00+02:00"}}, "schedule.at"),
        ({"schedule": {"at": "2030-03-31T02:30", "zone": "Europe/Berlin"}}, "schedule.at"),
        ({"schedule": {"at": "now", "zone": "Mars/Olympus"}}, "schedule.zone"),
        ({"validity_hours": "84"}, "validity_hours"),
        ({"validity_hours": 0}, "validity_hours"),
        ({"approval_policy": "lax"}, "approval_policy"),
        ({"tracking": 1}, "tracking"),
        ({"route": "nowhere"}, "route"),
    ],
)
def test_a_mistake_in_the_file_is_named_by_its_field(
    ana: User, file: Callable[..., Path], changes: dict[str, Any], field: str
) -> None:
    with pytest.raises(CommandError, match=f"^{field}: ") as error:
        call_command("create_delivery", str(file(**changes)), "--as", "ana")

    assert error.value.returncode == 2
    assert not Delivery.objects.exists()


def test_a_file_that_is_no_json_is_named_with_its_line(ana: User, tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text('{\n"label": }')

    with pytest.raises(CommandError, match="line 2, column 10"):
        call_command("create_delivery", str(tmp_path / "x.json"), "--as", "ana")


def test_a_file_can_bring_a_delivery_up_to_date(ana: User, file: Callable[..., Path], tmp_path: Path) -> None:
    name = run("create_delivery", file(), "--as", "ana")["delivery"]
    change = tmp_path / "change.json"
    change.write_text(json.dumps({"label": "August offers", "content": {"subject": "New"}}))

    run("create_delivery", change, "--update", name, "--as", "ana")

    delivery = Delivery.objects.get()
    assert (delivery.label, delivery.content.subject, delivery.content.number) == ("August offers", "New", 2)
    assert delivery.content.text == CONTENT["text"]


def test_nothing_stays_of_a_delivery_whose_content_is_refused(ana: User, file: Callable[..., Path]) -> None:
    code = refused("create_delivery", file(unit="All"), "--as", "ana")

    assert code == (1, "forbidden")
    assert not Delivery.objects.exists()


def test_several_lists_and_rules_are_combined_with_and_without(ana: User, file: Callable[..., Path]) -> None:
    unit = ana.home_unit or Audience.objects.get(label="Everybody").unit
    staff = AudienceFactory(label="Staff", unit=unit, members=[ProfileFactory(unit=unit)])
    wanted = {"with": ["Everybody"], "without": [staff.pk]}

    for _ in range(2):
        run("create_delivery", file(audience=wanted), "--as", "ana")

    made = Audience.objects.get(label="Everybody − Staff")
    assert {delivery.audience for delivery in Delivery.objects.all()} == {made}
    assert [(part.audience.label, part.without, part.count) for part in combining.parts_of(made)] == [
        ("Everybody", False, 5),
        ("Staff", True, 1),
    ]


@pytest.mark.parametrize(
    "audience",
    [
        {"with": "Everybody"},
        {"with": []},
        {"without": ["Everybody"]},
        {"with": ["Nobody"]},
        {"with": ["Everybody"] * 21},
        {"with": [{"label": "Everybody"}]},
        {"with": [True]},
        {"with": ["x\0"]},
        {"with": ["Everybody"], "rule": {}},
        {"with": ["Everybody"], "but": []},
    ],
)
def test_what_can_not_be_combined_is_named(ana: User, file: Callable[..., Path], audience: Any) -> None:
    with pytest.raises(CommandError, match=r"^audience") as error:
        call_command("create_delivery", str(file(audience=audience)), "--as", "ana")

    assert error.value.returncode == 2
    assert not Delivery.objects.exists()


def test_a_number_of_thousands_of_digits_is_named(tmp_path: Path) -> None:
    file = tmp_path / "large.json"
    file.write_text('{"label": "x", "validity_hours": 1' + "0" * 6_000 + "}")

    with pytest.raises(delivery_file.BadDeliveryFile, match="number that is too large"):
        delivery_file.read(file)
