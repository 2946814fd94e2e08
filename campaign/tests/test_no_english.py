"""A page in Portuguese says nothing in English that has its Portuguese: looked for on every page there is."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from babel.messages.pofile import read_po
from django.conf import settings
from django.test import Client
from django.utils import translation
from selectolax.lexbor import LexborHTMLParser

from accounts.models import Role
from accounts.roles import SHIPPED, root
from accounts.tests.factories import UnitFactory, UserFactory
from audiences.tests.factories import AttributeFactory, AudienceFactory, TestProfileFactory
from campaign.lib.jobs import Queue
from campaign.stack.messages import compile_all
from campaign.tests.crawling import known, mounted
from deliveries.tests.factories import DeliveryFactory

pytestmark = [pytest.mark.django_db, pytest.mark.slow]

CATALOGUE = Path(settings.BASE_DIR) / "locale" / "pt_BR" / "LC_MESSAGES" / "django.po"
SAID_IN_ATTRIBUTES = ("aria-label", "title", "placeholder", "alt")
# What is data, code, or the name of a language or a thing that is the same everywhere.
NOT_READ = (
    "script, style, code, pre, textarea, [lang=en], [translate=no], select[name=language], footer .languages"
)
# A frame shows what an author wrote.
NOT_OURS = ("frame/",)
# Words that the desk's package holds ready for scripts on each page, and the name of a language.
NOT_SAID = {"rule", "label", "English"}


@pytest.fixture(scope="module")
def english() -> set[str]:
    """The texts of ours that read otherwise in Portuguese."""
    with CATALOGUE.open("rb") as file:
        return {
            message.id
            for message in read_po(file)
            if isinstance(message.id, str) and len(message.id) > 3 and message.id != message.string
        }


@pytest.fixture(autouse=True)
def in_portuguese() -> Iterator[None]:
    compile_all(Path(settings.BASE_DIR))
    translation.trans_real._translations.clear()  # type: ignore[attr-defined]  # no part of its stubs
    with translation.override("en"):
        yield


def said(html: str) -> set[str]:
    """What stands on a page as people read it or hear it, each run of text by itself."""
    page = LexborHTMLParser(html)
    for node in page.css(NOT_READ):
        node.decompose()
    found = set()
    for node in page.css("body, body *"):
        found |= {text for name in SAID_IN_ATTRIBUTES if (text := node.attributes.get(name))}
        found |= {child.text_content or "" for child in node.iter(include_text=True) if child.tag == "-text"}
    return {" ".join(text.split()) for text in found}


def test_no_page_says_in_english_what_has_its_portuguese(english: set[str]) -> None:
    unit = UnitFactory(label="Brasil")
    boss: Any = UserFactory(
        is_staff=True, is_superuser=True, roles=dict.fromkeys(SHIPPED, root()), home_unit=root()
    )
    DeliveryFactory(unit=unit, finished=True, label="Natal")
    DeliveryFactory(unit=unit, label="Páscoa")
    AudienceFactory(unit=unit, label="Todos")
    AttributeFactory()
    TestProfileFactory(unit=unit)
    client = Client()
    client.force_login(boss)
    client.cookies[settings.LANGUAGE_COOKIE_NAME] = "pt-br"
    first = dict(reversed(list(mounted(known()))))
    pages, strays = 0, []

    names = {text for row in Role.objects.values_list("pk", "label", "description") for text in row}
    names |= {*NOT_SAID, *Queue}
    for route, address in first.items():
        if route.endswith(NOT_OURS):
            continue
        answer = client.get(address)
        if answer.status_code != 200 or "text/html" not in answer.get("Content-Type", ""):
            continue
        pages += 1
        strays += [f"{route}: {text}" for text in sorted(said(answer.content.decode()) & english - names)]

    assert pages > 80
    assert strays == []
