import csv
from collections import Counter
from pathlib import Path

import pytest
from django.conf import settings

from feedback.agents import LONGEST, storable
from feedback.readers import rules
from feedback.readers.agents import Sign, sign_of

AGENTS = Path(settings.BASE_DIR).parent / "shared" / "data" / "agents" / "agents.csv"
EXPECTED = {"human": {Sign.HUMAN}, "machine": {Sign.MACHINE}, "proxy": {Sign.PROXY, Sign.UNSURE}}
OURS = rules.read_files()


@pytest.mark.parametrize(
    ("agent", "expected"),
    [
        (
            "Mozilla/5.0 (iPhone; CPU iPhone OS 17_4 like Mac OS X) AppleWebKit/605.1.15 Mobile/15E148",
            Sign.HUMAN,
        ),
        ("Mozilla/5.0 (Windows NT 10.0; rv:102.0) Gecko/20100101 Thunderbird/102.0", Sign.HUMAN),
        (
            "Mozilla/5.0 (Linux; Android 6.0; CUBOT MAX Build/MRA58K) Chrome/51.0 Mobile Safari/537.36",
            Sign.HUMAN,
        ),
        ("", Sign.HUMAN),
        ("Mozilla/5.0", Sign.UNSURE),
        (
            "Mozilla/5.0 (Windows NT 5.1; rv:11.0) Gecko Firefox/11.0 (via ggpht.com GoogleImageProxy)",
            Sign.PROXY,
        ),
        ("YahooMailProxy; https://help.yahoo.com/kb/yahoo-mail-proxy-SLN28749.html", Sign.PROXY),
        ("python-requests/2.31.0", Sign.MACHINE),
        ("curl/8.5.0", Sign.MACHINE),
        ("Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)", Sign.MACHINE),
        ("Mozilla/5.0 (compatible; Barracuda/5.0)", Sign.MACHINE),
    ],
)
def test_an_agent_stands_for(agent, expected):
    assert sign_of(agent, OURS) == expected


def test_of_a_long_agent_the_end_is_kept_where_a_robot_says_its_name():
    agent = (
        "Mozilla/5.0 "
        + "(KHTML, like Gecko) " * 20
        + "(compatible; Googlebot/2.1; +http://www.google.com/bot.html)"
    )

    kept = storable(agent)

    assert len(kept) == LONGEST
    assert sign_of(kept, OURS) == Sign.MACHINE


@pytest.mark.skipif(not AGENTS.exists(), reason="the collection of user agents is not at hand")
def test_the_collection_is_recognised_as_it_is_kept():
    rows = list(csv.DictReader(AGENTS.open(encoding="utf-8")))

    wrong = [row for row in rows if sign_of(storable(row["agent"]), OURS) not in EXPECTED[row["expected"]]]

    by_kind = Counter(row["expected"] for row in wrong)
    assert [row["agent"] for row in wrong if row["expected"] == "human"] == []
    assert by_kind["proxy"] == 0
    assert by_kind["machine"] <= 0.03 * sum(row["expected"] == "machine" for row in rows)
