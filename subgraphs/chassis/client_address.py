"""Whose request it is when nobody is signed in: the client's network address, as far as it names one household."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from typing import Final

HEADER: Final = "x-client-address"
TRUSTED_CALLER: Final = "gateway"

# What a provider gives to one line (RFC 6177): within it, a client takes whichever address it likes.
_IPV6_PREFIX: Final = 64


def client_address(header: str | None, caller: str) -> str | None:
    """An IPv4 address, or the /64 of an IPv6 one; None when the gateway did not say, or not an address."""
    if caller != TRUSTED_CALLER or not header:
        return None
    try:
        found: IPv4Address | IPv6Address = ip_address(header.strip().partition("%")[0])
    except ValueError:
        return None
    if isinstance(found, IPv6Address) and found.ipv4_mapped is not None:
        found = found.ipv4_mapped
    if isinstance(found, IPv6Address):
        return str(IPv6Network((found, _IPV6_PREFIX), strict=False))
    return str(found)
