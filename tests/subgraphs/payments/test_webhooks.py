"""What the gateways tell us: believed only with proof, acted upon once, in any order."""

import json
from typing import Any
from uuid import UUID, uuid4

import pytest
import sqlalchemy as sa

from .conftest import World, pix_received, raw, signed

# Stripe's SDK hands httpx the form under its old name.
pytestmark = pytest.mark.filterwarnings("ignore:Use .content=:DeprecationWarning")


async def intent_of(world: World, payment_id: str) -> str:
    """The card company's name for a payment."""
    async with world.db.connect() as connection:
        statement = sa.text("SELECT provider_reference FROM payments WHERE id = :id")
        return str((await connection.execute(statement, {"id": raw(payment_id)})).scalar_one())


def stripe_event(kind: str, intent: str, status: str, **more: Any) -> bytes:
    about = {"id": intent, "amount": 15_000, "amount_received": 0, "currency": "brl", "status": status, **more}
    return json.dumps({"id": f"evt_{uuid4().hex}", "type": kind, "data": {"object": about}}).encode()


@pytest.mark.parametrize("provider", ["pix", "stripe"])
async def test_a_delivery_without_proof_is_refused(world: World, payer: UUID, provider: str) -> None:
    payment = await world.created(payer)
    body = pix_received(payment["id"])
    if provider == "stripe":
        body = stripe_event("payment_intent.succeeded", "pi_1", "succeeded", amount_received=15_000)
    wrong: dict[str, dict[str, str] | list[tuple[bytes, bytes]]] = {
        "no signature": {},
        "malformed": {"x-pix-signature": "t=1", "stripe-signature": "t=now,v1=1"},
        "not ASCII": [(b"x-pix-signature", b"t=\xe9,v1=zz"), (b"stripe-signature", b"t=\xe9,v1=zz")],
        "another secret": signed(provider, body, secret="x" * 32),
        "of another body": signed(provider, body + b" "),
        "stale": signed(provider, body, age_s=301),
        "early": signed(provider, body, age_s=-302),
    }
    for what, headers in wrong.items():
        response = await world.payments.post(f"/webhooks/{provider}", content=body, headers=headers)
        assert (response.status_code, response.content) == (400, b""), what
    assert await world.outcomes() == []
    found = await world.payment(payment["id"], payer)
    assert found is not None
    assert found["status"] == "REQUIRES_ACTION"


async def test_a_signed_delivery_of_another_shape_is_refused(world: World) -> None:
    bodies = {
        "pix": [
            b"",
            b"[]",
            b"\xff\xfe",
            b'{"pix": 1}',
            b'{"pix": [{"endToEndId": "short", "valor": "1.00"}]}',
            b'{"pix": [{"endToEndId": "E0000000000000000000000000000001", "valor": "1,00"}]}',
            b'{"pix": [{"endToEndId": "E0000000000000000000000000000001", "valor": "1.00", "txid": "a\\u0000b"}]}',
        ],
        "stripe": [
            b"",
            b"[]",
            b"\xff\xfe",
            b'{"id": "evt_1", "type": "payment_intent.succeeded", "data": {"object": {"id": 1}}}',
            b'{"id": "evt_\\u0000", "type": "charge.updated", "data": {"object": {}}}',
        ],
    }
    for provider, wrong in bodies.items():
        for body in wrong:
            assert await world.told(provider, body) == 400, body
    assert await world.outcomes() == []


async def test_a_delivery_that_is_too_large_is_refused(world: World) -> None:
    assert await world.told("pix", b" " * (64 * 1024 + 1)) == 413
    assert await world.told("pix", b'{"pix": []}' + b" " * (64 * 1024 - 11)) == 200


async def test_a_delivery_of_too_many_messages_is_refused(world: World) -> None:
    many = [{"endToEndId": f"E{number:031}", "valor": "1.00"} for number in range(201)]
    assert await world.told("pix", json.dumps({"pix": many}).encode()) == 400
    assert await world.outcomes() == []


async def test_a_message_about_an_unknown_charge_changes_nothing(world: World, payer: UUID) -> None:
    payment = await world.created(payer)
    stranger = pix_received(payment["id"]).replace(raw(payment["id"]).replace("-", "").encode(), uuid4().hex.encode())
    assert await world.told("pix", stranger) == 200
    assert await world.until_processed(1) == ["unknown_charge"]
    assert await world.event_types(payment["id"]) == ["payment.created", "payment.requires_action"]


# Banks repeat, and others may replay within the tolerance: once stored, once applied, once published.
async def test_a_delivery_replayed_is_one_message(world: World, payer: UUID) -> None:
    payment = await world.created(payer)
    body = pix_received(payment["id"])
    await world.faults("pix", drop_webhooks=True)
    await world.pay(payment["id"])
    for age in (0, 1, 200):
        assert await world.told("pix", body, age_s=age) == 200
    assert await world.until_processed(1) == ["applied"]
    assert (await world.event_types(payment["id"])).count("payment.succeeded") == 1


# The sandbox sends everything twice and in disorder: what is published stays the same.
async def test_duplicates_and_reorderings_change_nothing(world: World, payer: UUID) -> None:
    await world.faults("stripe", duplicate_webhooks=True, reorder_webhooks=True)
    payment = (await world.by_card(payer, "pm_card_slow"))["payment"]
    await world.pay(payment["id"])  # `processing` is told after `succeeded`
    await world.until("SUCCEEDED", payment["id"], payer)
    assert set(await world.until_processed(2)) <= {"applied", "unchanged"}
    assert await world.event_types(payment["id"]) == ["payment.created", "payment.processing", "payment.succeeded"]


