"""The bank: the Central Bank's Pix API v2, its refusals and its webhooks."""

import base64
from typing import Any
from uuid import uuid4

import httpx

from subgraphs.payments.domain import br_code

from .conftest import Receiver, Start

SHOP = ("shop", "pix-password")


async def token(sandbox: httpx.AsyncClient) -> dict[str, str]:
    answer = await sandbox.post("/oauth/token", data={"grant_type": "client_credentials"}, auth=SHOP)
    assert answer.status_code == 200
    return {"Authorization": f"Bearer {answer.json()['access_token']}"}


def cob(**changed: Any) -> dict[str, Any]:
    return {"calendario": {"expiracao": 600}, "valor": {"original": "12.34"}, "chave": "chave", **changed}


async def charge(sandbox: httpx.AsyncClient, headers: dict[str, str], **changed: Any) -> dict[str, Any]:
    answer = await sandbox.put(f"/v2/cob/{uuid4().hex}", json=cob(**changed), headers=headers)
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


async def test_a_charge_has_a_code_that_can_be_read_and_is_paid_once(
    sandbox: httpx.AsyncClient, receiver: Receiver
) -> None:
    headers = await token(sandbox)
    made = await charge(sandbox, headers)
    assert made["status"] == "ATIVA"
    assert br_code.charged_minor(br_code.parse(made["pixCopiaECola"])) == 1_234
    paid = await sandbox.post(f"/charges/{made['txid']}/pay")
    assert paid.json() | {"brCode": ""} == {
        "reference": made["txid"],
        "company": "pix",
        "status": "CONCLUIDA",
        "amountMinor": 1_234,
        "description": None,
        "brCode": "",
    }
    (told,) = await receiver.until(1)
    (pix,) = told["pix"]
    assert (pix["txid"], pix["valor"], len(pix["endToEndId"])) == (made["txid"], "12.34", 32)
    assert (await sandbox.post(f"/charges/{made['txid']}/pay")).status_code == 409


# A person pastes whatever name of the charge is at hand.
async def test_a_charge_is_found_by_every_name(sandbox: httpx.AsyncClient) -> None:
    payment = uuid4()
    headers = await token(sandbox)
    await sandbox.put(f"/v2/cob/{payment.hex}", json=cob(), headers=headers)
    shown = base64.b64encode(f"Payment:{payment}".encode()).decode()
    for name in (payment.hex, str(payment), str(payment).upper(), shown.replace("=", "%3D")):
        assert (await sandbox.get(f"/charges/{name}")).json()["reference"] == payment.hex, name
    assert (await sandbox.get(f"/charges/{uuid4()}")).status_code == 404
    assert [one["reference"] for one in (await sandbox.get("/charges")).json()] == [payment.hex]


async def test_the_bank_refuses_as_banks_do(sandbox: httpx.AsyncClient) -> None:
    headers = await token(sandbox)
    made = await charge(sandbox, headers)
    txid = made["txid"]
    wrong = [
        ("PUT", f"/v2/cob/{txid}", cob(), headers, 400),  # exists
        ("PUT", "/v2/cob/short", cob(), headers, 400),
        ("PUT", f"/v2/cob/{uuid4().hex}", cob(valor={"original": "12,34"}), headers, 400),
        ("PUT", f"/v2/cob/{uuid4().hex}", cob(chave=""), headers, 400),
        ("PUT", f"/v2/cob/{uuid4().hex}", cob(surprise=1), headers, 400),
        ("PUT", f"/v2/cob/{uuid4().hex}", cob(), {}, 401),
        ("GET", f"/v2/cob/{txid}", None, {"Authorization": "Bearer guessed"}, 401),
        ("GET", f"/v2/cob/{uuid4().hex}", None, headers, 404),
        ("PUT", f"/v2/pix/E{'0' * 31}/devolucao/1", {"valor": "1.00"}, headers, 404),
    ]
    for method, path, body, sent, status in wrong:
        answer = await sandbox.request(method, path, json=body, headers=sent)
        assert answer.status_code == status, (method, path, answer.text)
        assert answer.json()["type"].startswith("https://pix.bcb.gov.br/api/v2/error/")
    assert (await sandbox.post("/oauth/token", data={"grant_type": "client_credentials"})).status_code == 401
    too_large = await sandbox.put(f"/v2/cob/{uuid4().hex}", content=b" " * 70_000, headers=headers)
    assert too_large.status_code == 413


async def test_a_removed_or_ended_charge_takes_no_money(sandbox: httpx.AsyncClient) -> None:
    headers = await token(sandbox)
    removed, ended = await charge(sandbox, headers), await charge(sandbox, headers)
    body = {"status": "REMOVIDA_PELO_USUARIO_RECEBEDOR"}
    for status in (200, 400):
        answer = await sandbox.patch(f"/v2/cob/{removed['txid']}", json=body, headers=headers)
        assert answer.status_code == status
    assert (await sandbox.post(f"/charges/{ended['txid']}/expire")).json()["status"] == "ATIVA"
    for one in (removed, ended):
        assert (await sandbox.post(f"/charges/{one['txid']}/pay")).status_code == 409


