"""The steps of the payment flow. All may be repeated. They raise WorkerFault."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from workers.payment_flow.documents import EXPIRE_PAYMENT, RECONCILE_PAYMENT
from workers.runtime.errors import PermanentFault
from workers.runtime.executions import start_once
from workers.runtime.logging import log
from workers.runtime.subgraph_client import SubgraphClient
from workers.runtime.task_tokens import Delivery, TaskTokens

if TYPE_CHECKING:
    from mypy_boto3_stepfunctions import SFNClient

Given = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class PaymentSteps:
    services: SubgraphClient
    tokens: TaskTokens
    machines: SFNClient
    reservation_flow_arn: str

    def run(self, step: str, given: Given) -> dict[str, Any]:
        steps: dict[str, Callable[[Given], dict[str, Any]]] = {
            "ask_gateway": self.ask_gateway,
            "expire_payment": self.expire_payment,
            "hand_over": self.hand_over,
        }
        if step not in steps:
            raise PermanentFault(f"the payment flow has no step {step!r}")
        return steps[step](given)

    def ask_gateway(self, given: Given) -> dict[str, Any]:
        """`{status}` as the external gateway has it now."""
        answer = self.services.ask("payments", RECONCILE_PAYMENT, {"input": {"paymentId": given["payment_id"]}})
        for payment in answer["reconcilePayments"]["payments"]:
            if payment["paymentId"] == given["payment_id"]:
                return {"status": payment["status"]}
        raise PermanentFault(f"payments does not know payment {given['payment_id']}")

    def expire_payment(self, given: Given) -> dict[str, Any]:
        """`{status}` afterwards: SUCCEEDED when it was paid at the last moment."""
        answer = self.services.ask("payments", EXPIRE_PAYMENT, {"input": {"paymentId": given["payment_id"]}})
        status = answer["expirePayment"]["status"]
        if status is None:
            raise PermanentFault(f"payments does not know payment {given['payment_id']}")
        return {"status": status}

    def hand_over(self, given: Given) -> dict[str, Any]:
        """Tells the reservation that waits; when none does (any more), a flow of its own decides about this payment."""
        reservation_id, payment_id = given["reservation_id"], given["payment_id"]
        paid = {"outcome": "PAID", "payment_id": payment_id, "amount_minor": given["amount_minor"]}
        delivery = self.tokens.succeed(f"reservation:{reservation_id}", f"paid:{payment_id}", paid)
        log("payment_handed_over", reservation_id=reservation_id, payment_id=payment_id, delivery=delivery.value)
        if delivery not in (Delivery.DELIVERED, Delivery.REPEATED):
            start_once(
                self.machines,
                self.reservation_flow_arn,
                f"{reservation_id}-late-{payment_id}",
                {"reservation_id": reservation_id, "customer_id": given["customer_id"], **paid},
            )
        return {"delivery": delivery.value}