async def test_a_failure_after_a_success_changes_nothing(world: World, payer: UUID) -> None:
    payment = (await world.by_card(payer))["payment"]
    await world.until_processed(1)
    intent = await intent_of(world, payment["id"])
    assert (
        await world.told("stripe", stripe_event("payment_intent.payment_failed", intent, "requires_payment_method"))
        == 200
    )
    assert await world.told("stripe", stripe_event("payment_intent.canceled", intent, "canceled")) == 200
    assert (await world.until_processed(3))[1:] == ["unchanged"] * 2
    assert (await world.until("SUCCEEDED", payment["id"], payer))["failure"] is None


# Money that arrives after we gave up is not lost: the payment succeeds late and says so.
@pytest.mark.parametrize("ended", ["CANCELLED", "FAILED"])
async def test_a_late_success_is_applied(world: World, payer: UUID, ended: str) -> None:
    if ended == "CANCELLED":
        reference = f"reservation:{uuid4()}"
        payment = await world.created(payer, reference=reference)
        await world.work("cancelPayments", "cancelled", {"reference": reference})
    else:
        payment = (await world.by_card(payer, "pm_card_chargeDeclined"))["payment"]
    await world.until(ended, payment["id"], payer)
    await world.pay(payment["id"], "pay-late")
    paid = await world.until("SUCCEEDED", payment["id"], payer)
    assert paid["failure"] is None
    assert (await world.event_types(payment["id"]))[-2:] == [f"payment.{ended.lower()}", "payment.succeeded"]


# Rightly signed, of the right amount, and of a payment that nobody made: who is asked says so, and nothing is settled.
@pytest.mark.parametrize("method", ["PIX", "CARD"])
@pytest.mark.parametrize("ended", [False, True])
async def test_a_message_that_its_company_does_not_confirm_settles_nothing(
    world: World, payer: UUID, method: str, ended: bool
) -> None:
    reference = f"reservation:{uuid4()}"
    if method == "PIX":
        payment = await world.created(payer, reference=reference)
    else:
        payment = (await world.by_card(payer, "pm_card_chargeDeclined" if ended else "pm_card_slow"))["payment"]
        await world.until_processed(1)
    if ended and method == "PIX":
        await world.work("cancelPayments", "cancelled", {"reference": reference})
    before = await world.event_types(payment["id"])
    await world.pay(payment["id"], "forge")
    assert (await world.until_processed(1 if method == "PIX" else 2, impatient=True))[-1] == "set_aside"
    assert await world.event_types(payment["id"]) == before
    async with world.db.connect() as connection:
        statement = sa.text("SELECT reason, attempts FROM webhook_events ORDER BY id DESC LIMIT 1")
        reason, attempts = (await connection.execute(statement)).one()
        captured = (await connection.execute(sa.text("SELECT sum(captured_minor) FROM payments"))).scalar_one()
    assert (reason.startswith("the gateway "), attempts, captured) == (True, 4, 0)


# A charge that the bank has never heard of: its message settles nothing either.
async def test_a_message_about_a_charge_unknown_to_the_bank_settles_nothing(world: World, payer: UUID) -> None:
    payment = await world.created(payer)
    unknown = uuid4()
    async with world.db.transaction() as connection:
        await connection.execute(
            sa.text("UPDATE payments SET id = :id, provider_reference = :name"), {"id": unknown, "name": unknown.hex}
        )
    told = pix_received(payment["id"]).replace(raw(payment["id"]).replace("-", "").encode(), unknown.hex.encode())
    assert await world.told("pix", told) == 200
    assert await world.until_processed(1, impatient=True) == ["set_aside"]
    async with world.db.connect() as connection:
        status, reason = (
            await connection.execute(sa.text("SELECT status, reason FROM payments, webhook_events"))
        ).one()
    assert (status, reason) == ("REQUIRES_ACTION", "the gateway does not know it")


# What the message says of the amount does not matter: what the bank says does.
async def test_a_message_with_another_amount_is_not_believed(world: World, payer: UUID) -> None:
    payment = await world.created(payer)
    assert await world.told("pix", pix_received(payment["id"], amount="0.01")) == 200
    assert await world.until_processed(1, impatient=True) == ["set_aside"]
    found = await world.payment(payment["id"], payer)
    assert found is not None
    assert found["status"] == "REQUIRES_ACTION"


# A message is kept while the gateway that must be asked about it is away, and acted upon afterwards.
async def test_a_message_waits_for_an_absent_gateway(world: World, payer: UUID) -> None:
    payment = (await world.by_card(payer, "pm_card_slow"))["payment"]
    await world.until_processed(1)
    await world.faults("stripe", http_500=2, drop_webhooks=True)
    await world.pay(payment["id"])
    intent = await intent_of(world, payment["id"])
    assert await world.told("stripe", stripe_event("payment_intent.processing", intent, "processing")) == 200
    paid = await world.until("SUCCEEDED", payment["id"], payer)
    assert paid["card"] == {"brand": "visa", "last4": "0077"}
    assert (await world.until_processed(2))[1:] == ["applied"]
