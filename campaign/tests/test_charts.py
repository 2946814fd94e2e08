"""Columns on a line of time, as the numbers of a drawing."""

from datetime import UTC, datetime, timedelta

import pytest
from django.template.loader import render_to_string
from django.utils.translation import override

from campaign.lib import charts
from campaign.lib.charts import FLOOR, HEIGHT, TOP, WIDTH, Place, Series
from deliveries.overview import plan_chart
from deliveries.schedule.plan_report import Plan, PlanRow

NOON = datetime(2026, 11, 12, 12, tzinfo=UTC)
SERIES = [Series("opens", "blue"), Series("clicks", "green")]


@pytest.fixture(autouse=True)
def in_english():
    with override("en"):
        yield


def drawn(*numbers):
    places = [Place(f"{at:02}:00", each) for at, each in enumerate(numbers)]
    return charts.columns(places, series=SERIES, name="x", title="Title", description="Said <first>")


def test_each_number_that_is_not_0_has_a_column_as_high_as_it_is_beside_the_greatest():
    chart = drawn((1000, 500), (0, 1))

    heights = [(bar.tone, bar.height) for bar in chart.bars]
    assert heights == [("blue", FLOOR - TOP), ("green", (FLOOR - TOP) / 2), ("green", charts.SMALLEST)]
    assert [bar.title for bar in chart.bars] == ["00:00: 1,000 opens", "00:00: 500 clicks", "01:00: 1 clicks"]


def test_no_column_hides_another_and_all_stand_inside():
    chart = drawn(*[(at + 1, at + 1) for at in range(120)])

    assert all(
        one.x + one.width <= other.x + 0.2 for one, other in zip(chart.bars, chart.bars[1:], strict=False)
    )
    assert all(
        bar.x >= 0 and bar.x + bar.width <= WIDTH and bar.y + bar.height <= HEIGHT for bar in chart.bars
    )
    assert len(chart.ticks) <= charts.MOST_TICKS


def test_no_name_below_the_line_sticks_out_on_the_right():
    places = [Place("a-host-with-a-long-name.example", (1, 1)) for _at in range(13)]

    chart = charts.columns(places, series=SERIES, name="x", title="Title", description="")

    assert {len(tick.text) for tick in chart.ticks} == {charts.LONGEST_TICK}
    room = [tick.x if tick.anchor == "end" else WIDTH - tick.x for tick in chart.ticks]
    assert min(room) >= charts.TICK_WIDTH


def test_the_highest_column_is_said_as_its_numbers_are_written():
    places = [Place("DM1", (421,))]

    chart = charts.columns(
        places, series=SERIES[:1], name="x", title="", description="", shown=lambda n: f"{n / 10}%"
    )

    assert (chart.most, chart.bars[0].title) == ("42.1%", "DM1: 42.1% opens")


def test_nothing_makes_an_empty_drawing():
    assert (drawn().bars, drawn().ticks, drawn().most) == ([], [], "")


def test_a_drawing_says_what_it_is_and_escapes_what_it_says():
    html = render_to_string("_chart.html", {"chart": drawn((1, 2))})

    assert 'role="img" aria-labelledby="x-title x-desc"' in html
    assert '<desc id="x-desc">Said &lt;first&gt;</desc>' in html
    assert html.count("<rect") == 2


def test_the_sending_plan_is_drawn_by_the_same():
    rows = [
        PlanRow(n, NOON + timedelta(hours=n), people=10 * n, state="ahead" if n > 1 else "left")
        for n in (1, 2, 5)
    ]
    plan = Plan("waves", "America/Sao_Paulo", True, rows, 0, 0, 0, "next_day", 30)

    chart = plan_chart.of(plan, at=NOON + timedelta(hours=3))

    assert [bar.tone for bar in chart.bars] == ["green", "", ""]
    assert chart.bars[0].title == "12 Nov, 10:00 America/Sao Paulo: 10 · Left"
    assert [tick.text for tick in chart.ticks] == [
        "12 Nov, 10:00 America/Sao Paulo",
        "12 Nov, 14:00 America/Sao Paulo",
    ]
    assert chart.mark is not None
    assert chart.bars[1].x < chart.mark < chart.bars[2].x
