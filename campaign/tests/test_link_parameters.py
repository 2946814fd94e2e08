"""Parameters of links as people write them: what may be said, and what of a unit and of a delivery holds."""

import pytest

from campaign.lib import link_parameters
from campaign.lib.link_parameters import LinkParameters
from campaign.lib.refusals import Refusal


def read(*lines):
    return link_parameters.from_lines(lines)


def test_lines_say_a_name_and_a_value():
    lines = ["utm_source = news = letter ", "", " utm_term=", "x[a]:b = {{ link.label }}{{delivery.date}}"]

    assert read(*lines) == [
        ("utm_source", "news = letter"),
        ("utm_term", ""),
        ("x[a]:b", "{{ link.label }}{{delivery.date}}"),
    ]
    assert read(*link_parameters.to_lines(read(*lines))) == read(*lines)


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (["utm_source"], "utm_source”: write it as name = value"),
        (["= x"], "a name has letters"),
        (["utm source=x"], "a name has letters"),
        (["ação=x"], "a name has letters"),
        (["a&b=x"], "a name has letters"),
        (["x" * 65 + "=1"], "at most 64"),
        (["x=" + "1" * 301], "at most 300"),
        (["x=a\x1bb"], "one line of text"),
        (["x=a\u202eb"], "one line of text"),
        (["x={{ profile.email }}"], "nothing of the person"),
        (["x={{ delivery.key }}"], "there is no field"),
        (["x={{ link.label|upper }}"], "only a field"),
        (["x={% if a %}b{% endif %}"], "only a field"),
        (["x={{ link.label"], "only a field"),
        (["utm_a=1", "UTM_A=2"], "said twice"),
        ([f"x{n}=1" for n in range(21)], "at most 20"),
    ],
)
def test_what_can_not_be_is_refused_in_words(lines, said):
    with pytest.raises(Refusal, match=said):
        read(*lines)


def test_what_a_field_holds_is_text_and_no_field_again():
    values = {"delivery.label": "{{ link.label }}\r\nx", "link.label": "secret"}

    assert link_parameters.filled("a-{{ delivery.label }}", values) == "a-{{ link.label }} x"


def test_domains_are_compared_in_ascii_and_in_lower_case():
    found = link_parameters.checked_domains(["Example.COM.", "", "*.münchen.example", "example.com"])

    assert found == ["example.com", "xn--mnchen-3ya.example"]


@pytest.mark.parametrize(
    "domain", ["https://example.com", "a b", "a..b", "-a.com", "x" * 64, "a/b", "é" * 300, "@"]
)
def test_what_is_no_domain_is_refused(domain):
    with pytest.raises(link_parameters.BadLinkDomain):
        link_parameters.checked_domains([domain])


def test_the_nearest_says_what_holds_name_by_name_and_nothing_takes_away():
    above = LinkParameters((("utm_source", "house"), ("utm_medium", "email"), ("ref", "x")), ("example.com",))
    below = LinkParameters((("UTM_medium", ""), ("utm_campaign", "july"), ("utm_source", "shop")))

    holds = below.over(above)

    assert holds.said == (("utm_source", "shop"), ("ref", "x"), ("utm_campaign", "july"))
    assert holds.domains == ("example.com",)
    assert LinkParameters((), ()).over(above).domains == ()
