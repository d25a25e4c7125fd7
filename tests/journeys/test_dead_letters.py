"""Every dead-letter queue is filled by a fault, shown, its cause repaired, given back, and all ends well."""

import asyncio
import json
import secrets
import time
from base64 import b64decode
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

import asyncpg
import pytest
from typer.testing import CliRunner, Result

from infra.local.cli import app
from tests.journeys.front_door import Shopper, eventually
from tests.journeys.purchase import await_status, held, pay, request, sectors

pytestmark = pytest.mark.journey
PATIENCE_SECONDS = 240
# A service waits two seconds for messages: with the patience that its queue had when it began to wait.
POLL_SECONDS = 3
SIGN_UP = """mutation($email: String!, $cpf: String!, $password: String!) {
  signUp(input: { name: "Rita Sousa", email: $email, cpf: $cpf, birthDate: "1990-05-20", password: $password }) {
    customer { id } errors { code message field } } }"""


class Operator:
    """Somebody at the command line, who may also deploy wrongly."""

    def __init__(self, running: Any) -> None:
        self.running = running
        self.sqs, self.functions = running.aws("sqs"), running.aws("lambda")

    def types(self, *arguments: str) -> Result:
        result = CliRunner().invoke(app, [*arguments, "--home", str(self.running.directory)])
        assert result.exit_code == 0, result.output
        return result

    def sees(self, queue: str, about: str) -> dict[str, Any]:
        """The letter that tells of `about`, as soon as it lies there; what else failed meanwhile lies there too."""

        def look() -> dict[str, Any] | None:
            return next((letter for letter in self._shown(queue) if about in str(letter["body"])), None)

        letter: dict[str, Any] = eventually(look, within=PATIENCE_SECONDS)
        counts = {name: int(count) for count, name in map(str.split, self.types("dlq", "list").output.splitlines())}
        assert counts[queue] >= 1
        return letter

    def gives_back(self, queue: str, about: str) -> None:
        count, *words = self.types("dlq", "redrive", queue).output.split()
        assert (int(count) >= 1, words) == (True, ["given", "back."])
        assert [letter for letter in self._shown(queue) if about in str(letter["body"])] == []

    def _shown(self, queue: str) -> list[dict[str, Any]]:
        text, letters = self.types("dlq", "show", queue).output.strip(), []
        while text:
            letter, end = json.JSONDecoder().raw_decode(text)
            letters.append(letter)
            text = text[end:].lstrip()
        return letters

    def sees_waiting(self, flow: str, subject: str, execution: str = "") -> None:
        """As soon as an execution with that in its name has stored its task token."""
        signals = self.functions.get_function_configuration(FunctionName="bilhetagem-flow-signals")
        table = signals["Environment"]["Variables"]["TASK_TOKENS_TABLE"]
        key = {"id": {"S": f"{flow}:{subject}"}}

        def waits() -> bool:
            item = self.running.aws("dynamodb").get_item(TableName=table, Key=key, ConsistentRead=True).get("Item")
            return item is not None and execution in item["execution"]["S"]

        eventually(waits, within=PATIENCE_SECONDS)

    def lets_the_wait_end(self, flow: str, subject: str, given: dict[str, Any]) -> None:
        """A flow that begins again waits until the moment stated in its input, and asks then: that moment has come."""
        self.sees_waiting(flow, subject, execution="-redrive-")
        deadline = {
            "version": 1,
            "type": "deadline.reached",
            "flow": flow,
            "token_id": f"{flow}:{subject}",
            "due_at": "2026-01-01T00:00:00Z",
            "input": given,
        }
        queue = self.sqs.get_queue_url(QueueName="bilhetagem-flow-signals")["QueueUrl"]
        self.sqs.send_message(QueueUrl=queue, MessageBody=json.dumps(deadline))

    @contextmanager
    def deployed_wrongly(self, function: str, **variables: str) -> Iterator[None]:
        name = f"bilhetagem-{function}"
        right = self.functions.get_function_configuration(FunctionName=name)["Environment"]["Variables"]
        self._deploy(name, {**right, **variables})
        try:
            yield
        finally:
            self._deploy(name, right)

    def _deploy(self, name: str, variables: dict[str, str]) -> None:
        self.functions.update_function_configuration(FunctionName=name, Environment={"Variables": variables})

    @contextmanager
    def impatient(self, queue: str) -> Iterator[None]:
        """A message of the queue is dead after one receive of a second, not after a hundred of minutes."""
        url = self.sqs.get_queue_url(QueueName=f"bilhetagem-{queue}")["QueueUrl"]
        asked = ["RedrivePolicy", "VisibilityTimeout"]
        right = self.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=asked)["Attributes"]
        policy = json.dumps({**json.loads(right["RedrivePolicy"]), "maxReceiveCount": 1})
        self.sqs.set_queue_attributes(QueueUrl=url, Attributes={"RedrivePolicy": policy, "VisibilityTimeout": "1"})
        time.sleep(POLL_SECONDS)
        try:
            yield
        finally:
            self.sqs.set_queue_attributes(QueueUrl=url, Attributes=right)


