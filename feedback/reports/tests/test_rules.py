"""The rules as files that operators read and extend."""

import csv
import re
from pathlib import Path

import pytest
from django.conf import settings

from feedback import checks
from feedback.reports import BadRules, read
from feedback.reports.phrases import NotAPhrase, Phrases, Words, level
from feedback.reports.rules import FOLDER, in_force, read_files
from feedback.reports.tests.mails import delivery_report

COLLECTION = Path(settings.BASE_DIR).parent / "shared" / "data" / "bounces"
OWN = """
[[failure]]
name = "ours"
kind = "soft"
reason = "blocked"
phrases = ["moon is full"]
"""


@pytest.fixture
def own_rules(tmp_path, settings):
    def write(text: str) -> None:
        path = tmp_path / f"{abs(hash(text))}.toml"
        path.write_text(text, encoding="utf-8")
        settings.BOUNCE_RULES = str(path)

    return write


def test_an_operator_s_rule_stands_before_sinete_s(own_rules):
    raw = delivery_report("smtp; 550 user unknown while the moon is full")
    assert read(raw).kind == "hard"

    own_rules(OWN)

    assert [(one.kind, one.rule) for one in read(raw).recipients] == [("soft", "ours")]


def test_an_operator_s_rule_takes_the_place_of_one_with_its_name(own_rules):
    own_rules(OWN.replace("ours", "user-unknown"))

    assert read(delivery_report("smtp; 550 user unknown")).kind == "soft"


def test_an_operator_s_code_takes_the_place_of_sinete_s(own_rules):
    own_rules('[[code]]\nname = "ours"\nkind = "hard"\nreason = "user_unknown"\ncodes = ["4.1"]\n')

    assert read(delivery_report("smtp; 550 no", status="5.4.1")).kind == "hard"


@pytest.mark.parametrize(
    "text",
    [
        "no table",
        "[failure]\nname = 'x'\n",
        "[[failures]]\nname = 'x'\n",
        OWN.replace("soft", "harsh"),
        OWN.replace("soft", "complaint"),
        OWN.replace("blocked", "moody"),
        OWN.replace('"moon is full"', '"*"'),
        OWN.replace('"moon is full"', "1"),
        OWN.replace('["moon is full"]', '"moon is full"'),
        OWN.replace("moon is full", "{nobody} is full"),
        OWN + '[[word]]\nname = "moon"\n',
        OWN + '[[word]]\nname = "moon"\nwords = [""]\n',
        OWN + '[[word]]\nname = "moon"\nwords = ["mailbox"]\n',  # which is a word of ours with another name
        OWN.replace('name = "ours"', ""),
        OWN.replace("phrases", "frases"),
        '[[code]]\nname = "x"\nkind = "hard"\ncodes = ["1.1"]\n',
        "failure = 1\n",
    ],
)
def test_a_file_that_is_not_understood_is_refused_and_named_by_the_check(own_rules, text):
    own_rules(text)

    with pytest.raises(BadRules):
        in_force()
    assert [error.id for error in checks.bounce_rules_are_understood(None)] == ["sinete.E005"]


def test_a_file_that_is_missing_is_refused(settings):
    settings.BOUNCE_RULES = "/nowhere/rules.toml"

    with pytest.raises(BadRules):
        in_force()


@pytest.mark.parametrize(
    ("phrase", "text", "is_found"),
    [
        ("mailbox full", "The MAILBOX\r\n   Full", True),
        ("mailbox full", "mailbox fuller", False),
        ("mailbox full*", "mailbox fuller", True),
        ("full", "awful", False),
        ("caixa cheia", "Caixa cheía", True),
        ("mailbox * full", "mailbox of ana@example.org is full", True),
        ("mailbox * full", "mailbox" + " x" * 60 + " full", False),
        ("^re:", "Re: hello", True),
        ("^re:", "hello re: x", False),
        ("to$", "delivered to <", True),
        ("to$", "to whom", False),
        ("spam", "host mx.spam.example said no", False),
        ("user unknown", "550 5.1.1 user 550 5.1.1 unknown", True),
        ("不存在", "该用户不存在。", True),
        ("skrzynka pelna", "Skrzynka pełna", True),
        ("email does not work", "E-Mail doesn't work", True),
        ("cannot recognise it", "can't recognize it", True),
        ("no such user", "550 NO_SUCH_USER", True),
        ("~not known", "550 not known here", True),
        ("~not known", "ana@example.org is not known", True),
        ("~not known", "rejected; not known", True),
        ("~not known", "the selector is not known", False),
    ],
)
def test_a_phrase_is_found(phrase, text, is_found):
    assert Phrases([phrase]).found_in(level(text)) == is_found


def test_a_name_in_a_phrase_stands_for_any_of_its_words(own_rules):
    own_rules(
        OWN.replace("moon is full", "no room on the {body}")
        + '[[word]]\nname = "body"\nwords = ["moon", "far moon", "Ceres"]\n'
    )

    rules = [
        read(delivery_report(f"smtp; 550 no room on the {body}")).recipients[0].rule
        for body in ("Moon", "far moon", "ceres", "full moon")
    ]

    assert rules == ["ours", "ours", "ours", "no-rule"]


@pytest.mark.parametrize(
    "between",
    [
        "",
        " ana@example.org",
        ' "ana"',
        " (ana)",
        " that you tried to reach",
        " you specified",
        " on this server",
    ],
)
def test_a_name_and_a_place_may_stand_behind_a_word(between):
    words = Words({"body": ["moon"], "is": ["is"]})

    assert Phrases(["{body} {is} full"], words=words).found_in(level(f"our moon{between} is full"))
    assert not Phrases(["{body} {is} full"], words=words).found_in(
        level(f"our moon{between} and Mars is full")
    )


@pytest.mark.parametrize("phrase", ["", "*", " * ", "^", "~", "$", "x" * 201])
def test_what_says_nothing_is_no_phrase(phrase):
    with pytest.raises(NotAPhrase):
        Phrases([phrase])


def test_no_two_rules_of_a_table_have_one_name():
    book = read_files()

    named = [rule.name for rule in book.failures]

    assert len(named) == len(set(named))
    assert all(rule.reason for rule in book.failures)


def test_a_hard_rule_is_about_the_address_or_its_domain():
    hard = {rule.reason for rule in read_files().failures if rule.kind == "hard"}

    assert hard == {"user_unknown", "account_disabled", "invalid_domain"}


@pytest.mark.skipif(not COLLECTION.exists(), reason="the collection of reports is not at hand")
def test_no_rule_names_an_address_or_a_host_of_the_collection():
    rules = "".join(path.read_text(encoding="utf-8") for path in FOLDER.glob("*.toml")).lower()
    rows = list(csv.DictReader((COLLECTION / "expected.csv").open(encoding="utf-8")))
    addresses = {one.lower() for row in rows for one in row["recipient"].split(";") if one}
    mails = b"".join(path.read_bytes() for path in COLLECTION.glob("*.eml")).decode("latin-1").lower()
    hosts = set(re.findall(r"(?<=from )[a-z0-9-]+(?:\.[a-z0-9-]+){1,4}(?= )", mails))

    named = {
        one
        for one in addresses | {address.rpartition("@")[2] for address in addresses} | hosts
        if one in rules
    }

    assert named == set()
