import re

import pytest

from feedback import checks
from feedback.agents import AgentKind
from feedback.readers import judging, networks, rules
from feedback.readers.agents import Sign, sign_of
from feedback.readers.networks import read_files as read_networks
from feedback.readers.rules import BadReaderRules


def test_an_operator_s_rules_stand_beside_ours_and_say_otherwise(tmp_path):
    own = tmp_path / "readers.toml"
    own.write_text(
        '[age]\nproxy_seconds = 60\n[[sweep]]\nlinks = 5\nseconds = 4\n[agents]\nmachine = ["acme ?scan"]\n'
    )

    both = rules.read_files(str(own))

    assert both.proxy_seconds == 60
    assert [both.seconds_of_sweep(links) for links in (1, 4, 5, 900)] == [None, None, 4, 4]
    assert sign_of("Mozilla/5.0 AcmeScan", both) == Sign.MACHINE
    assert sign_of("Mozilla/5.0 (compatible; Googlebot/2.1)", both) == Sign.MACHINE


def test_ours_know_a_sweep_from_two_links_on():
    assert [rules.read_files().seconds_of_sweep(links) for links in (0, 1, 2, 3, 40)] == [
        None,
        None,
        3,
        10,
        10,
    ]


@pytest.mark.parametrize(
    ("told", "why"),
    [
        ("[age]\nproxy_seconds = -1", "seconds are from 0"),
        ("[age]\nproxy_seconds = nan", "seconds are from 0"),
        ("[age]\nproxy_seconds = true", "seconds are from 0"),
        ("[age]\nhours = 1", "nothing is known of “hours”"),
        ("[[sweep]]\nlinks = 1\nseconds = 3", "one link tells nothing"),
        ("[[sweep]]\nlinks = 3", "has “links” and “seconds”"),
        ("sweep = 3", "has “links” and “seconds”"),
        ("[agents]\nmachine = 'bot'", "is a list of patterns"),
        ("[agents]\nmachine = ['(']", "no regular expression"),
        ("[agents]\nrobots = ['x']", "nothing is known of “robots”"),
        ("age = 3", "are tables"),
        ("[", "Expected|Invalid"),
        ("x = " + "[" * 5000, "readers.toml"),
        ("#" * (rules.LARGEST_FILE + 1), "more than"),
    ],
)
def test_rules_that_make_no_sense_are_told_with_their_reason(tmp_path, told, why):
    own = tmp_path / "readers.toml"
    own.write_text(told)

    with pytest.raises(BadReaderRules, match=why):
        rules.read_files(str(own))


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ("17.5.0.0/24", AgentKind.UNSURE),
        ("203.0.113.0/24", AgentKind.MACHINE),
        ("203.0.112.0/24", AgentKind.HUMAN),
        ("198.51.100.0/24", AgentKind.UNSURE),  # a /28 of it is listed
        ("192.0.2.0/24", AgentKind.UNSURE),  # the smaller one decides
        ("2001:db8:7::/48", AgentKind.MACHINE),
        ("2001:db9:7::/48", AgentKind.HUMAN),
        ("", AgentKind.HUMAN),
        ("what?", AgentKind.HUMAN),
    ],
)
def test_a_network_is_known(tmp_path, asked, expected):
    own = tmp_path / "networks.txt"
    own.write_text(
        "# a gateway\n203.0.113.0/24 machine Acme, Inc.\n198.51.100.16/28,unsure,relay\n"
        "192.0.0.0/16\tmachine\n192.0.2.0/24 unsure\n\n2001:db8::/32 machine # all of it\n"
    )

    assert read_networks(str(own)).kind_of(asked) == expected


@pytest.mark.parametrize(
    ("told", "why"),
    [
        ("203.0.113.0/28 machine", "a smaller network can't be a machine's"),
        ("203.0.113.0/24", "“machine” or “unsure”"),
        ("203.0.113.0/24 human", "“machine” or “unsure”"),
        ("example.com machine", "does not appear to be"),
        ("10.0.0.0/99 machine", "line 1"),
    ],
)
def test_networks_that_make_no_sense_are_told_with_their_line(tmp_path, told, why):
    own = tmp_path / "networks.txt"
    own.write_text(told)

    with pytest.raises(BadReaderRules, match=re.escape(why)):
        read_networks(str(own))


def test_a_file_that_was_refreshed_is_read_again(tmp_path, settings):
    own = tmp_path / "networks.txt"
    settings.READER_NETWORKS = str(own)
    own.write_text("203.0.113.0/24 machine\n")
    assert networks.in_force().kind_of("203.0.113.0/24") == AgentKind.MACHINE

    own.write_text("198.51.100.0/24 machine\n198.51.101.0/24 machine\n")

    assert networks.in_force().kind_of("203.0.113.0/24") == AgentKind.HUMAN
    assert networks.in_force().kind_of("198.51.101.0/24") == AgentKind.MACHINE


def test_what_arrives_is_judged_by_ours_while_an_operator_s_file_can_t_be_read(settings, caplog):
    settings.READER_RULES = "/nowhere/readers.toml"

    assert judging.at_hand().sign("curl/8.5.0") == Sign.MACHINE
    assert "/nowhere/readers.toml" in caplog.text
    assert [error.id for error in checks.reader_rules_are_understood(None)] == ["sinete.E006"]
