"""Whose a domain is, by the public suffix list; which belong to everybody, and which to nobody."""

import pytest

from campaign.lib import mail_domains


@pytest.mark.parametrize(
    ("domain", "above"),
    [
        ("news.example.com", "example.com"),
        ("a.b.serra-alta.com.br", "serra-alta.com.br"),
        ("shop.co.uk", "shop.co.uk"),
        ("co.uk", "co.uk"),
        ("one.github.io", "one.github.io"),
        ("x.www.ck", "www.ck"),
        ("a.b.kobe.jp", "a.b.kobe.jp"),
        ("mail.xn--caf-dma.com", "xn--caf-dma.com"),
        ("News.Example.COM.", "example.com"),
        ("localhost", "localhost"),
        ("", ""),
    ],
)
def test_the_organization_stands_below_the_public_suffix(domain, above):
    assert mail_domains.organizational(domain) == above


@pytest.mark.parametrize(
    ("one", "other", "is_so"),
    [
        ("news.example.com", "bounces.example.com", True),
        ("example.com", "notexample.com", False),
        ("one.com.br", "two.com.br", False),
        ("one.co.uk", "co.uk", False),
        ("one.github.io", "two.github.io", False),
        ("example.com", "", False),
        ("", "", False),
    ],
)
def test_two_domains_are_aligned_where_one_organization_has_both(one, other, is_so):
    assert mail_domains.are_aligned(one, other) == mail_domains.are_aligned(other, one) == is_so


@pytest.mark.parametrize(
    ("domain", "is_so"),
    [
        ("gmail.com", True),
        ("GMX.de", True),
        ("mail.uol.com.br", True),
        ("tuta.com", True),
        ("notgmail.com", False),
    ],
)
def test_a_public_provider_is_known(domain, is_so):
    assert mail_domains.is_public_provider(domain) == is_so


@pytest.mark.parametrize(
    ("domain", "is_so"),
    [
        ("a.example.com", True),
        ("x.test", True),
        ("serra-alta.example", True),
        ("myexample.com", False),
        ("test.com", False),
    ],
)
def test_dns_can_say_nothing_of_what_is_set_aside(domain, is_so):
    assert mail_domains.is_reserved(domain) == is_so