@pytest.fixture
def operator(running: Any) -> Operator:
    return Operator(running)


@pytest.fixture
def sector(ana: Shopper) -> tuple[str, str]:
    """(session, sector) with general admission."""
    _, session, sector = next(row for row in sectors(ana) if not row[2]["numbered"])
    return session["id"], sector["id"]


def test_a_request_that_nobody_could_decide(ana: Shopper, operator: Operator, sector: tuple[str, str]) -> None:
    queue = "bilhetagem-reservation-requests-dlq.fifo"
    wrong = operator.deployed_wrongly("reservation-requests", TICKETING_URL="")
    with operator.impatient("reservation-requests.fifo"), wrong:
        reservation = request(ana, *sector)["reservation"]
        about = _own_id(reservation)
        letter = operator.sees(queue, about)
    assert letter["body"]["quantity"] == 1, letter
    operator.gives_back(queue, about)
    await_status(ana, reservation["id"], "HELD")


def test_a_reservation_whose_flow_failed(
    ana: Shopper, running: Any, operator: Operator, sector: tuple[str, str]
) -> None:
    queue = "bilhetagem-reservation-flow-dlq"
    reservation = held(ana, *sector)
    # Whatever may pass is tried for hours: what is refused is not.
    with operator.deployed_wrongly("reservation-flow", TICKETING_URL=running.status["gateway"]):
        running.pay(pay(ana, reservation["id"])["payment"]["id"])
        letter = operator.sees(queue, _own_id(reservation))
    assert "PermanentFault" in str(letter["body"])
    await_status(ana, reservation["id"], "AWAITING_PAYMENT")
    operator.gives_back(queue, _own_id(reservation))
    given = letter["body"]["input"]
    operator.lets_the_wait_end("reservation", given["reservation_id"], given)
    await_status(ana, reservation["id"], "CONFIRMED")


def test_a_payment_whose_flow_failed(ana: Shopper, running: Any, operator: Operator, sector: tuple[str, str]) -> None:
    queue = "bilhetagem-payment-flow-dlq"
    reservation = held(ana, *sector)
    payment = pay(ana, reservation["id"])["payment"]
    operator.sees_waiting("payment", _own_id(payment))
    with operator.deployed_wrongly("payment-flow", TASK_TOKENS_TABLE="absent"):
        running.pay(payment["id"])
        letter = operator.sees(queue, _own_id(reservation))
    assert "PermanentFault" in str(letter["body"])
    operator.gives_back(queue, _own_id(reservation))
    given = letter["body"]["input"]
    operator.lets_the_wait_end("payment", given["payment_id"], given)
    await_status(ana, reservation["id"], "CONFIRMED")


