"""The top bar is written once for all who see the same of it, and each sees what is theirs."""

from types import SimpleNamespace

import pytest
from django.template.context import Context
from django.test import RequestFactory
from django.utils import translation
from django.utils.functional import SimpleLazyObject

from campaign.templatetags.navigation import main_navigation


def bar(path: str = "/", *, waiting: int = 0, units: bool = False, is_staff: bool = False) -> str:
    request = RequestFactory().get(path)
    request.resolver_match = None
    return main_navigation(
        Context(
            {
                "request": request,
                "user": SimpleNamespace(is_staff=is_staff),
                "waiting_count": SimpleLazyObject(lambda: waiting),
                "administers_units": SimpleLazyObject(lambda: units),
            }
        )
    )


def test_each_reads_it_in_their_language() -> None:
    with translation.override("en"):
        english = bar()
    with translation.override("pt-br"):
        portuguese = bar()

    assert "Deliveries" in english
    assert "Entregas" in portuguese
    assert "Deliveries" not in portuguese


@pytest.mark.parametrize("waiting", [3, 4])
def test_each_sees_how_many_wait_for_them(waiting: int) -> None:
    assert f'<span class="badge">{waiting}</span>' in bar(waiting=waiting)


def test_where_nothing_waits_there_is_no_number() -> None:
    assert "badge" not in bar()


def test_the_desk_and_the_units_are_for_those_who_have_them() -> None:
    assert "/admin/" not in bar(units=True)
    assert "/admin/" in bar(is_staff=True)
    assert "/units/" not in bar(is_staff=True)
    assert "/units/" in bar(units=True)


@pytest.mark.parametrize("path", ["/deliveries/", "/profiles/7/", "/"])
def test_the_pages_own_section_is_marked(path: str) -> None:
    marked = [part for part in bar(path).split("<a ") if 'aria-current="page"' in part]

    assert [part.split('href="')[1].split('"')[0] for part in marked] == [path.replace("7/", "")]
