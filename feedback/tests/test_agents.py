import csv
from pathlib import Path

import pytest
from django.conf import settings

from feedback.agents import AgentKind, kind_of

AGENTS = Path(settings.BASE_DIR).parent / "shared" / "data" / "agents" / "agents.csv"


@pytest.mark.parametrize(
    ("agent", "expected"),
    [
        (
            "Mozilla/5.0 (iPhone; CPU iPhone OS 17_4 like Mac OS X) AppleWebKit/605.1.15 Mobile/15E148",
            AgentKind.HUMAN,
        ),
        ("Mozilla/5.0 (Windows NT 10.0; rv:102.0) Gecko/20100101 Thunderbird/102.0", AgentKind.HUMAN),
        (
            "Mozilla/5.0 (Linux; Android 6.0; CUBOT MAX Build/MRA58K) Chrome/51.0 Mobile Safari/537.36",
            AgentKind.HUMAN,
        ),
        ("", AgentKind.HUMAN),
        ("Mozilla/5.0", AgentKind.PROXY),
        (
            "Mozilla/5.0 (Windows NT 5.1; rv:11.0) Gecko Firefox/11.0 (via ggpht.com GoogleImageProxy)",
            AgentKind.PROXY,
        ),
        ("python-requests/2.31.0", AgentKind.MACHINE),
        ("curl/8.5.0", AgentKind.MACHINE),
        ("Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)", AgentKind.MACHINE),
    ],
)
def test_an_agent_stands_for(agent, expected):
    assert kind_of(agent) == expected


def test_a_head_request_is_a_machine_s_whatever_it_calls_itself():
    assert (
        kind_of("Mozilla/5.0 (X11; Linux x86_64) Chrome/130.0 Safari/537.36", method="HEAD")
        == AgentKind.MACHINE
    )


@pytest.mark.skipif(not AGENTS.exists(), reason="the collection of user agents is not at hand")
def test_no_person_of_the_collection_is_taken_for_a_machine():
    rows = list(csv.DictReader(AGENTS.open(encoding="utf-8")))

    lost = [
        row["agent"]
        for row in rows
        if row["expected"] == "human" and kind_of(row["agent"]) != AgentKind.HUMAN
    ]
    found = [
        row for row in rows if row["expected"] == "machine" and kind_of(row["agent"]) == AgentKind.MACHINE
    ]

    assert lost == []
    assert len(found) >= 0.9 * sum(row["expected"] == "machine" for row in rows)
