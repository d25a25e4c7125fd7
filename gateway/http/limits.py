"""Bounds on what clients may send, hold open and wait for."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class DoorLimits:
    """Sizes in bytes, times in seconds. `streams` counts event streams and sockets of the whole process together.

    A GET carries its document in the URL, whose length the server bounds (64 KiB in uvicorn).
    """

    body_bytes: int = 256 * 1024
    body_seconds: float = 10.0
    request_seconds: float = 15.0
    streams: int = 5_000
    keep_alive_seconds: float = 12.0
    init_seconds: float = 10.0
    message_bytes: int = 256 * 1024
    operations_per_socket: int = 64
