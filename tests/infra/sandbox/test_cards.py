"""The card company: the part of Stripe's API that PaymentIntents need."""

from typing import Any

import httpx
import pytest

from infra.local.sandbox.cards.form import MalformedForm, read_form

from .conftest import Receiver

KEY = {"Authorization": "Bearer sk_test"}


async def intent(sandbox: httpx.AsyncClient, card: str = "pm_card_visa") -> dict[str, Any]:
    form = {"amount": "1234", "currency": "brl", "payment_method": card, "metadata[payment_id]": "p-1"}
    answer = await sandbox.post("/v1/payment_intents", data=form, headers=KEY)
    assert answer.status_code == 200, answer.text
    made: dict[str, Any] = answer.json()
    assert (made["status"], made["metadata"]) == ("requires_confirmation", {"payment_id": "p-1"})
    return made


async def confirm(sandbox: httpx.AsyncClient, made: dict[str, Any], **headers: str) -> httpx.Response:
    form = {"expand[0]": "latest_charge"}
    return await sandbox.post(f"/v1/payment_intents/{made['id']}/confirm", data=form, headers=KEY | headers)


async def test_a_good_card_pays_and_its_refunds_add_up(sandbox: httpx.AsyncClient, receiver: Receiver) -> None:
    made = await intent(sandbox)
    paid = (await confirm(sandbox, made)).json()
    assert (paid["status"], paid["amount_received"]) == ("succeeded", 1_234)
    assert paid["latest_charge"]["payment_method_details"]["card"] == {"brand": "visa", "last4": "4242"}
    for amount, status in (("1000", 200), ("235", 400), ("0", 400), ("234", 200), ("1", 400)):
        form = {"payment_intent": made["id"], "amount": amount}
        answer = await sandbox.post("/v1/refunds", data=form, headers=KEY)
        assert answer.status_code == status, answer.text
    told = await receiver.until(5)
    assert sorted(event["type"] for event in told) == [
        "payment_intent.succeeded",
        *["refund.created"] * 2,
        *["refund.updated"] * 2,
    ]
    assert {event["data"]["object"]["status"] for event in told if event["type"] == "refund.updated"} == {"succeeded"}


async def test_a_declined_card_says_why(sandbox: httpx.AsyncClient, receiver: Receiver) -> None:
    made = await intent(sandbox, "pm_card_chargeDeclinedInsufficientFunds")
    answer = await confirm(sandbox, made)
    assert answer.status_code == 402
    error = answer.json()["error"]
    assert (error["type"], error["decline_code"]) == ("card_error", "insufficient_funds")
    assert error["payment_intent"]["status"] == "requires_payment_method"
    (event,) = await receiver.until(1)
    assert event["type"] == "payment_intent.payment_failed"


async def test_a_slow_card_pays_by_itself(sandbox: httpx.AsyncClient, receiver: Receiver) -> None:
    made = await intent(sandbox, "pm_card_slow")
    assert (await confirm(sandbox, made)).json()["status"] == "processing"
    assert (await sandbox.post(f"/v1/payment_intents/{made['id']}/cancel", headers=KEY)).status_code == 400
    told = await receiver.until(2)
    assert [event["type"] for event in told] == ["payment_intent.processing", "payment_intent.succeeded"]


# The first answer to a key is the answer, a decline too; the key with another form is refused.
async def test_an_idempotency_key_is_kept(sandbox: httpx.AsyncClient, receiver: Receiver) -> None:
    made = await intent(sandbox)
    first = await confirm(sandbox, made, **{"Idempotency-Key": "k"})
    again = await confirm(sandbox, made, **{"Idempotency-Key": "k"})
    assert first.content == again.content
    assert again.headers["idempotent-replayed"] == "true"
    other = await sandbox.post("/v1/payment_intents", data={"amount": "50"}, headers=KEY | {"Idempotency-Key": "k"})
    assert other.json()["error"]["type"] == "idempotency_error"
    assert len(await receiver.until(1)) == 1


async def test_the_company_refuses_as_stripe_does(sandbox: httpx.AsyncClient) -> None:
    good = {"amount": "1234", "currency": "brl"}
    for form in (
        good | {"amount": "49"},
        good | {"amount": "1.5"},
        good | {"currency": "usd"},
        good | {"payment_method": "pm_nobodys"},
        good | {"amount[0]": "1"},
    ):
        answer = await sandbox.post("/v1/payment_intents", data=form, headers=KEY)
        assert answer.status_code == 400, form
        assert answer.json()["error"]["type"] == "invalid_request_error"
    wrong_key = await sandbox.post("/v1/payment_intents", data=good, headers={"Authorization": "Bearer sk_other"})
    assert wrong_key.status_code == 401
    assert (await sandbox.get("/v1/payment_intents/pi_nobodys", headers=KEY)).status_code == 404


async def test_a_test_number_becomes_a_token(sandbox: httpx.AsyncClient) -> None:
    answer = await sandbox.post(
        "/v1/payment_methods", data={"type": "card", "card[number]": "4000 0000 0000 0002"}, headers=KEY
    )
    token = answer.json()["id"]
    assert (await confirm(sandbox, await intent(sandbox, token))).status_code == 402
    wrong = await sandbox.post("/v1/payment_methods", data={"card[number]": "1"}, headers=KEY)
    assert wrong.json()["error"]["code"] == "incorrect_number"


def test_the_form_encoding_is_read_as_stripe_writes_it() -> None:
    assert read_form("a=1&b[c]=2&b[d][e]=3&f[]=4&f[]=5&g[0]=6") == {
        "a": "1",
        "b": {"c": "2", "d": {"e": "3"}},
        "f": ["4", "5"],
        "g": ["6"],
    }


@pytest.mark.parametrize("text", ["a=1&a[b]=2", "[x]=1", "a[b=1", "&".join(f"a{n}=1" for n in range(201))])
def test_a_malformed_form_is_refused(text: str) -> None:
    with pytest.raises(MalformedForm):
        read_form(text)
