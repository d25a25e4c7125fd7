"""The steps of the reservation flow: each asks one service one thing, and gives the machine what it decides by.

Steps take and give JSON objects; names are those of `definition.asl.json`. All may be repeated. They raise WorkerFault.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from workers.reservation_flow import documents
from workers.reservation_flow.events import (
    Amount,
    OrderCancelled,
    OrderConfirmed,
    OrderedConcession,
    OrderedTicket,
    OrderEvent,
    OrderExpired,
    OrderRefunded,
    message_of,
)
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
            "cancel_payments": self.cancel_payments,
            "refund_payment": self.refund_payment,
            "notify": self.notify,
        }
        if step not in steps:
            raise PermanentFault(f"the reservation flow has no step {step!r}")
        return steps[step](given)

    def ask_payments(self, given: Given) -> dict[str, Any]:
        """`{payment_id, amount_minor}` of what is paid, by the gateway's word; `payment_id` is '' when nothing is."""
        answer = self.services.ask(
            "payments", documents.RECONCILE_PAYMENTS, {"input": {"reference": _reference(given)}}
        )["reconcilePayments"]
        for payment in answer["payments"]:
            if payment["status"] in _PAID:
                return {"payment_id": payment["paymentId"], "amount_minor": payment["amountMinor"]}
        return {"payment_id": "", "amount_minor": 0}

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

    def cancel_payments(self, given: Given) -> dict[str, Any]:
        """`{settled_payment_id}`: what turned out to be paid when it was to be cancelled; empty otherwise."""
        answer = self.services.ask("payments", documents.CANCEL_PAYMENTS, {"input": {"reference": _reference(given)}})
        return {"settled_payment_id": answer["cancelPayments"]["settledPaymentId"] or ""}

    def refund_payment(self, given: Given) -> dict[str, Any]:
        """`refund_minor` of the payment, or all that is left of it; nothing being left is as good.

        Raises PermanentFault when payments refuses for any other reason: that money needs a person.
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
            return {"refund_id": "", "status": "NOTHING_LEFT"}
        if codes or answer["refundId"] is None:
            raise PermanentFault(f"payments refused to refund {given['payment_id']}: {', '.join(sorted(codes))}")
        return {"refund_id": answer["refundId"], "status": answer["status"]}

    def notify(self, given: Given) -> dict[str, Any]:
        """Publishes what became of the order to all who listen."""
        kind, message = message_of(_event(given["type"], given["data"]))
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


def _event(kind: str, data: Given) -> OrderEvent:
    whose = {"reservation_id": data["reservation_id"], "customer_id": data["customer_id"]}
    match kind:
        case "order.confirmed":
            order, concessions = data["order"], data["concessions"]
            returned = concessions.get("refund_minor", 0)
            return OrderConfirmed(
                **whose,
                event_id=order["event_id"],
                event_name=order["event_name"],
                session_id=order["session_id"],
                venue_name=order["venue_name"],
                starts_at=order["starts_at"],
                time_zone=order["time_zone"],
                units=list(order["units"]),
                tickets=[OrderedTicket(**ticket) for ticket in order["tickets"]],
                total=Amount(data["amount_minor"] - returned, order["currency"]),
                pickup_code=concessions["pickup_code"] or None,
                concession_items=[OrderedConcession(item["name"], item["quantity"]) for item in concessions["items"]],
            )
        case "order.expired":
            return OrderExpired(**whose)
        case "order.cancelled":
            return OrderCancelled(**whose, refunded=data["refunded"])
        case "order.refunded":
            return OrderRefunded(**whose, amount=Amount(data["amount_minor"], _CURRENCY))
    raise PermanentFault(f"there is no event {kind!r}")
