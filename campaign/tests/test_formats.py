"""Dates read alike on pages and at the desk, in each language."""

import re
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from django.conf import settings
from django.utils.formats import date_format
from django.utils.translation import override

from campaign.lib.reader_zone import spelled

NOON = datetime(2026, 11, 12, 14, 5, tzinfo=UTC)


@pytest.mark.parametrize(
    ("language", "moment", "day"),
    [("en", "12 Nov 2026, 14:05", "12 Nov 2026"), ("pt-br", "12/11/2026, 14:05", "12/11/2026")],
)
def test_the_desk_writes_moments_as_the_pages_do(language, moment, day):
    with override(language):
        assert date_format(NOON, "DATETIME_FORMAT") == moment
        assert date_format(NOON, "SHORT_DATE_FORMAT") == day


@pytest.mark.parametrize(
    ("language", "words"),
    [("en", "Thursday, 12 November 2026"), ("pt-br", "Quinta-feira, 12 de novembro de 2026")],
)
def test_months_are_small_where_the_language_has_them_small(language, words):
    with override(language):
        assert spelled(date(2026, 11, 12), "l, j F Y") == words


def test_no_page_shows_a_moment_as_machines_write_it():
    machines = re.compile(r'date:"[^"]*Y-m-d')

    showing = [
        path.name
        for path in Path(settings.BASE_DIR, "templates").rglob("*.html")
        if machines.search(path.read_text())
    ]

    assert showing == []
