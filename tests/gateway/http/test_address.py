"""Whose address counts: the peer's, or what proxies of ours say."""

from typing import Any

import pytest

from gateway.http.address import place_of, read_address


def scope(peer: Any, *forwarded: str) -> dict[str, Any]:
    return {"client": peer, "headers": [(b"x-forwarded-for", value.encode()) for value in forwarded]}


@pytest.mark.parametrize(
    ("peer", "forwarded", "proxies", "address"),
    [
        (("10.0.0.9", 1), (), 0, "10.0.0.9"),
        # Nobody is believed without a setting.
        (("10.0.0.9", 1), ("1.2.3.4",), 0, "10.0.0.9"),
        (("10.0.0.9", 1), ("1.2.3.4",), 1, "1.2.3.4"),
        # What the client wrote itself stands before what the proxy added.
        (("10.0.0.9", 1), ("6.6.6.6, 1.2.3.4",), 1, "1.2.3.4"),
        (("10.0.0.9", 1), ("6.6.6.6, 1.2.3.4, 10.0.0.8",), 2, "1.2.3.4"),
        (("10.0.0.9", 1), ("6.6.6.6", "1.2.3.4"), 1, "1.2.3.4"),
        (("10.0.0.9", 1), ("1.2.3.4",), 3, "1.2.3.4"),
        (("10.0.0.9", 1), (), 1, "10.0.0.9"),
        (("10.0.0.9", 1), ("nonsense",), 1, None),
        (("10.0.0.9", 1), ("1.2.3.4\r\nX: y",), 1, None),
        (None, (), 0, None),
        (("2001:DB8::1", 1), (), 0, "2001:db8::1"),
    ],
)
def test_the_client_is_who_connects_unless_our_proxies_say_otherwise(
    peer: Any, forwarded: tuple[str, ...], proxies: int, address: str | None
) -> None:
    assert read_address(scope(peer, *forwarded), proxies) == address


def test_one_client_s_many_addresses_are_one_place() -> None:
    assert place_of("2001:db8:1:1::5") == place_of("2001:db8:1:1:ffff::1") == "2001:db8:1:1::"
    assert place_of("::ffff:1.2.3.4") == place_of("1.2.3.4") == "1.2.3.4"
    assert place_of(None) is None
