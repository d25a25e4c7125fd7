"""Domain events: the envelope that crosses services, and how a producer publishes its schema."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, TypeVar
from uuid import UUID, uuid4

import msgspec

_Data = TypeVar("_Data", bound=msgspec.Struct)


class DomainEvent(msgspec.Struct, frozen=True, kw_only=True):
    """One fact, in the past tense. ``data`` is snake_case JSON: raw UUID strings, money as {amount_minor, currency}."""

    id: str
    type: str
    source: str
    subject: str
    occurred_at: datetime
    version: int = 1
    data: dict[str, Any]


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(DomainEvent)


def new_event(
    type: str,
    *,
    source: str,
    subject: UUID | str,
    data: msgspec.Struct | Mapping[str, Any],
    id: str | None = None,
    version: int = 1,
) -> DomainEvent:
    """An event that happens now. ``id`` is a new UUID unless the fact has a natural one (then repeats are one)."""
    return DomainEvent(
        id=id or str(uuid4()),
        type=type,
        source=source,
        subject=str(subject),
        occurred_at=datetime.now(UTC),
        version=version,
        data=msgspec.to_builtins(data),
    )


def encode(event: DomainEvent) -> str:
    """The JSON text that goes over SNS."""
    return _encoder.encode(event).decode()


def decode(body: str | bytes) -> DomainEvent:
    """Raises ``msgspec.DecodeError`` (malformed JSON) or ``msgspec.ValidationError`` (not an event)."""
    return _decoder.decode(body)


def read_data(event: DomainEvent, shape: type[_Data]) -> _Data:
    """``event.data`` as a Struct; unknown fields are ignored. Raises ``msgspec.ValidationError``."""
    return msgspec.convert(event.data, shape)


def schema_document(service: str, types: Mapping[str, type[msgspec.Struct]]) -> dict[str, Any]:
    """JSON Schema 2020-12 of a producer's events, by event type: what ``events.schema.json`` holds."""
    schemas, components = msgspec.json.schema_components(types.values(), ref_template="#/$defs/{name}")
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"Domain events of {service}: the field data, by event type",
        "properties": dict(zip(types, schemas, strict=True)),
        "$defs": components,
    }
