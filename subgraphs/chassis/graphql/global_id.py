"""Opaque global ids, as Relay encodes them: base64("<Type>:<uuid>")."""

from __future__ import annotations

import base64
import binascii
from uuid import UUID

import strawberry


def encode(type: str, id: UUID) -> strawberry.ID:
    """For instance ``encode("Event", id)``."""
    return strawberry.ID(base64.b64encode(f"{type}:{id}".encode()).decode())


def decode(type: str, id: str) -> UUID | None:
    """None for garbage and for another type's id: to a client both are an id that does not exist."""
    try:
        found, _, raw = base64.b64decode(id, validate=True).decode("ascii").partition(":")
        uuid = UUID(raw)
    except (binascii.Error, ValueError):
        return None
    # UUID() also takes braces, URNs and missing dashes: one entity has one id.
    return uuid if found == type and str(uuid) == raw else None
