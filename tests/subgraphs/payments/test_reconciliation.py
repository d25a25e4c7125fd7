"""What the reconciliation is told by payments: money that nobody has accounted for, charges and refunds left open."""

from typing import Any
from uuid import UUID, uuid4

import pytest
import sqlalchemy as sa

from .conftest import World, raw

FACTS = "paymentId reference payerId status amountMinor keptMinor isOpen cursor"


async def listed(world: World, field: str, prefix: str = "reservation:", **more: Any) -> list[dict[str, Any]]:
    """`field` is `unaccountedPayments` or `overduePayments`."""
    answer = await world(
        f"query ($input: UnsettledPaymentsInput!) {{ {field}(input: $input) {{ {FACTS} }} }}",
        {"input": {"referencePrefix": prefix, "graceSeconds": 0, **more}},
    )
    assert "errors" not in answer, answer
    return list(answer["data"][field])


async def account_for(world: World, *accounted: tuple[str, str]) -> int:
    answer = await world(
        "mutation ($a: [AccountedPaymentInput!]!) { accountForPayments(accounted: $a) }",
        {"a": [{"paymentId": raw(payment_id), "status": status} for payment_id, status in accounted]},
    )
    return int(answer["data"]["accountForPayments"])


async def paid(world: World, payer: UUID, **changed: Any) -> dict[str, Any]:
    payment = await world.created(payer, **changed)
    await world.pay(payment["id"])
    return await world.until("SUCCEEDED", payment["id"], payer)


async def test_captured_money_is_listed_until_it_is_accounted_for(world: World) -> None:
    """And again when its status has changed; what was paid for other systems is theirs."""
    ana = uuid4()
    payment = await paid(world, ana)
    await paid(world, ana, reference="parking:4711")
    await world.created(ana)
    [facts] = await listed(world, "unaccountedPayments")
    assert (facts["paymentId"], facts["status"], facts["keptMinor"]) == (raw(payment["id"]), "SUCCEEDED", 15_000)
    assert await listed(world, "unaccountedPayments", graceSeconds=60) == []
    assert await account_for(world, (payment["id"], "PARTIALLY_REFUNDED")) == 0
    assert await account_for(world, (payment["id"], "SUCCEEDED")) == 1
    assert await listed(world, "unaccountedPayments") == []
    await world.refund(payment["id"], amountMinor=5_000)
    await world.until("PARTIALLY_REFUNDED", payment["id"], ana)
    [facts] = await listed(world, "unaccountedPayments")
    assert facts["keptMinor"] == 10_000


async def test_money_on_its_way_back_is_not_kept(world: World) -> None:
    ana = uuid4()
    payment = await paid(world, ana)
    await world.faults("pix", http_500=50)
    refund = await world.refund(payment["id"], amountMinor=4_000)
    assert refund["status"] in ("REQUESTED", "SUBMITTED")
    [facts] = await listed(world, "unaccountedPayments")
    assert (facts["status"], facts["keptMinor"]) == ("SUCCEEDED", 11_000)
    found = await world("{ unfinishedRefunds(graceSeconds: 0) { refundId paymentId cursor } }")
    [unfinished] = found["data"]["unfinishedRefunds"]
    assert (unfinished["refundId"], unfinished["paymentId"]) == (refund["refundId"], raw(payment["id"]))
    assert await world.work("pushRefund", "status", {"refundId": refund["refundId"]}) == {"status": None}
    await world.faults("pix")
    assert (await world.work("pushRefund", "status", {"refundId": refund["refundId"]}))["status"] in (
        "SUBMITTED",
        "SUCCEEDED",
    )


async def test_an_open_charge_is_overdue_after_its_end(world: World) -> None:
    ana = uuid4()
    payment = await world.created(ana)
    assert await listed(world, "overduePayments") == []
    async with world.db.transaction() as connection:
        await connection.execute(sa.text("UPDATE payments SET expires_at = now() - interval '1 second'"))
    [facts] = await listed(world, "overduePayments")
    assert (facts["paymentId"], facts["isOpen"], facts["keptMinor"]) == (raw(payment["id"]), True, 0)
    assert await listed(world, "overduePayments", graceSeconds=60) == []


async def test_pages_follow_each_other_and_references_tell_all_their_payments(world: World) -> None:
    ana = uuid4()
    references = [f"reservation:{uuid4()}" for _ in range(5)]
    made = [raw((await paid(world, ana, reference=reference))["id"]) for reference in references]
    found: list[str] = []
    page = await listed(world, "unaccountedPayments", first=2)
    while page:
        found += [row["paymentId"] for row in page]
        page = await listed(world, "unaccountedPayments", first=2, after=page[-1]["cursor"])
    assert sorted(found) == sorted(made)
    answer = await world(
        f"query ($r: [String!]!) {{ paymentFacts(references: $r) {{ {FACTS} }} }}", {"r": references[:2]}
    )
    assert [row["paymentId"] for row in answer["data"]["paymentFacts"]] == made[:2]


async def test_a_prefix_is_text_and_not_a_pattern(world: World) -> None:
    await paid(world, uuid4())
    assert await listed(world, "unaccountedPayments", "%") == []


@pytest.mark.parametrize(
    "document",
    [
        '{ unaccountedPayments(input: { referencePrefix: "r", first: 0 }) { status } }',
        '{ overduePayments(input: { referencePrefix: "r", graceSeconds: -1 }) { status } }',
        '{ unfinishedRefunds(after: "garbage") { refundId } }',
        'mutation { accountForPayments(accounted: [{ paymentId: "x", status: SUCCEEDED }]) }',
        'mutation { pushRefund(input: { refundId: "x" }) { status } }',
        'mutation { pushRefund(input: { refundId: "00000000-0000-4000-8000-000000000001" }) { status } }',
    ],
)
async def test_bad_input_is_the_callers_fault(world: World, document: str) -> None:
    assert (await world(document))["errors"][0]["extensions"]["code"] == "BAD_USER_INPUT"


@pytest.mark.parametrize(
    "document",
    [
        '{ unaccountedPayments(input: { referencePrefix: "r" }) { status } }',
        '{ overduePayments(input: { referencePrefix: "r" }) { status } }',
        "{ paymentFacts(references: []) { status } }",
        "{ unfinishedRefunds { refundId } }",
        "mutation { accountForPayments(accounted: []) }",
        'mutation { pushRefund(input: { refundId: "x" }) { status } }',
    ],
)
async def test_only_workers_are_told(world: World, document: str) -> None:
    answer = await world(document, caller="gateway", customer=uuid4())
    assert answer["errors"][0]["extensions"]["code"] == "FORBIDDEN"
