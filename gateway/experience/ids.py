"""Ids as clients see them, base64("<Type>:<uuid>"), and the ids that follow from what was asked."""

import base64
import binascii
import hashlib
from typing import Final
from uuid import UUID, uuid5

_RESERVATIONS: Final = UUID("6f0b7c1e-3a43-5d0e-9b3c-0d4a5be1c001")
_LONGEST: Final = 200


def encode(typename: str, uuid: UUID | str) -> str:
    return base64.b64encode(f"{typename}:{uuid}".encode()).decode()


def split(global_id: str) -> tuple[str, UUID] | None:
    """(type, uuid), or None for what is no id of ours."""
    if len(global_id) > _LONGEST:
        return None
    try:
        typename, _, raw = base64.b64decode(global_id, validate=True).decode("ascii").partition(":")
        uuid = UUID(raw)
    except (binascii.Error, ValueError):
        return None
    # UUID() also takes braces, URNs and missing dashes: one entity has one id.
    return (typename, uuid) if str(uuid) == raw else None


def decode(typename: str, global_id: str) -> UUID | None:
    """None for garbage and for another type's id: to a client both are an id that does not exist."""
    found = split(global_id)
    return found[1] if found is not None and found[0] == typename else None


def reservation_id(customer_id: UUID, idempotency_key: str) -> UUID:
    """The id that this request's reservation has, however often it is asked for."""
    return uuid5(_RESERVATIONS, f"{customer_id}:{idempotency_key}")


def derived_key(customer_id: UUID, idempotency_key: str, step: str) -> str:
    """The idempotency key of one step of a larger mutation: the same for every replay, another for every customer."""
    return hashlib.sha256(f"{customer_id}:{step}:{idempotency_key}".encode()).hexdigest()