async def test_refunds_add_up_to_what_was_received(sandbox: httpx.AsyncClient, receiver: Receiver) -> None:
    headers = await token(sandbox)
    made = await charge(sandbox, headers)
    await sandbox.post(f"/charges/{made['txid']}/pay")
    (told,) = await receiver.until(1)
    path = f"/v2/pix/{told['pix'][0]['endToEndId']}/devolucao"
    for refund, amount, status in (
        ("a1", "10.00", 201),
        ("a1", "10.00", 201),  # the same again
        ("a1", "2.00", 400),
        ("a2", "2.35", 400),  # one centavo more than is left
        ("a2", "2.34", 201),
    ):
        answer = await sandbox.put(f"{path}/{refund}", json={"valor": amount}, headers=headers)
        assert answer.status_code == status, answer.text
    for messages in range(2, 4):  # one message tells of both, or each of its own
        last = (await receiver.until(messages))[-1]["pix"][0]["devolucoes"]
        if len(last) == 2:
            break
    assert [(one["valor"], one["status"]) for one in last] == [("10.00", "DEVOLVIDO"), ("2.34", "DEVOLVIDO")]


# A webhook that is not acknowledged comes again; switches lose, double and delay it.
async def test_webhooks_are_repeated_lost_and_doubled(sandbox: httpx.AsyncClient, receiver: Receiver) -> None:
    headers = await token(sandbox)
    receiver.answers = [500, 404]
    again = await charge(sandbox, headers)
    await sandbox.post(f"/charges/{again['txid']}/pay")
    await receiver.until(1)
    assert receiver.answers == []

    await sandbox.put("/faults/pix", json={"drop_webhooks": True})
    lost = await charge(sandbox, headers)
    await sandbox.post(f"/charges/{lost['txid']}/pay")
    await sandbox.put("/faults/pix", json={"duplicate_webhooks": True})
    double = await charge(sandbox, headers)
    await sandbox.post(f"/charges/{double['txid']}/pay")
    seen = [body["pix"][0]["txid"] for body in await receiver.until(3)]
    assert seen == [again["txid"], double["txid"], double["txid"]]


async def test_faults_count_down_and_unknown_ones_are_refused(sandbox: httpx.AsyncClient) -> None:
    headers = await token(sandbox)
    made = await charge(sandbox, headers)
    assert (await sandbox.put("/faults/pix", json={"typo": 1})).status_code == 422
    assert (await sandbox.put("/faults/pix", json={"http_500": 1})).status_code == 200
    statuses = [(await sandbox.get(f"/v2/cob/{made['txid']}", headers=headers)).status_code for _ in range(2)]
    assert statuses == [500, 200]
    assert (await sandbox.get("/faults")).json()["pix"]["http_500"] == 0


# Ending and starting again forgets nothing: charges stay payable, undelivered webhooks arrive.
async def test_the_books_survive_a_restart(start: Start, receiver: Receiver) -> None:
    receiver.answers = [500] * 3
    async with start() as sandbox:
        headers = await token(sandbox)
        paid, unpaid = await charge(sandbox, headers), await charge(sandbox, headers)
        await sandbox.post(f"/charges/{paid['txid']}/pay")
    receiver.answers = []
    async with start() as sandbox:
        (told,) = await receiver.until(1)
        assert told["pix"][0]["txid"] == paid["txid"]
        assert (await sandbox.post(f"/charges/{unpaid['txid']}/pay")).status_code == 200


async def test_the_page_shows_open_charges_and_escapes_them(sandbox: httpx.AsyncClient) -> None:
    headers = await token(sandbox)
    await charge(sandbox, headers, solicitacaoPagador="<script>alert(1)</script>")
    page = await sandbox.get("/")
    assert page.status_code == 200
    assert "12,34" in page.text
    assert "<script>alert" not in page.text
    assert "default-src 'self'" in page.headers["content-security-policy"]
    assert (await sandbox.get("/charges.js")).headers["content-type"].startswith("text/javascript")


# A page of the internet that points its own name at this machine is turned away.
async def test_a_foreign_host_name_is_refused(sandbox: httpx.AsyncClient) -> None:
    assert (await sandbox.get("/", headers={"Host": "evil.example"})).status_code == 400


# Signed like any other, and about nothing: the books do not change. What arrives late is booked, and only once.
async def test_a_forged_message_and_a_late_payment(sandbox: httpx.AsyncClient, receiver: Receiver) -> None:
    headers = await token(sandbox)
    made = await charge(sandbox, headers)
    assert (await sandbox.post(f"/charges/{made['txid']}/forge")).json()["status"] == "ATIVA"
    assert (await receiver.until(1))[0]["pix"][0]["txid"] == made["txid"]
    assert (await sandbox.get(f"/v2/cob/{made['txid']}", headers=headers)).json()["status"] == "ATIVA"
    assert (await sandbox.post(f"/charges/{made['txid']}/fail")).status_code == 200
    assert (await sandbox.post(f"/charges/{made['txid']}/pay")).status_code == 409
    assert (await sandbox.post(f"/charges/{made['txid']}/pay-late")).json()["status"] == "CONCLUIDA"
    assert (await sandbox.post(f"/charges/{made['txid']}/pay-late")).status_code == 409


# A fault of one kind of request leaves the others alone.
async def test_faults_of_just_one_kind_of_request(sandbox: httpx.AsyncClient) -> None:
    await sandbox.put("/faults/pix", json={"only": "/token", "http_500": 1})
    assert (await sandbox.get("/v2/cob/none")).status_code == 401
    refused = await sandbox.post("/oauth/token", data={"grant_type": "client_credentials"}, auth=SHOP)
    assert refused.status_code == 500
    await token(sandbox)
