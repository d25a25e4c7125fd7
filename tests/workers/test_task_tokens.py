"""A wait gets exactly one answer, whatever AWS does in between and whoever comes when."""

import json
from collections.abc import Callable, Iterator
from typing import Any
from uuid import uuid4

import boto3
import pytest
from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.workers import faulty_aws
from tests.workers.deployed import REGION
from tests.workers.faulty_aws import Machine, Turns
from workers.runtime.errors import TransientFault
from workers.runtime.task_tokens import Delivery, TaskTokens

_TABLE = f"task-tokens-{uuid4()}"
_PAID = {"outcome": "PAID", "payment_id": "p"}
_CANCELLED = {"outcome": "CANCELLED", "payment_id": ""}


def paid(tokens: TaskTokens) -> Delivery:
    return tokens.succeed("wait", "paid:p", _PAID)


def cancelled(tokens: TaskTokens) -> Delivery:
    return tokens.succeed("wait", "cancelled", _CANCELLED)


def late(tokens: TaskTokens) -> Delivery:
    return tokens.reach_deadline("wait")


SIGNALS = {"paid:p": paid, "cancelled": cancelled, "deadline": late}


def answer_of(signal: str) -> dict[str, str]:
    """What Step Functions is told when this signal is the answer."""
    outputs = {"paid:p": _PAID, "cancelled": _CANCELLED}
    if signal in outputs:
        return {"output": json.dumps(outputs[signal], separators=(",", ":"))}
    return {"error": "DeadlineReached", "cause": "The time to wait is over."}


class Waiting:
    """One execution that waits with a token in the emulated DynamoDB; `fault` may come before each call."""

    def __init__(self, endpoint: str, store: Any) -> None:
        self._store = store
        self.begin()
        self.tokens = TaskTokens(
            _TABLE,
            faulty_aws.client("dynamodb", endpoint, self._to_dynamodb),
            faulty_aws.client("stepfunctions", endpoint, self._to_machine),
        )

    def begin(self) -> "Waiting":
        """Afresh, with clients that are made once."""
        self.machine = Machine()
        self.fault: Callable[[], str | None] = lambda: None
        self.wait_with("token")
        return self

    def wait_with(self, token: str, **more: str) -> None:
        """As the state machine stores it: whatever was there is replaced."""
        item = {"id": "wait", "token": token, **more}
        self._store.put_item(TableName=_TABLE, Item={name: {"S": value} for name, value in item.items()})

    def item(self) -> dict[str, Any]:
        found: dict[str, Any] = self._store.get_item(TableName=_TABLE, Key={"id": {"S": "wait"}})["Item"]
        return found

    def _to_dynamodb(self, request: AWSPreparedRequest) -> AWSResponse | None:
        match self.fault():
            case "before":
                return faulty_aws.answer(400, "ProvisionedThroughputExceededException")
            case "after":
                return faulty_aws.done_but_not_heard(request)
        return None

    def _to_machine(self, request: AWSPreparedRequest) -> AWSResponse:
        match self.fault():
            case "before":
                return faulty_aws.answer(400, faulty_aws.THROTTLED)
            case "after":
                self.machine.send(request)
                return faulty_aws.unreachable(request)
        return self.machine.send(request)


