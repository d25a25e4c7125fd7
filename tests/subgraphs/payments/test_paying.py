"""The ways of a payment when everybody does their part."""

import threading
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import pytest
import segno
import sqlalchemy as sa

from subgraphs.payments.domain import br_code
from subgraphs.payments.use_cases.create_payment import TELLING

from .conftest import World, error_codes, raw

# Stripe's SDK hands httpx the form under its old name.
pytestmark = pytest.mark.filterwarnings("ignore:Use .content=:DeprecationWarning")

CREATED_BY_PIX = ["payment.created", "payment.requires_action"]


async def end_time(world: World, payment: dict[str, Any]) -> None:
    """The payment's time is over, its leeway included."""
    async with world.db.transaction() as connection:
        statement = sa.text("UPDATE payments SET expires_at = now() WHERE id = :id")
        await connection.execute(statement, {"id": UUID(raw(payment["id"]))})


# A Pix is created, paid in the bank's app, told by a signed webhook, and published.
async def test_a_pix_is_paid(world: World, payer: UUID) -> None:
    reference = f"reservation:{uuid4()}"
    payment = await world.created(payer, reference=reference)
    assert payment["status"] == "REQUIRES_ACTION"
    assert payment["card"] is None
    tags = br_code.parse(payment["pix"]["brCode"])
    assert br_code.charged_minor(tags) == 15_000
    assert payment["pix"]["qrCodeSvg"].startswith("<svg")

    await world.pay(payment["id"])

    paid = await world.until("SUCCEEDED", payment["id"], payer)
    assert paid["failure"] is None
    assert await world.until_processed(1) == ["applied"]
    *_, succeeded = events = await world.events(payment["id"])
    assert [event["type"] for event in events] == [*CREATED_BY_PIX, "payment.succeeded"]
    assert succeeded["data"] | {"expires_at": ""} == {
        "payment_id": raw(payment["id"]),
        "reference": reference,
        "payer_id": str(payer),
        "amount": {"amount_minor": 15_000, "currency": "BRL"},
        "method": "PIX",
        "expires_at": "",
    }


# A good card pays at once; whether its answer or its webhook comes first, it is one success.
async def test_a_card_pays(world: World, payer: UUID) -> None:
    payload = await world.by_card(payer)
    assert payload["errors"] == []
    payment = payload["payment"]
    assert payment["status"] == "SUCCEEDED"
    assert payment["card"] == {"brand": "visa", "last4": "4242"}
    assert payment["pix"] is None
    assert len(await world.until_processed(1)) == 1
    assert await world.event_types(payment["id"]) == ["payment.created", "payment.processing", "payment.succeeded"]


async def test_a_card_that_does_not_pay_fails_and_says_why(world: World, payer: UUID) -> None:
    for card, failure in {
        "pm_card_chargeDeclined": "CARD_DECLINED",
        "pm_card_chargeDeclinedInsufficientFunds": "INSUFFICIENT_FUNDS",
        "pm_card_chargeDeclinedExpiredCard": "EXPIRED_CARD",
        "pm_card_authenticationRequired": "AUTHENTICATION_REQUIRED",
        "pm_nobodys": "REJECTED_BY_GATEWAY",
    }.items():
        payload = await world.by_card(payer, card)
        assert error_codes(payload) == [("PAYMENT_DECLINED", None)]
        assert payload["payment"]["status"] == "FAILED"
        assert payload["payment"]["failure"]["code"] == failure
        assert payload["errors"][0]["message"] == payload["payment"]["failure"]["message"]
        *_, failed = await world.events(payload["payment"]["id"])
        assert (failed["type"], failed["data"]["failure_code"]) == ("payment.failed", failure)


# The card company takes its time; the webhook tells when it is done.
async def test_a_slow_card_pays_later(world: World, payer: UUID) -> None:
    payload = await world.by_card(payer, "pm_card_slow")
    assert payload["errors"] == []
    assert payload["payment"]["status"] == "PROCESSING"
    await world.pay(payload["payment"]["id"])
    paid = await world.until("SUCCEEDED", payload["payment"]["id"], payer)
    assert paid["card"]["brand"] in {"visa", None}


