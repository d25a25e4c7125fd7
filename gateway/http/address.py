"""Where a request comes from: the peer, or what proxies that are trusted say of it."""

from ipaddress import IPv6Address, ip_address
from typing import Any, Final

from gateway.http.asgi import Scope, read_headers

# One household or firm has as many IPv6 addresses as it likes, within its prefix.
_PREFIX_BITS: Final = 64


def read_address(scope: Scope, trusted_proxies: int) -> str | None:
    """The client's IP address; None where there is none, as on a Unix socket.

    Each proxy adds whom it was called by at the end of `X-Forwarded-For`. Behind `trusted_proxies` of ours, the client
    is that many entries from the end; what stands before that was written by the client. With none the header is not
    looked at.
    """
    peer: Any = scope.get("client")
    address = str(peer[0]) if peer else None
    if trusted_proxies > 0:
        entries = [
            entry.strip() for entry in read_headers(scope).get(b"x-forwarded-for", b"").decode("latin-1").split(",")
        ]
        address = entries[-min(trusted_proxies, len(entries))] or address
    try:
        return None if address is None else str(ip_address(address))
    except ValueError:
        return None


def place_of(address: str | None) -> str | None:
    """What counts as one place: an IPv4 address, or an IPv6 network of 64 bits."""
    if address is None or ":" not in address:
        return address
    known = IPv6Address(address)
    if known.ipv4_mapped is not None:
        return str(known.ipv4_mapped)
    return str(IPv6Address(int(known) >> _PREFIX_BITS << _PREFIX_BITS))
