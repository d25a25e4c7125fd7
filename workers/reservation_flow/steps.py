"""The steps of the reservation flow: each asks one service one thing, and gives the machine what it decides by.

Steps take and give JSON objects; names are those of `definition.asl.json`. All may be repeated. They raise WorkerFault.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from workers.reservation_flow import documents
from workers.reservation_flow.closing import closing_event
from workers.reservation_flow.events import message_of
from workers.runtime.errors import PermanentFault
from workers.runtime.logging import log
from workers.runtime.subgraph_client import SubgraphClient

if TYPE_CHECKING:
    from mypy_boto3_sns import SNSClient

Given = Mapping[str, Any]
_CURRENCY = "BRL"
_CONFIRMATIONS = frozenset(
    {"CONFIRMED", "UNITS_TAKEN", "CANCELLED", "AMOUNT_MISMATCH", "NOT_FOUND", "DUPLICATE_PAYMENT"}
)
# After a partial refund too: an execution that is repeated must find the payment that it confirmed with.
_PAID = frozenset({"SUCCEEDED", "PARTIALLY_REFUNDED"})
_OPEN = frozenset({"CREATED", "REQUIRES_ACTION", "PROCESSING"})


@dataclass(frozen=True, slots=True)
class ReservationSteps:
    services: SubgraphClient
    sns: SNSClient
    topic_arn: str

    def run(self, step: str, given: Given) -> dict[str, Any]:
        steps: dict[str, Callable[[Given], dict[str, Any]]] = {
            "ask_payments": self.ask_payments,
            "confirm_reservation": self.confirm_reservation,
            "confirm_concessions": self.confirm_concessions,
            "release_concessions": self.release_concessions,
            "cancel_concessions": self.cancel_concessions,
            "expire_reservation": self.expire_reservation,
            "close_payments": self.close_payments,
            "refund_payment": self.refund_payment,
            "notify": self.notify,
        }
        if step not in steps:
            raise PermanentFault(f"the reservation flow has no step {step!r}")
        return steps[step](given)

    def ask_payments(self, given: Given) -> dict[str, Any]:
        """`{payment_id, amount_minor}` of what is paid, by the gateway's word; `payment_id` is '' when nothing is."""
        return _paid(self._reconciled(given))

    def _reconciled(self, given: Given) -> list[dict[str, Any]]:
        answer = self.services.ask(
            "payments", documents.RECONCILE_PAYMENTS, {"input": {"reference": _reference(given)}}
        )
        payments: list[dict[str, Any]] = answer["reconcilePayments"]["payments"]
        return payments

    def confirm_reservation(self, given: Given) -> dict[str, Any]:
        """`{status}`, with `order` when CONFIRMED. `payment_id` is '' for what costs nothing."""
        answer = self.services.ask(
            "ticketing",
            documents.CONFIRM_RESERVATION,
            {
                "input": {
                    **_whose(given),
                    "paymentId": given["payment_id"] or None,
                    "amountMinor": given["amount_minor"],
                    "currency": _CURRENCY,
                }
            },
        )["confirmReservation"]
        if answer["status"] not in _CONFIRMATIONS:
            raise PermanentFault(f"ticketing answered a confirmation with {answer['status']}")
        if answer["status"] != "CONFIRMED":
            return {"status": answer["status"]}
        return {"status": "CONFIRMED", "order": _order(answer["order"])}

    def confirm_concessions(self, given: Given) -> dict[str, Any]:
        """`{pickup_code, items, refund_minor}`: what was paid for concessions that cannot be had goes back.

        An order that costs more than what was paid for it is cancelled, so that it keeps no stock from others.
        """
        paid = given["amount_minor"] - given["tickets_total_minor"]
        answer = self.services.ask(
            "concessions",
            documents.CONFIRM_CONCESSIONS,
            {"input": {**_whose(given), "paymentId": given["payment_id"] or None, "paidMinor": paid}},
        )["confirmConcessionOrder"]
        if answer["status"] == "PAID":
            return {
                "pickup_code": answer["pickupCode"] or "",
                "items": answer["items"],
                "refund_minor": max(0, paid - answer["totalMinor"]),
            }
        if answer["status"] == "AMOUNT_MISMATCH":
            self.cancel_concessions(given)
        return {"pickup_code": "", "items": [], "refund_minor": max(0, paid)}

    def release_concessions(self, given: Given) -> dict[str, Any]:
        answer = self.services.ask("concessions", documents.EXPIRE_CONCESSIONS, {"input": _whose(given)})
        return {"status": answer["expireConcessionOrder"]["status"]}

    def cancel_concessions(self, given: Given) -> dict[str, Any]:
        answer = self.services.ask("concessions", documents.CANCEL_CONCESSIONS, {"input": _whose(given)})
        return {"status": answer["cancelConcessionOrder"]["status"]}

    def expire_reservation(self, given: Given) -> dict[str, Any]:
        answer = self.services.ask("ticketing", documents.EXPIRE_RESERVATION, {"input": _whose(given)})
        return {"status": answer["expireReservation"]["status"]}

    def close_payments(self, given: Given) -> dict[str, Any]:
        """`{payment_id, amount_minor, undecided, settled_payment_id}`: what became of the money of a reservation.

        Open charges are withdrawn. `payment_id` is what turned out to be paid, beside the one that is given; '' when
        nothing is. `undecided`: a payment is still in the bank's hands, and nobody can say yet. `settled_payment_id`
        holds money, though perhaps none that a reservation could be confirmed with (it was charged back, say).
        """
        answer = self.services.ask("payments", documents.CANCEL_PAYMENTS, {"input": {"reference": _reference(given)}})
        payments = self._reconciled(given)
        return {
            **_paid(payment for payment in payments if payment["paymentId"] != given["payment_id"]),
            "undecided": any(payment["status"] in _OPEN for payment in payments),
            "settled_payment_id": answer["cancelPayments"]["settledPaymentId"] or "",
        }

    def refund_payment(self, given: Given) -> dict[str, Any]:
        """`{refund_id, status, refunded_minor}`: `refund_minor` of the payment, or all that is left of it.

        Nothing being left is as good: then `refunded_minor` is 0. Raises PermanentFault when payments refuses for any
        other reason: that money needs a person.
        """
        reason = given["reason"]
        answer = self.services.ask(
            "payments",
            documents.REFUND_PAYMENT,
            {
                "input": {
                    "paymentId": given["payment_id"],
                    "amountMinor": given.get("refund_minor"),
                    "reason": reason,
                    "idempotencyKey": f"{given['reservation_id']}:{given['payment_id']}:{reason}",
                }
            },
        )["refundPayment"]
        codes = {error["code"] for error in answer["errors"]}
        if codes == {"INVALID_STATE"} and given.get("refund_minor") is None:
            log("refund_not_needed", payment_id=given["payment_id"], reason=reason)
            return {"refund_id": "", "status": "NOTHING_LEFT", "refunded_minor": 0}
        if codes or answer["refundId"] is None:
            raise PermanentFault(f"payments refused to refund {given['payment_id']}: {', '.join(sorted(codes))}")
        return {
            "refund_id": answer["refundId"],
            "status": answer["status"],
            "refunded_minor": answer["amountMinor"] or 0,
        }

    def notify(self, given: Given) -> dict[str, Any]:
        """Publishes what became of the order to all who listen."""
        kind, message = message_of(closing_event(given["type"], given["data"]))
        self.sns.publish(
            TopicArn=self.topic_arn,
            Message=message,
            MessageAttributes={"type": {"DataType": "String", "StringValue": kind}},
        )
        return {"type": kind}


def _whose(given: Given) -> dict[str, str]:
    return {"reservationId": given["reservation_id"], "customerId": given["customer_id"]}


def _reference(given: Given) -> str:
    return f"reservation:{given['reservation_id']}"


def _order(order: Given) -> dict[str, Any]:
    return {
        "event_id": order["eventId"],
        "event_name": order["eventName"],
        "session_id": order["sessionId"],
        "venue_name": order["venueName"],
        "starts_at": order["startsAt"],
        "time_zone": order["timeZone"],
        "units": order["units"],
        "total_minor": order["totalMinor"],
        "currency": order["currency"],
        "tickets": [
            {"id": ticket["id"], "code": ticket["code"], "qr_payload": ticket["qrPayload"]}
            for ticket in order["tickets"]
        ],
    }


def _paid(payments: Iterable[Given]) -> dict[str, Any]:
    """The first that is paid."""
    for payment in payments:
        if payment["status"] in _PAID:
            return {"payment_id": payment["paymentId"], "amount_minor": payment["amountMinor"]}
    return {"payment_id": "", "amount_minor": 0}
