"""Who the client is: nobody but a trusted proxy is believed, and no garbage in a header does harm."""

import time

import pytest

from boxoffice.kit.client_address import HOPS_MAX, UNKNOWN, ClientAddresses, client_address, read_networks
from boxoffice.kit.errors import SetupError
from boxoffice.kit.settings import load_settings

PROXIES = "10.0.0.0/8, 192.0.2.1, fd00::/8"

# What makes a proxy's own word unreadable: then the client is the proxy, for whoever sends such things.
GARBAGE = [
    "unknown",
    "",
    ",,,",
    "203.0.113.7.9",
    "203.0.113.7:port",
    "1.2.3.4, [2001:db8::1",
    "fe80::1%eth0",
    "[fe80::1%eth0]:80",
    "\u0663.1.1.1",
    "203.0.113.7\x00",
]


def found(peer: str | None, *headers: tuple[str, str], proxies: str = PROXIES) -> str:
    """The client of a request from this peer with these headers."""
    scope = {
        "client": None if peer is None else (peer, 4711),
        "headers": [(name.encode(), value.encode()) for name, value in headers],
    }
    ClientAddresses(read_networks(proxies)).note(scope)
    return client_address(scope)


def test_without_proxies_the_client_is_the_peer_whatever_it_says():
    said = ("x-forwarded-for", "203.0.113.7"), ("forwarded", "for=203.0.113.7")

    assert found("10.1.2.3", *said, proxies="") == "10.1.2.3"
    assert found("198.51.100.1", *said) == "198.51.100.1"


@pytest.mark.parametrize(
    ("peer", "expected"),
    [
        ("::ffff:198.51.100.1", "198.51.100.1"),
        ("2001:0DB8:0::0001", "2001:db8::1"),
        (None, UNKNOWN),
        ("a socket", UNKNOWN),
    ],
)
def test_an_address_is_written_in_one_way(peer: str | None, expected: str):
    assert found(peer) == expected


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("203.0.113.7", "203.0.113.7"),
        ("203.0.113.7:4711", "203.0.113.7"),
        ("2001:db8::7", "2001:db8::7"),
        ("[2001:db8::7]:4711", "2001:db8::7"),
        ("::ffff:203.0.113.7", "203.0.113.7"),
        # What the client made up is on the left of what the proxy appended.
        ("6.6.6.6, 203.0.113.7", "203.0.113.7"),
        ("10.6.6.6, 203.0.113.7", "203.0.113.7"),
        ("garbage, 203.0.113.7", "203.0.113.7"),
        # Two proxies of ours, and then somebody inside of our networks.
        ("6.6.6.6, 203.0.113.7, 192.0.2.1,10.9.9.9", "203.0.113.7"),
        ("10.7.7.7, fd00::1", "10.7.7.7"),
        ("203.0.113.7, unknown, 10.9.9.9", "10.9.9.9"),
    ],
)
def test_a_trusted_proxy_is_believed_as_far_as_the_first_stranger(said: str, expected: str):
    assert found("10.1.2.3", ("x-forwarded-for", said)) == expected


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("for=203.0.113.7", "203.0.113.7"),
        ("For=203.0.113.7;proto=https;by=10.1.2.3", "203.0.113.7"),
        ('proto=https; for="[2001:db8::7]:4711"', "2001:db8::7"),
        ('for="203.0.113.7:80", for=10.4.4.4', "203.0.113.7"),
        ("for=6.6.6.6, for=203.0.113.7", "203.0.113.7"),
        ("for=_hidden, for=10.4.4.4", "10.4.4.4"),
        # A host that the client chose and the proxy quoted.
        ('for=203.0.113.7;host="a,for=6.6.6.6;x="', "203.0.113.7"),
        # A quote that the client opened, to swallow what is appended.
        ('for="6.6.6.6, for=203.0.113.7', "10.1.2.3"),
        ("host=a", "10.1.2.3"),
    ],
)
def test_forwarded_is_read_as_rfc_7239_has_it(said: str, expected: str):
    assert found("10.1.2.3", ("forwarded", said)) == expected


def test_lines_of_one_header_are_one_list():
    lines = [("x-forwarded-for", value) for value in ("6.6.6.6", "203.0.113.7", "10.4.4.4")]

    assert found("10.1.2.3", *lines) == "203.0.113.7"


def test_when_both_headers_are_there_they_must_agree():
    plain = ("x-forwarded-for", "203.0.113.7")

    assert found("10.1.2.3", plain, ("forwarded", "for=203.0.113.7")) == "203.0.113.7"
    assert found("10.1.2.3", plain, ("forwarded", "for=6.6.6.6")) == "10.1.2.3"
    assert found("10.1.2.3", plain, ("forwarded", "garbage")) == "10.1.2.3"


@pytest.mark.parametrize("said", GARBAGE)
@pytest.mark.parametrize("header", ["x-forwarded-for", "forwarded"])
def test_garbage_is_ignored(header: str, said: str):
    assert found("10.1.2.3", (header, said)) == "10.1.2.3"


def test_a_chain_without_end_is_followed_so_far_only():
    hops = ["203.0.113.7"] + [f"10.0.1.{number}" for number in range(HOPS_MAX)]

    assert found("10.1.2.3", ("x-forwarded-for", ", ".join(hops[:HOPS_MAX]))) == "203.0.113.7"
    assert found("10.1.2.3", ("x-forwarded-for", ", ".join(hops))) == "10.0.1.0"


@pytest.mark.parametrize(
    "said", ["," * 50_000, 'for="' + "\\" * 50_000, "for=a;" * 8_000, " " * 50_000, 'a="' * 16_000]
)
def test_no_header_takes_long_to_read(said: str):
    started = time.perf_counter()
    found("10.1.2.3", ("forwarded", said))
    found("10.1.2.3", ("x-forwarded-for", said))

    assert time.perf_counter() - started < 0.1


@pytest.mark.parametrize(
    "networks", ["10.0.0.0/33", "10.0.0.1/8", "proxy.example.org", "10.0.0.0/8 fd00::/8"]
)
def test_networks_that_are_none_are_refused_at_the_start(networks: str):
    with pytest.raises(SetupError, match="BOXOFFICE_TRUSTED_PROXIES"):
        load_settings({"BOXOFFICE_TRUSTED_PROXIES": networks})
