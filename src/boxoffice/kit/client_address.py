"""Whose request it is, as an IP address: the peer's, or what a trusted proxy says of it.

Anybody can write `Forwarded` and `X-Forwarded-For`. A proxy appends the address that it was called from, so
they are read from the right, and only as far as those who wrote are trusted.
"""

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Network, ip_address, ip_network
from typing import Any

Network = IPv4Network | IPv6Network
Headers = Iterable[tuple[bytes, bytes]]

# Of a chain of proxies, far more than anybody has; what is longer was made up by the client.
HOPS_MAX = 32

# So many addresses are read once and then remembered: the busiest of a rush, in 2 MB.
ADDRESSES_KEPT_MAX = 8_192

# A server that is asked through a socket of the file system knows no peer.
UNKNOWN = "unknown"

# `EveryRequest` finds the address once; this is where it is kept.
_IN_SCOPE = "boxoffice.client_address"

# Set when what a trusted proxy passed on cannot be believed, though no proxy writes such a thing.
_MADE_UP = "boxoffice.client_made_up"

_TOKEN = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"  # noqa: S105  the word of RFC 9110
_PAIR = rf'{_TOKEN}=(?:{_TOKEN}|"(?:[^"\\]|\\.)*")'
_ELEMENT = re.compile(rf"\s*({_PAIR}(?:\s*;\s*{_PAIR})*)\s*(?:,|$)")
_FOR = re.compile(rf'(?:^|;)\s*for=(?:({_TOKEN})|"((?:[^"\\]|\\.)*)")', re.IGNORECASE)
_WITH_PORT = re.compile(r"(?:\[(?P<six>[^\]]+)\]|(?P<four>[0-9.]+))(?::[0-9]{1,5})?")


def client_address(scope: Any) -> str:
    """The client's IP address in its shortest form, an IPv4 address also where IPv6 carries it."""
    return scope.get(_IN_SCOPE, UNKNOWN)


def is_made_up(scope: Any) -> bool:
    """Whether the client wrote headers that hide its address, so that it has that of the proxy.

    Those who do share one address then, and their turns; nobody else has to share with them.
    """
    return _MADE_UP in scope


@lru_cache(ADDRESSES_KEPT_MAX)
def network_of(address: str) -> str:
    """What a client is counted by: its IPv4 address, or its /64, which one customer has of IPv6."""
    return str(ip_network(f"{address}/64", strict=False)) if ":" in address else address


def read_networks(text: str | None) -> list[Network]:
    """Networks and single addresses, separated by commas; raises `ValueError`."""
    return [ip_network(part.strip()) for part in (text or "").split(",") if part.strip()]


class ClientAddresses:
    """Finds the client's address of each request, given the networks whose word is taken."""

    def __init__(self, trusted: list[Network]) -> None:
        self._trusted = trusted
        self._is_trusted = lru_cache(ADDRESSES_KEPT_MAX)(self._look_up)

    def note(self, scope: Any) -> str:
        """Find the address and keep it for `client_address`."""
        peer = scope.get("client")
        address = _read(peer[0]) if peer else None
        if address is None:
            found = UNKNOWN
        elif self._trusted and self._is_trusted(address):
            believed = self._believe(address, scope["headers"])
            found = address if believed is None else believed
            if believed is None:
                scope[_MADE_UP] = True
        else:
            found = address
        scope[_IN_SCOPE] = found
        return found

    def _believe(self, peer: str, headers: Headers) -> str | None:
        """The right-most address that is nobody's we trust.

        A proxy writes one of the headers and may pass the other on as the client sent it. When they name
        different clients nobody can tell which was made up, and neither is believed: then it is None, as for
        a line that no proxy writes.
        """
        plain = [value for name, value in headers if name == b"x-forwarded-for"]
        named = [value for name, value in headers if name == b"forwarded"]
        try:
            found = {
                self._walk(peer, hops)
                for values, hops in ((plain, _plain_hops(plain)), (named, _named_hops(named)))
                if values
            }
        except _UnreadableLine:
            return None
        return found.pop() if len(found) == 1 else (None if found else peer)

    def _walk(self, peer: str, hops: Iterator[str | None]) -> str:
        """Follow the hops as long as those who wrote them are trusted; an unreadable one ends the way."""
        current = peer
        for _, hop in zip(range(HOPS_MAX), hops, strict=False):
            if hop is None:
                break
            current = hop
            if not self._is_trusted(hop):
                break
        return current

    def _look_up(self, address: str) -> bool:
        parsed = ip_address(address)
        return any(parsed in network for network in self._trusted)


class _UnreadableLine(Exception):  # noqa: N818  a sign from one function to another
    """A line of `Forwarded` that no proxy writes: the client began it."""


def _plain_hops(values: list[bytes]) -> Iterator[str | None]:
    """The addresses of `X-Forwarded-For`, the nearest first; None for one that is none."""
    for value in reversed(values):
        for part in reversed(value.decode("latin-1").split(",")):
            yield _read_with_port(part.strip())


def _named_hops(values: list[bytes]) -> Iterator[str | None]:
    """The same of `Forwarded` (RFC 7239).

    A line is read from its beginning, as its quotes ask for, and not at all when a part of it is wrong:
    a client must not be able to open a quote that swallows what the proxy appends.
    """
    for value in reversed(values):
        text, at = value.decode("latin-1"), 0
        elements: list[str] = []
        while at < len(text):
            element = _ELEMENT.match(text, at)
            if element is None:
                raise _UnreadableLine
            elements.append(element[1])
            at = element.end()
        for element in reversed(elements):
            named = _FOR.search(element)
            yield _read_with_port(named[1] or named[2] or "") if named else None


def _read_with_port(text: str) -> str | None:
    found = _WITH_PORT.fullmatch(text)
    return _read(found["six"] or found["four"] if found else text)


@lru_cache(ADDRESSES_KEPT_MAX)
def _read(text: str) -> str | None:
    """The address in its shortest form; None for what is no address."""
    try:
        address = ip_address(text)
    except ValueError:
        return None
    if isinstance(address, IPv4Address):
        return str(address)
    if address.scope_id is not None:
        return None
    return str(address.ipv4_mapped or address)
