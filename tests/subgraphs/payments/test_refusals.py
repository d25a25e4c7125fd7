"""What the service does not do, and for whom."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
import sqlalchemy as sa

from .conftest import World, error_codes, raw

# Stripe's SDK hands httpx the form under its old name.
pytestmark = pytest.mark.filterwarnings("ignore:Use .content=:DeprecationWarning")

CREATE = "mutation ($input: CreatePaymentInput!) { createPayment(input: $input) { payment { id } } }"


async def test_input_that_cannot_be_is_refused_by_field(world: World, payer: UUID) -> None:
    card = {"paymentMethodId": "pm_card_visa"}
    wrong: list[tuple[str, dict[str, Any]]] = [
        ("reference", {"reference": ""}),
        ("reference", {"reference": "a" * 101}),
        ("reference", {"reference": "reservation:1\n"}),
        ("amountMinor", {"amountMinor": 0}),
        ("amountMinor", {"amountMinor": -15_000}),
        ("amountMinor", {"amountMinor": 100_000_000}),
        ("card", {"method": "CARD"}),
        ("card", {"method": "PIX", "card": card}),
        ("card.paymentMethodId", {"method": "CARD", "card": {"paymentMethodId": "4242424242424242"}}),
        ("description", {"description": "a" * 1_001}),
        ("description", {"description": "a\x00b"}),
        ("payerName", {"payerName": "\x00"}),
        ("askedAt", {"askedAt": "2030-01-01T00:00:00"}),
        ("expiresAt", {"expiresAt": "2030-01-01T00:00:00"}),
        ("expiresAt", {"expiresAt": "2999-01-01T00:00:00Z"}),
        ("idempotencyKey", {"idempotencyKey": ""}),
        ("idempotencyKey", {"idempotencyKey": "a" * 201}),
    ]
    for field, given in wrong:
        payload = await world.create(payer, **given)
        assert (payload["payment"], error_codes(payload)) == (None, [("INVALID_INPUT", field)]), given
    late = await world.create(payer, expiresAt=(datetime.now(UTC) + timedelta(seconds=1)).isoformat())
    assert (late["payment"], error_codes(late)) == (None, [("EXPIRED", "expiresAt")])
    async with world.db.connect() as connection:
        assert (await connection.execute(sa.text("SELECT count(*) FROM payments"))).scalar_one() == 0


async def test_a_key_stands_for_one_input(world: World, payer: UUID) -> None:
    wanted = {
        "reference": "reservation:of-the-test",
        "idempotencyKey": "key",
        "expiresAt": (datetime.now(UTC) + timedelta(minutes=9)).isoformat(),
    }
    first = await world.created(payer, **wanted)
    assert (await world.created(payer, **wanted))["id"] == first["id"]
    for other in ({"amountMinor": 15_001}, {"reference": "reservation:other"}, {"description": "Outro evento"}):
        payload = await world.create(payer, **{**wanted, **other})
        assert (payload["payment"], error_codes(payload)) == (
            None,
            [("IDEMPOTENCY_KEY_REUSED", "idempotencyKey")],
        )
    # Another payer's same key is another key.
    assert (await world.created(uuid4(), **wanted))["id"] != first["id"]


async def test_a_payment_is_its_payers_alone(world: World, payer: UUID) -> None:
    reference = f"reservation:{uuid4()}"
    payment = await world.created(payer, reference=reference)
    stranger = uuid4()
    assert await world.payment(payment["id"], stranger) is None
    for no_id in ("", "UGF5bWVudDo=", raw(payment["id"]), "RXZlbnQ6" + payment["id"], "é" * 50):
        assert await world.payment(no_id, payer) is None
    document = """query ($reference: String!, $representations: [_Any!]!) {
        paymentsByReference(reference: $reference) { id }
        _entities(representations: $representations) { ... on Payment { id status } } }"""
    given = {"reference": reference, "representations": [{"__typename": "Payment", "id": payment["id"]}]}
    theirs = await world(document, given, caller="gateway", customer=stranger)
    assert theirs["data"] == {"paymentsByReference": [], "_entities": [None]}
    own = await world(document, given, caller="gateway", customer=payer)
    assert own["data"] == {
        "paymentsByReference": [{"id": payment["id"]}],
        "_entities": [{"id": payment["id"], "status": "REQUIRES_ACTION"}],
    }


async def test_internal_operations_are_for_their_callers(world: World, payer: UUID) -> None:
    given = {
        "reference": "r",
        "amountMinor": 100,
        "currency": "BRL",
        "method": "PIX",
        "expiresAt": "2030-01-01T00:00:00Z",
        "idempotencyKey": "k",
    }
    somebody = {"paymentId": str(uuid4())}
    attempts: list[tuple[str, dict[str, Any], str, UUID | None]] = [
        (CREATE, given, "workers", payer),
        (CREATE, given, "gateway", None),
        *(
            (
                f"mutation ($input: {kind}Input!) {{ {kind[0].lower() + kind[1:]}(input: $input) {{ __typename }} }}",
                values,
                "gateway",
                payer,
            )
            for kind, values in {
                "ReconcilePayments": somebody,
                "CancelPayments": {"reference": "r"},
                "ExpirePayment": somebody,
                "RefundPayment": {**somebody, "reason": "r", "idempotencyKey": "k"},
            }.items()
        ),
    ]
    for document, values, caller, customer in attempts:
        answer = await world(document, {"input": values}, caller=caller, customer=customer)
        assert answer["data"] is None
        assert [error["extensions"]["code"] for error in answer["errors"]] == ["FORBIDDEN"], document
    assert (await world.payments.post("/graphql", json={"query": "{ __typename }"})).status_code == 401


async def test_what_is_not_there_is_not_worked_on(world: World) -> None:
    nobody = str(uuid4())
    assert await world.reconcile("reservation:nobody") == []
    assert await world.work("expirePayment", "status", {"paymentId": nobody}) == {"status": None}
    assert await world.work("cancelPayments", "cancelled settledPaymentId", {"reference": "nobody"}) == {
        "cancelled": 0,
        "settledPaymentId": None,
    }
    refund = {"paymentId": nobody, "reason": "cancelled", "idempotencyKey": "k"}
    answer = await world.work("refundPayment", "refundId errors { code field }", refund)
    assert error_codes(answer) == [("NOT_FOUND", "paymentId")]
    document = "mutation ($input: ExpirePaymentInput!) { expirePayment(input: $input) { status } }"
    garbage = await world(document, {"input": {"paymentId": "garbage"}})
    assert garbage["errors"][0]["extensions"]["code"] == "BAD_USER_INPUT"


async def test_an_unpaid_payment_gives_nothing_back(world: World, payer: UUID) -> None:
    payment = await world.created(payer)
    assert error_codes(await world.refund(payment["id"])) == [("INVALID_STATE", "paymentId")]
    for field, given in (
        ("amountMinor", {"amountMinor": 0}),
        ("reason", {"reason": ""}),
        ("reason", {"reason": " \r\n"}),
        ("reason", {"reason": "a\x00"}),
        ("idempotencyKey", {"idempotencyKey": ""}),
    ):
        assert error_codes(await world.refund(payment["id"], **given)) == [("INVALID_INPUT", field)]


# Five taps of an impatient payer are one payment.
async def test_the_same_request_at_once_is_one_payment(world: World, payer: UUID) -> None:
    wanted = {
        "reference": "reservation:taps",
        "idempotencyKey": "taps",
        "expiresAt": (datetime.now(UTC) + timedelta(minutes=9)).isoformat(),
    }
    answers = await asyncio.gather(*(world.create(payer, **wanted) for _ in range(5)))
    assert {answer["payment"]["id"] for answer in answers if answer["payment"]} == {answers[0]["payment"]["id"]}
    assert (await world.event_types(answers[0]["payment"]["id"])).count("payment.created") == 1


# Below what the card company charges: Pix takes a single centavo.
async def test_an_amount_too_small_for_a_card_is_offered_pix(world: World, payer: UUID) -> None:
    for amount in (1, 49):
        payload = await world.by_card(payer, amountMinor=amount, language="pt-BR")
        assert (payload["payment"], error_codes(payload)) == (None, [("AMOUNT_TOO_SMALL", "method")])
        assert payload["errors"][0]["message"] == "O valor é pequeno demais para o cartão. Pague com Pix."
        assert (await world.created(payer, amountMinor=amount))["status"] == "REQUIRES_ACTION"
    assert "Pix" in (await world.by_card(payer, amountMinor=1))["errors"][0]["message"]
    assert (await world.by_card(payer, amountMinor=50))["payment"]["status"] == "SUCCEEDED"


# Five refunds of R$ 40,00 at once out of R$ 150,00: three.
async def test_refunds_at_once_never_exceed_what_was_received(world: World, payer: UUID) -> None:
    payment = (await world.by_card(payer))["payment"]
    refunds = await asyncio.gather(*(world.refund(payment["id"], amountMinor=4_000) for _ in range(5)))
    refused = [error_codes(refund) for refund in refunds if refund["errors"]]
    assert refused == [[("AMOUNT_MISMATCH", "amountMinor")]] * 2
    for _ in range(100):
        found = await world.until("PARTIALLY_REFUNDED", payment["id"], payer)
        if found["refunded"]["amountMinor"] == 12_000:
            break
        await asyncio.sleep(0.05)
    assert (found["refunded"]["amountMinor"], found["status"]) == (12_000, "PARTIALLY_REFUNDED")