# After a declined card the same reservation is paid by Pix: another payment, the first stays failed.
async def test_another_way_to_pay_after_a_decline(world: World, payer: UUID) -> None:
    reference = f"reservation:{uuid4()}"
    declined = (await world.by_card(payer, "pm_card_chargeDeclined", reference=reference))["payment"]
    payment = await world.created(payer, reference=reference)
    await world.pay(payment["id"])
    await world.until("SUCCEEDED", payment["id"], payer)
    statuses = {one["paymentId"]: one["status"] for one in await world.reconcile(reference)}
    assert statuses == {raw(declined["id"]): "FAILED", raw(payment["id"]): "SUCCEEDED"}


# Choosing another way to pay withdraws the earlier charge: nobody pays twice.
async def test_a_second_payment_withdraws_the_first(world: World, payer: UUID) -> None:
    reference = f"reservation:{uuid4()}"
    first = await world.created(payer, reference=reference)
    at_once = await world.by_card(payer, reference=reference)
    assert (at_once["payment"], error_codes(at_once)) == (None, [("INVALID_STATE", None)])
    a_moment_later = (datetime.now(UTC) + TELLING).isoformat()
    second = await world.by_card(payer, reference=reference, askedAt=a_moment_later)
    assert second["payment"]["status"] == "SUCCEEDED"
    await world.until("CANCELLED", first["id"], payer)
    assert (await world.sandbox.post(f"/charges/{raw(first['id'])}/pay")).status_code == 409
    third = await world.create(payer, reference=reference)
    assert (third["payment"], error_codes(third)) == (None, [("INVALID_STATE", None)])


# The worker cancels a reference: its charge cannot be paid any more.
async def test_open_payments_are_cancelled(world: World, payer: UUID) -> None:
    reference = f"reservation:{uuid4()}"
    payment = await world.created(payer, reference=reference)
    for cancelled in (1, 0):
        answer = await world.work("cancelPayments", "cancelled settledPaymentId", {"reference": reference})
        assert answer == {"cancelled": cancelled, "settledPaymentId": None}
    assert await world.event_types(payment["id"]) == [*CREATED_BY_PIX, "payment.cancelled"]
    assert (await world.sandbox.post(f"/charges/{raw(payment['id'])}/pay")).status_code == 409


# Paid, but nobody told us: cancelling asks first and finds the money.
async def test_cancelling_finds_a_payment_made_meanwhile(world: World, payer: UUID) -> None:
    await world.faults("pix", drop_webhooks=True)
    reference = f"reservation:{uuid4()}"
    payment = await world.created(payer, reference=reference)
    await world.pay(payment["id"])
    answer = await world.work("cancelPayments", "cancelled settledPaymentId", {"reference": reference})
    assert answer == {"cancelled": 0, "settledPaymentId": raw(payment["id"])}
    assert await world.event_types(payment["id"]) == [*CREATED_BY_PIX, "payment.succeeded"]


# Before its time a payment does not expire; afterwards it does, and the bank takes no money for it.
async def test_a_payment_expires_in_its_time(world: World, payer: UUID) -> None:
    early = await world.created(payer)
    assert await world.work("expirePayment", "status", {"paymentId": raw(early["id"])}) == {"status": "REQUIRES_ACTION"}
    due = await world.created(payer)
    await end_time(world, due)
    assert await world.work("expirePayment", "status", {"paymentId": raw(due["id"])}) == {"status": "EXPIRED"}
    assert await world.event_types(due["id"]) == [*CREATED_BY_PIX, "payment.expired"]
    assert (await world.sandbox.post(f"/charges/{raw(due['id'])}/pay")).status_code == 409


# Expiry asks the bank first: what was paid in the last second counts.
async def test_expiry_finds_a_payment_made_in_the_last_second(world: World, payer: UUID) -> None:
    await world.faults("pix", drop_webhooks=True)
    payment = await world.created(payer)
    await world.pay(payment["id"])
    await end_time(world, payment)
    assert await world.work("expirePayment", "status", {"paymentId": raw(payment["id"])}) == {"status": "SUCCEEDED"}


