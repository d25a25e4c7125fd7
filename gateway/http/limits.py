"""Bounds on what clients may send, hold open and wait for."""

from dataclasses import dataclass

from gateway.http.admission import MUTATIONS, QUERIES, AdmissionLimits


@dataclass(frozen=True, slots=True)
class DoorLimits:
    """Sizes in bytes, times in seconds.

    `streams` counts the event streams and sockets of callers who are signed in, `anonymous_streams` those of others,
    `arriving_streams` sockets before their `connection_init`. Of these two an address may have `streams_per_address`, a
    caller who is signed in may have `streams_per_caller`. A socket without an operation is closed after `idle_seconds`.
    Behind `trusted_proxies` proxies of ours, the client is who they say.

    A GET carries its document in the URL, whose length the server bounds (64 KiB in uvicorn).
    """

    body_bytes: int = 256 * 1024
    body_seconds: float = 10.0
    request_seconds: float = 15.0
    queries: AdmissionLimits = QUERIES
    mutations: AdmissionLimits = MUTATIONS
    streams: int = 5_000
    anonymous_streams: int = 1_000
    arriving_streams: int = 1_000
    streams_per_address: int = 50
    streams_per_caller: int = 50
    idle_seconds: float = 60.0
    trusted_proxies: int = 0
    keep_alive_seconds: float = 12.0
    init_seconds: float = 10.0
    message_bytes: int = 256 * 1024
    operations_per_socket: int = 64
