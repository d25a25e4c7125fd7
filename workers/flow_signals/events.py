"""What the queue brings: domain events of payments and ticketing, and the machines' own deadlines."""

from typing import Annotated, Any, TypeVar

import msgspec

from workers.runtime.errors import PermanentFault

ShapeT = TypeVar("ShapeT", bound=msgspec.Struct)
Text = Annotated[str, msgspec.Meta(min_length=1, max_length=255)]


class Amount(msgspec.Struct, frozen=True):
    amount_minor: int
    currency: str = "BRL"


class PaymentData(msgspec.Struct, frozen=True):
    payment_id: Text
    reference: str
    payer_id: Text
    amount: Amount
    expires_at: str | None = None


class CancelledReservation(msgspec.Struct, frozen=True):
    reservation_id: Text
    customer_id: Text
    paid_payment_id: str | None = None


class SettledReservation(msgspec.Struct, frozen=True):
    reservation_id: Text
    customer_id: Text


class Deadline(msgspec.Struct, frozen=True):
    flow: str
    token_id: Text
    due_at: str
    input: dict[str, Any]


class Envelope(msgspec.Struct, frozen=True):
    type: Text
    data: msgspec.Raw = msgspec.Raw(b"{}")


_REFERENCE_PREFIX = "reservation:"


def read_envelope(body: str) -> Envelope:
    return _read(body, Envelope)


def read_payment(envelope: Envelope) -> PaymentData:
    return _read(envelope.data, PaymentData)


def read_cancelled(envelope: Envelope) -> CancelledReservation:
    return _read(envelope.data, CancelledReservation)


def read_settled(envelope: Envelope) -> SettledReservation:
    return _read(envelope.data, SettledReservation)


def read_deadline(body: str) -> Deadline:
    return _read(body, Deadline)


def reservation_of(payment: PaymentData) -> str | None:
    """The reservation that a payment is for; None for what other systems are paid for."""
    if not payment.reference.startswith(_REFERENCE_PREFIX):
        return None
    return payment.reference.removeprefix(_REFERENCE_PREFIX)


def _read(source: str | msgspec.Raw, shape: type[ShapeT]) -> ShapeT:
    try:
        return msgspec.json.decode(source, type=shape)
    except (msgspec.DecodeError, UnicodeEncodeError) as exc:
        raise PermanentFault(f"not a {shape.__name__}: {exc}") from exc