# A lost webhook is made good by asking.
async def test_reconciling_finds_what_no_webhook_told(world: World, payer: UUID) -> None:
    await world.faults("pix", drop_webhooks=True)
    reference = f"reservation:{uuid4()}"
    payment = await world.created(payer, reference=reference)
    (found,) = await world.reconcile(reference)
    assert found["status"] == "REQUIRES_ACTION"
    await world.pay(payment["id"])
    expected = {
        "paymentId": raw(payment["id"]),
        "status": "SUCCEEDED",
        "amountMinor": 15_000,
        "method": "PIX",
        "reference": reference,
        "payerId": str(payer),
    }
    assert await world.reconcile(reference) == [expected]
    assert await world.reconcile(reference) == [expected]
    assert await world.event_types(payment["id"]) == [*CREATED_BY_PIX, "payment.succeeded"]


@pytest.mark.parametrize("method", ["PIX", "CARD"])
async def test_refunds_give_back_a_part_and_then_the_rest(world: World, payer: UUID, method: str) -> None:
    if method == "PIX":
        payment = await world.created(payer)
        await world.pay(payment["id"])
    else:
        payment = (await world.by_card(payer))["payment"]
    await world.until("SUCCEEDED", payment["id"], payer)

    part = await world.refund(payment["id"], amountMinor=4_000)
    assert (part["status"], part["errors"]) == ("SUBMITTED", [])
    partly = await world.until("PARTIALLY_REFUNDED", payment["id"], payer)
    assert partly["refunded"] == {"amountMinor": 4_000}

    too_much = await world.refund(payment["id"], amountMinor=11_001)
    assert too_much == {
        "refundId": None,
        "status": None,
        "errors": [{"code": "AMOUNT_MISMATCH", "field": "amountMinor"}],
    }

    rest = await world.refund(payment["id"])
    assert rest["errors"] == []
    fully = await world.until("REFUNDED", payment["id"], payer)
    assert fully["refunded"] == {"amountMinor": 15_000}
    refunds = [event["data"] for event in await world.events(payment["id"]) if event["type"] == "payment.refunded"]
    assert [(one["refund_id"], one["amount"]["amount_minor"], one["refunded"]["amount_minor"]) for one in refunds] == [
        (part["refundId"], 4_000, 4_000),
        (rest["refundId"], 11_000, 15_000),
    ]

    nothing_left = await world.refund(payment["id"])
    assert error_codes(nothing_left) == [("INVALID_STATE", "paymentId")]


# The same refund asked for twice is one refund; the key with another amount is refused.
async def test_a_refund_repeated_is_one_refund(world: World, payer: UUID) -> None:
    payment = (await world.by_card(payer))["payment"]
    first = await world.refund(payment["id"], amountMinor=5_000, idempotencyKey="refund-of-the-test")
    again = await world.refund(payment["id"], amountMinor=5_000, idempotencyKey="refund-of-the-test")
    assert first["refundId"] == again["refundId"]
    other = await world.refund(payment["id"], amountMinor=5_001, idempotencyKey="refund-of-the-test")
    assert error_codes(other) == [("IDEMPOTENCY_KEY_REUSED", "idempotencyKey")]
    await world.until("PARTIALLY_REFUNDED", payment["id"], payer)
    assert [event["type"] for event in await world.events(payment["id"])].count("payment.refunded") == 1


# A hundred aliases of the picture are one drawing, not on the event loop.
async def test_a_hundred_aliases_of_the_qr_code_are_drawn_once(
    world: World, payer: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    payment = await world.recorded(payer)
    submit = "mutation ($input: SubmitPaymentInput!) { submitPayment(input: $input) { errors { code } } }"
    given = {"input": {"paymentId": payment["id"]}}
    await world(submit, given, caller="gateway", customer=payer)
    drawn: list[int] = []
    draw = segno.make_qr

    def counting(text: str, **how: Any) -> Any:
        drawn.append(threading.get_ident())
        return draw(text, **how)

    monkeypatch.setattr(segno, "make_qr", counting)
    aliases = " ".join(f"a{number}: qrCodeSvg" for number in range(100))
    document = f"query ($id: ID!) {{ payment(id: $id) {{ pix {{ {aliases} }} }} }}"
    answer = await world(document, {"id": payment["id"]}, caller="gateway", customer=payer)
    pictures = answer["data"]["payment"]["pix"]
    assert (len(pictures), len(set(pictures.values())), len(drawn)) == (100, 1, 1)
    assert threading.get_ident() not in drawn
