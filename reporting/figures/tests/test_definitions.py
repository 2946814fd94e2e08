"""One file says what each figure is; whatever shows one takes it from there."""

from dataclasses import fields
from urllib.parse import parse_qsl

import pytest
from django.http import QueryDict
from django.utils.translation import override

from reporting.figures import kpis
from reporting.figures.kpis import BY_CODE, DEFINITIONS, NAMED, Counts
from reporting.logs import logs

NAMES = {field.name for field in fields(Counts)} | {"sent", "prepared", "opens_tracked", "clicks_tracked"}


def test_every_count_has_a_name_and_every_name_is_a_count():
    assert set(NAMED) == NAMES


@pytest.mark.parametrize("named", NAMED.values(), ids=str)
def test_the_log_knows_the_filter_of_each_count(named):
    log = logs.LOGS[named.log]

    assert logs.chosen(log, QueryDict(named.rows)) == dict(parse_qsl(named.rows))


def test_a_sum_is_the_sum_of_its_parts():
    counts = Counts(**{field.name: 2**at for at, field in enumerate(fields(Counts))})

    for named in NAMED.values():
        if named.sums:
            assert getattr(counts, named.name) == sum(getattr(counts, part) for part in named.sums)


@pytest.mark.parametrize("definition", DEFINITIONS, ids=lambda one: one.code)
def test_a_rate_is_its_count_divided_by_its_base(definition):
    counts = Counts(to_deliver=40, delivered=15, failed=5, openers=6, clickers=3, unsubscribers=1)
    number, base = getattr(counts, definition.count), definition.base and getattr(counts, definition.base)

    assert definition.number(counts) == number
    assert definition.rate(counts) == (kpis.rate(number, base) if base else None)


@pytest.mark.parametrize(
    ("language", "formula"),
    [
        ("en", "People who opened ÷ Delivered with open tracking"),
        ("pt-br", "Pessoas que abriram ÷ Entregues com rastreamento de aberturas"),
    ],
)
def test_a_formula_is_said_in_the_words_of_its_counts(language, formula):
    with override(language):
        assert BY_CODE["opens"].formula == formula


def test_a_sum_says_its_parts_and_a_plain_count_needs_no_formula():
    assert BY_CODE["sent"].formula == "Delivered + Bounces and errors"
    assert BY_CODE["to_deliver"].formula == ""