def test_a_signal_that_reached_no_flow(ana: Shopper, running: Any, operator: Operator, sector: tuple[str, str]) -> None:
    """The bank was paid, and the flow that waits for it heard nothing: giving the letter back confirms."""
    queue = "bilhetagem-flow-signals-dlq"
    reservation = held(ana, *sector)
    payment = pay(ana, reservation["id"])["payment"]
    signals = operator.sqs.get_queue_url(QueueName="bilhetagem-flow-signals")["QueueUrl"]

    def all_heard() -> bool:
        """Of the payment's creation; deadlines wait, delayed, for their time."""
        counts = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        answer = operator.sqs.get_queue_attributes(QueueUrl=signals, AttributeNames=counts)["Attributes"]
        return set(answer.values()) == {"0"}

    eventually(lambda: all_heard(), within=PATIENCE_SECONDS)
    wrong = operator.deployed_wrongly("flow-signals", TASK_TOKENS_TABLE="")
    with operator.impatient("flow-signals"), wrong:
        running.pay(payment["id"])
        letter = operator.sees(queue, _own_id(reservation))
    assert "payment.succeeded" in str(letter["body"])
    operator.gives_back(queue, _own_id(reservation))
    await_status(ana, reservation["id"], "CONFIRMED")


def test_an_event_that_notifications_could_not_keep(anybody: Shopper, running: Any, operator: Operator) -> None:
    """Who has signed up is welcomed once the table is there again."""
    queue = "bilhetagem-notifications-events-dlq"
    email = f"{uuid4().hex}@example.com"
    database = running.database("notifications")
    with operator.impatient("notifications-events"):
        asyncio.run(_execute(database, "ALTER TABLE contacts RENAME TO mislaid"))
        try:
            payload = anybody.data(SIGN_UP, email=email, cpf=_some_cpf(), password=f"Senha-{uuid4().hex}")["signUp"]
            assert payload["errors"] == []
            letter = operator.sees(queue, email)
        finally:
            asyncio.run(_execute(database, "ALTER TABLE mislaid RENAME TO contacts"))
    assert letter["body"]["type"] == "customer.registered"
    operator.gives_back(queue, email)
    eventually(lambda: [mail for mail in running.messages() if email in mail["to"]], within=PATIENCE_SECONDS)


def test_a_purchase_that_suggestions_could_not_count(
    ana: Shopper, running: Any, operator: Operator, sector: tuple[str, str]
) -> None:
    queue = "bilhetagem-suggestions-events-dlq"
    with operator.impatient("suggestions-events"), running.told("suggestions", SIGNALS_TABLE="absent"):
        reservation = held(ana, *sector)
        running.pay(pay(ana, reservation["id"])["payment"]["id"])
        await_status(ana, reservation["id"], "CONFIRMED")
        letter = operator.sees(queue, _own_id(reservation))
    assert letter["body"]["type"] == "reservation.confirmed"
    before = _signals(running)
    operator.gives_back(queue, _own_id(reservation))
    eventually(lambda: _signals(running) != before, within=PATIENCE_SECONDS)


def _own_id(node: dict[str, Any]) -> str:
    """Its id as messages between services name it."""
    return b64decode(node["id"]).decode().partition(":")[2]


def _signals(running: Any) -> list[Any]:
    table = running.variables("suggestions")["SIGNALS_TABLE"]
    return list(running.aws("dynamodb").scan(TableName=table, ConsistentRead=True)["Items"])


async def _execute(database: str, statement: str) -> None:
    connection = await asyncpg.connect(database)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


def _some_cpf() -> str:
    """Valid, and of nobody: nine random digits with their two check digits."""
    digits = [secrets.randbelow(10) for _ in range(9)]
    for length in (10, 11):
        rest = sum(digit * weight for digit, weight in zip(digits, range(length, 1, -1), strict=True)) * 10 % 11
        digits.append(rest % 10)
    return "".join(map(str, digits))
