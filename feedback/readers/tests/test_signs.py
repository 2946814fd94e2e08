import pytest

from campaign.lib import networks
from feedback.readers import signs


@pytest.mark.parametrize(
    ("remote", "forwarded", "proxies", "expected"),
    [
        ("203.0.113.77", "", 0, "203.0.113.0/24"),
        ("203.0.113.77", "198.51.100.5", 0, "203.0.113.0/24"),  # nobody is trusted: who is connected counts
        (
            "10.0.0.1",
            "192.0.2.9, 198.51.100.5",
            1,
            "198.51.100.0/24",
        ),  # what stands before is the client's word
        ("10.0.0.1", "192.0.2.9, 198.51.100.5, 10.0.0.2", 2, "198.51.100.0/24"),
        ("10.0.0.1", "198.51.100.5", 2, ""),  # fewer than there are proxies
        ("10.0.0.1", "198.51.100.5:4711", 1, "198.51.100.0/24"),
        ("10.0.0.1", "[2001:db8:1:2::3]:443", 1, "2001:db8:1::/48"),
        ("::ffff:203.0.113.77", "", 0, "203.0.113.0/24"),
        ("fe80::1%eth0", "", 0, "fe80::/48"),
        ("10.0.0.1", "unknown", 1, ""),
        ("10.0.0.1", ",", 1, ""),
        ("", "", 0, ""),
        ("unix:", "", 0, ""),
    ],
)
def test_of_a_client_its_network_is_kept(remote, forwarded, proxies, expected):
    assert networks.seen(remote, forwarded, proxies=proxies) == expected


@pytest.mark.parametrize(
    ("header", "told", "expected"),
    [
        ("HTTP_SEC_PURPOSE", "prefetch;prerender", True),
        ("HTTP_PURPOSE", "Prefetch", True),
        ("HTTP_X_PURPOSE", "preview", True),
        ("HTTP_X_MOZ", "prefetch", True),
        ("HTTP_PURPOSE", "", False),
        ("HTTP_SEC_PURPOSE", "reading", False),
    ],
)
def test_what_is_fetched_ahead_says_so(header, told, expected):
    found = signs.of({"REQUEST_METHOD": "GET", "REMOTE_ADDR": "203.0.113.7", header: told})

    assert found == signs.Signs("", "203.0.113.0/24", "GET", expected)
