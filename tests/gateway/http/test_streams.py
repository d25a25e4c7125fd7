"""Places of streams: those of buyers stay free, whatever anonymous clients and idle sockets take."""

from gateway.http.limits import DoorLimits
from gateway.http.streams import Streams

LIMITS = DoorLimits(streams=100, anonymous_streams=20, arriving_streams=20, streams_per_address=5, streams_per_caller=3)


def addresses() -> list[str]:
    return [f"10.0.{number // 250}.{number % 250 + 1}" for number in range(5_000)]


def test_five_thousand_anonymous_streams_and_sockets_leave_a_buyer_a_place() -> None:
    streams = Streams(LIMITS)
    held = [streams.open(address, None) for address in addresses()]
    held += [streams.arrive(address) for address in addresses()]
    assert sum(place is not None for place in held) == 40
    assert streams.open("10.0.0.1", "ana") is not None


def test_an_address_has_its_share_and_others_have_theirs() -> None:
    streams = Streams(LIMITS)
    assert sum(streams.open("10.0.0.1", None) is not None for _ in range(10)) == 5
    assert streams.open("10.0.0.2", None) is not None
    assert sum(streams.open("10.0.0.1", "ana") is not None for _ in range(10)) == 3
    assert streams.open("10.0.0.1", "bia") is not None


def test_addresses_of_one_ipv6_network_are_one_place() -> None:
    streams = Streams(LIMITS)
    assert sum(streams.open(f"2001:db8:1:1::{number:x}", None) is not None for number in range(1, 11)) == 5
    assert streams.open("2001:db8:1:2::1", None) is not None


def test_a_socket_that_says_who_it_is_changes_its_place() -> None:
    streams = Streams(LIMITS)
    arrived = [streams.arrive("10.0.0.1") for _ in range(5)]
    assert streams.arrive("10.0.0.1") is None
    first = arrived[0]
    assert first is not None
    assert first.identify("ana")
    assert streams.arrive("10.0.0.1") is not None


def test_what_is_closed_is_free_and_nothing_is_left_behind() -> None:
    streams = Streams(LIMITS)
    for number in range(1_000):
        place = streams.arrive(f"10.0.0.{number % 200 + 1}")
        assert place is not None
        if number % 2:
            assert place.identify("ana" if number % 3 else None)
        place.close()
        place.close()
    assert not streams._of
    assert not any(streams._open.values())


def test_a_caller_without_an_address_is_counted_too() -> None:
    streams = Streams(LIMITS)
    assert sum(streams.open(None, None) is not None for _ in range(10)) == 5