@pytest.fixture(scope="module")
def store(aws_endpoint: str) -> Iterator[Any]:
    client = boto3.client(
        "dynamodb",
        endpoint_url=aws_endpoint,
        region_name=REGION,
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )
    client.create_table(
        TableName=_TABLE,
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    yield client
    client.delete_table(TableName=_TABLE)


@pytest.fixture(scope="module")
def waiting_once(aws_endpoint: str, store: Any) -> Waiting:
    return Waiting(aws_endpoint, store)


@pytest.fixture
def waiting(waiting_once: Waiting) -> Waiting:
    return waiting_once.begin()


def one_after_another(*faults: str | None) -> Callable[[], str | None]:
    rest = iter(faults)
    return lambda: next(rest, None)


def test_a_claim_that_was_not_delivered_is_delivered_by_the_next_signal(waiting: Waiting) -> None:
    """Paid, and Step Functions throttled: the deadline that comes next brings the payment, not itself."""
    waiting.fault = one_after_another(None, "before")
    with pytest.raises(TransientFault):
        paid(waiting.tokens)

    assert late(waiting.tokens) is Delivery.SUPERSEDED
    assert waiting.machine.taken == {"token": answer_of("paid:p")}
    assert paid(waiting.tokens) is Delivery.REPEATED


def test_a_claim_that_was_not_delivered_is_delivered_when_the_signal_comes_again(waiting: Waiting) -> None:
    waiting.fault = one_after_another(None, "before")
    with pytest.raises(TransientFault):
        paid(waiting.tokens)

    assert paid(waiting.tokens) is Delivery.DELIVERED
    assert waiting.machine.taken == {"token": answer_of("paid:p")}


def test_a_wait_that_has_begun_anew_is_answered_anew(waiting: Waiting) -> None:
    """The claim was on a wait that ended by its time limit before the answer came: the present one gets it."""
    waiting.machine.taken["token"] = {"error": "States.Timeout"}
    calls = iter(range(9))

    def begin_anew() -> str | None:
        if next(calls) == 1:
            waiting.wait_with("another token")
        return None

    waiting.fault = begin_anew

    assert paid(waiting.tokens) is Delivery.DELIVERED
    assert waiting.machine.taken["another token"] == answer_of("paid:p")


def test_a_new_wait_that_is_claimed_already_gets_its_own_answer(waiting: Waiting) -> None:
    """Begun anew, and claimed by the cancellation before this signal looked again: that answer is delivered."""
    waiting.machine.taken["token"] = {"error": "States.Timeout"}
    calls = iter(range(9))

    def begin_anew() -> str | None:
        if next(calls) == 1:
            waiting.wait_with("another token", claimed_by="cancelled", answer=json.dumps(answer_of("cancelled")))
        return None

    waiting.fault = begin_anew

    assert paid(waiting.tokens) is Delivery.SUPERSEDED
    assert waiting.machine.taken["another token"] == answer_of("cancelled")


def test_nobody_waits_any_more(waiting: Waiting) -> None:
    """Told apart: never waited, and gone before any answer came."""
    assert waiting.tokens.succeed("another", "paid:p", _PAID) is Delivery.ABSENT

    waiting.machine.taken["token"] = {"error": "States.Timeout"}
    assert late(waiting.tokens) is Delivery.LOST
    assert paid(waiting.tokens) is Delivery.LOST


@settings(max_examples=60, deadline=None)
@given(
    signals=st.lists(st.sampled_from(sorted(SIGNALS)), min_size=2, max_size=4),
    stubborn=st.sets(st.integers(0, 3), min_size=1),
    order=st.lists(st.integers(0, 3), max_size=30),
    faults=st.lists(st.sampled_from([None, None, "before", "after"]), max_size=12),
)
def test_exactly_one_answer_is_delivered(
    waiting_once: Waiting,
    signals: list[str],
    stubborn: set[int],
    order: list[int],
    faults: list[str | None],
) -> None:
    """Signals at once, repeated, each call failing before or after its effect, some given up after their first fault.

    As soon as one signal has been handled the wait has its answer, and it is the one that was claimed first.
    """
    waiting = waiting_once.begin()
    turns = Turns(order)
    coming = one_after_another(*faults)

    def in_turn() -> str | None:
        turns.wait()
        return coming()

    waiting.fault = in_turn
    handled: list[tuple[str, Delivery]] = []

    def handle(number: int, signal: str) -> None:
        while True:
            try:
                delivery = SIGNALS[signal](waiting.tokens)
            except TransientFault:
                if number not in stubborn:
                    return
                continue
            handled.append((signal, delivery))
            assert waiting.machine.taken, f"{signal} was told {delivery} before anybody had an answer"
            return

    works = {f"{number}": (number, signal) for number, signal in enumerate(signals)}
    turns.run({name: lambda work=work: handle(*work) for name, work in works.items()})  # type: ignore[misc]

    waiting.fault = lambda: None
    claimed = waiting.item().get("claimed_by", {}).get("S")
    if not handled:
        assert len(waiting.machine.taken) <= 1
        return
    assert waiting.machine.taken == {"token": answer_of(claimed)}
    for signal, delivery in handled:
        assert delivery is not Delivery.ABSENT
        if delivery in (Delivery.DELIVERED, Delivery.REPEATED):
            assert signal == claimed
        if delivery is Delivery.SUPERSEDED:
            assert signal != claimed
