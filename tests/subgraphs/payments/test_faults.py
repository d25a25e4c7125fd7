"""Gateways that are slow, absent, wrong or forgetful, and a service that is cut off in between."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
import sqlalchemy as sa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from subgraphs.chassis.database import Database
from subgraphs.payments.app import create_app
from subgraphs.payments.settings import Settings

from .conftest import World, error_codes, listening_socket, raw, serve

# Stripe's SDK hands httpx the form under its old name.
pytestmark = pytest.mark.filterwarnings("ignore:Use .content=:DeprecationWarning")

UNAVAILABLE = [("SERVICE_UNAVAILABLE", None)]


def fixed_input() -> dict[str, Any]:
    """What can be sent twice as the same."""
    return {
        "reference": f"reservation:{uuid4()}",
        "idempotencyKey": uuid4().hex,
        "expiresAt": (datetime.now(UTC) + timedelta(minutes=10)).isoformat(),
    }


async def count(world: World, kind: str) -> int:
    async with world.db.connect() as connection:
        return int((await connection.execute(sa.text(f"SELECT count(*) FROM {kind}"))).scalar_one())


# However the bank's answer is spoilt, an error means that nothing is charged, ever; asked again it is a new payment.
@pytest.mark.parametrize("fault", ["http_500", "http_500_after", "malformed"])
async def test_a_bank_that_spoils_its_answers(world: World, payer: UUID, fault: str) -> None:
    other = await world.created(payer)  # the bank's token is there
    await world.faults("pix", **{fault: 50})
    wanted = fixed_input()
    failed = await world.create(payer, **wanted)
    assert error_codes(failed) == UNAVAILABLE
    assert (failed["payment"]["status"], failed["payment"]["failure"]["code"]) == ("FAILED", "GATEWAY_UNAVAILABLE")
    assert failed["payment"]["pix"] is None

    await world.faults("pix")
    await world.look_now()
    await until_withdrawn(world)
    payable = (await world.sandbox.get("/charges")).json()
    assert [charge["reference"] for charge in payable] == [raw(other["id"]).replace("-", "")]
    assert await world.event_types(failed["payment"]["id"]) == ["payment.created", "payment.failed"]

    payment = await world.created(payer, **wanted)
    assert payment["id"] != failed["payment"]["id"]
    assert payment["status"] == "REQUIRES_ACTION"
    assert await world.event_types(payment["id"]) == ["payment.created", "payment.requires_action"]
    assert (await world.created(payer, **wanted))["id"] == payment["id"]


async def until_withdrawn(world: World) -> None:
    """Until no charge is planned to be withdrawn."""
    for _ in range(100):
        async with world.db.connect() as connection:
            planned = sa.text("SELECT count(*) FROM payments WHERE withdraw_at IS NOT NULL")
            if not (await connection.execute(planned)).scalar_one():
                return
        await asyncio.sleep(0.05)
    raise AssertionError("not withdrawn in time")


# The charge could not even be opened: an error, and nothing is taken, however long the background looks at it.
@pytest.mark.parametrize("fault", ["http_500", "http_500_after", "malformed"])
async def test_a_card_company_that_spoils_its_answers(world: World, payer: UUID, fault: str) -> None:
    await world.faults("stripe", drop_webhooks=True, **{fault: 50})
    wanted = fixed_input()
    failed = await world.by_card(payer, **wanted)
    assert error_codes(failed) == UNAVAILABLE
    assert failed["payment"]["status"] == "FAILED"
    await world.faults("stripe", drop_webhooks=True)
    for _ in range(3):
        await world.look_now()
        await asyncio.sleep(1.1)
    found = await world.payment(failed["payment"]["id"], payer)
    assert (found or {})["status"] == "FAILED"

    first = await world.by_card(payer, **wanted)
    again = await world.by_card(payer, **wanted)
    assert first["payment"]["id"] == again["payment"]["id"] != failed["payment"]["id"]
    assert (again["errors"], again["payment"]["status"]) == ([], "SUCCEEDED")
    events = await world.event_types(again["payment"]["id"])
    assert events == ["payment.created", "payment.processing", "payment.succeeded"]


# The card may have been charged, and nobody says so: no error, but a payment to follow, whose outcome is found out.
@pytest.mark.parametrize(("fault", "outcome"), [("http_500", "FAILED"), ("http_500_after", "SUCCEEDED")])
async def test_a_card_whose_charge_is_in_doubt_is_followed(world: World, payer: UUID, fault: str, outcome: str) -> None:
    await world.faults("stripe", drop_webhooks=True, only="/confirm", **{fault: 50})
    in_doubt = await world.by_card(payer)
    assert (in_doubt["errors"], in_doubt["payment"]["status"]) == ([], "PROCESSING")
    payment_id = in_doubt["payment"]["id"]
    await world.faults("stripe", drop_webhooks=True, http_500=50)
    await world.look_now()  # nobody takes silence for an answer
    await asyncio.sleep(1.1)
    assert (await world.payment(payment_id, payer) or {})["status"] == "PROCESSING"

    await world.faults("stripe", drop_webhooks=True)
    await world.look_now()
    found = await world.until(outcome, payment_id, payer)
    assert found["failure"] is None or found["failure"]["code"] == "GATEWAY_UNAVAILABLE"
    assert (await world.sandbox.post(f"/charges/{raw(payment_id)}/pay")).status_code == 409


# Also when the company is well again at once: what was asked of it is not taken back behind the payer's back.
async def test_a_card_in_doubt_is_not_given_up_at_once(world: World, payer: UUID) -> None:
    await world.faults("stripe", only="/confirm", http_500=2)  # the confirmation, and its repetition
    in_doubt = await world.by_card(payer)
    assert (in_doubt["errors"], in_doubt["payment"]["status"]) == ([], "PROCESSING")
    assert (await world.submit(in_doubt["payment"]["id"], payer))["payment"]["status"] == "SUCCEEDED"


# The caller never heard of the payment that was recorded: it is never submitted, and ends.
@pytest.mark.parametrize("method", ["PIX", "CARD"])
async def test_a_payment_that_nobody_submits_is_never_charged(world: World, payer: UUID, method: str) -> None:
    card = {"card": {"paymentMethodId": "pm_card_visa"}} if method == "CARD" else {}
    recorded = await world.recorded(payer, method=method, **card)
    await world.look_now()
    ended = await world.until("FAILED", recorded["id"], payer)
    assert ended["failure"]["code"] == "GATEWAY_UNAVAILABLE"
    assert (await world.sandbox.get(f"/charges/{raw(recorded['id'])}")).status_code == 404
    assert error_codes(await world.submit(recorded["id"], payer)) == UNAVAILABLE


# A passing fault is not even seen.
async def test_a_single_fault_is_repeated_over(world: World, payer: UUID) -> None:
    await world.faults("pix", http_500=2)
    assert (await world.created(payer))["status"] == "REQUIRES_ACTION"


# The payer has gone while the bank was asked: the payment ends, and its charge is withdrawn.
async def test_a_payment_cut_off_ends(world: World, payer: UUID) -> None:
    other = await world.created(payer)  # the bank's token is there
    recorded = await world.recorded(payer)
    await world.faults("pix", delay_ms=1_000)
    world.payments.headers["X-Request-Timeout-Ms"] = "400"
    with pytest.raises(TypeError):  # no data: the deadline has passed
        await world.submit(recorded["id"], payer)
    del world.payments.headers["X-Request-Timeout-Ms"]
    assert (await world.payment(recorded["id"], payer) or {})["status"] == "CREATED"
    await world.faults("pix")
    await world.look_now()
    await world.until("FAILED", recorded["id"], payer)
    await world.look_now()
    await until_withdrawn(world)
    payable = (await world.sandbox.get("/charges")).json()
    assert [charge["reference"] for charge in payable] == [raw(other["id"]).replace("-", "")]


# The payer asks once more instead: the same payment goes on.
async def test_a_payment_cut_off_goes_on_when_it_is_asked_for_again(world: World, payer: UUID) -> None:
    wanted = fixed_input()
    recorded = await world.recorded(payer, **wanted)
    await world.faults("pix", delay_ms=1_000)
    world.payments.headers["X-Request-Timeout-Ms"] = "400"
    with pytest.raises(TypeError):
        await world.submit(recorded["id"], payer)
    del world.payments.headers["X-Request-Timeout-Ms"]
    await world.faults("pix")
    payment = await world.created(payer, **wanted)
    assert (payment["id"], payment["status"]) == (recorded["id"], "REQUIRES_ACTION")


# A webhook lost for good: the background asks the bank and finds the money.
async def test_the_background_finds_money_that_nobody_told_of(world: World, payer: UUID) -> None:
    await world.faults("pix", drop_webhooks=True)
    payment = await world.created(payer)
    await world.pay(payment["id"])
    await world.look_now()
    await world.until("SUCCEEDED", payment["id"], payer)
    assert await world.outcomes() == []


# A bank that answers after seconds: the payer hears of it in time, and is not lost.
async def test_a_slow_bank(world: World, payer: UUID) -> None:
    await world.created(payer)  # the token is there
    await world.faults("pix", delay_ms=3_300)
    wanted = fixed_input()
    failed = await world.create(payer, **wanted)
    assert error_codes(failed) == UNAVAILABLE
    assert failed["payment"]["status"] == "FAILED"
    await world.faults("pix")
    assert (await world.created(payer, **wanted))["status"] == "REQUIRES_ACTION"


# Nobody takes silence for "not paid": with the bank away, workers get a fault and change nothing.
async def test_workers_hear_of_an_absent_bank(
    db: Database, keys: dict[str, Ed25519PrivateKey], make_settings: Callable[[str], Settings], payer: UUID
) -> None:
    nobody, nowhere = listening_socket()
    listening, url = listening_socket()
    async with (
        serve(create_app(make_settings(nowhere)), listening),
        httpx.AsyncClient(base_url=url, timeout=20, trust_env=False) as client,
    ):
        nobody.close()
        world = World(client, client, db, keys)
        reference = f"reservation:{uuid4()}"
        by_pix = await world.create(payer, reference=reference)
        assert error_codes(by_pix) == UNAVAILABLE
        await db_set(db, "UPDATE payments SET status = 'REQUIRES_ACTION', provider_reference = 'x', expires_at = now()")
        payment_id = raw(by_pix["payment"]["id"])
        for operation, selection, given in (
            ("reconcilePayments", "payments { status }", {"reference": reference}),
            ("cancelPayments", "cancelled", {"reference": reference}),
            ("expirePayment", "status", {"paymentId": payment_id}),
        ):
            kind = operation[0].upper() + operation[1:]
            document = f"mutation ($input: {kind}Input!) {{ {operation}(input: $input) {{ {selection} }} }}"
            answer = await world(document, {"input": given})
            assert [error["extensions"]["code"] for error in answer["errors"]] == ["SERVICE_UNAVAILABLE"]
        found = await world.payment(by_pix["payment"]["id"], payer)
        assert found is not None
        assert found["status"] == "REQUIRES_ACTION"
        ready = await client.get("/health/ready")
        assert ready.status_code == 200


async def db_set(db: Database, statement: str) -> None:
    async with db.transaction() as connection:
        await connection.execute(sa.text(statement))


# The refund was made and the answer was lost: it is found again, and the money goes back once.
@pytest.mark.parametrize("company", ["pix", "stripe"])
async def test_a_refund_whose_answer_is_lost(world: World, payer: UUID, company: str) -> None:
    payment = await paid(world, payer, company)
    await world.faults(company, http_500_after=3)
    refund = await world.refund(payment["id"], amountMinor=6_000)
    assert refund["errors"] == []
    await world.faults(company)
    await world.look_now()
    partly = await world.until("PARTIALLY_REFUNDED", payment["id"], payer)
    assert partly["refunded"] == {"amountMinor": 6_000}
    assert (await world.event_types(payment["id"])).count("payment.refunded") == 1


# A refund that the company could not make is submitted anew, under another name.
@pytest.mark.parametrize("company", ["pix", "stripe"])
async def test_a_failed_refund_is_tried_again(world: World, payer: UUID, company: str) -> None:
    payment = await paid(world, payer, company)
    await world.faults(company, fail_refunds=1)
    await world.refund(payment["id"])
    for _ in range(100):
        async with world.db.connect() as connection:
            status, attempt = (await connection.execute(sa.text("SELECT status, attempt FROM refunds"))).one()
        if status == "FAILED":
            break
        await asyncio.sleep(0.05)
    assert (status, attempt) == ("FAILED", 1)
    await world.look_now()
    assert (await world.until("REFUNDED", payment["id"], payer))["refunded"] == {"amountMinor": 15_000}
    async with world.db.connect() as connection:
        assert (await connection.execute(sa.text("SELECT attempt FROM refunds"))).scalars().all() == [2]


async def paid(world: World, payer: UUID, company: str) -> dict[str, Any]:
    if company == "stripe":
        payment: dict[str, Any] = (await world.by_card(payer))["payment"]
    else:
        payment = await world.created(payer)
        await world.pay(payment["id"])
    return await world.until("SUCCEEDED", payment["id"], payer)
