"""A parameter as a fallback: read seldom, never waited for long, and never taken for what it is not."""

import json
import secrets
import socket
import threading
from collections.abc import Iterator
from typing import Any
from uuid import UUID, uuid4

import boto3
import pytest

from gateway.app import show_defaults
from gateway.auth import Buyer
from gateway.experience.aws import AwsClients
from gateway.experience.default_suggestions import read_defaults
from gateway.experience.ids import encode
from gateway.federation import FallbackContext
from gateway.parameter_store import ParameterStore

PRODUCT, EVENT = UUID(int=1), UUID(int=2)
STORED = {"version": 1, "items": [{"type": "PRODUCT", "id": str(PRODUCT)}, {"type": "EVENT", "id": str(EVENT)}]}
ANA = Buyer(uuid4())


class Parameter:
    """A parameter of the emulated Parameter Store, and a clock that moves when it is told to."""

    def __init__(self, endpoint: str) -> None:
        self.path = f"/bilhetagem/{secrets.token_hex(4)}/suggestions/default"
        self.now = 0.0
        self.reads = 0
        self.ssm: Any = boto3.session.Session("test", "test", region_name="sa-east-1").client(
            "ssm", endpoint_url=endpoint
        )

    def put(self, text: str) -> None:
        self.ssm.put_parameter(Name=self.path, Type="String", Value=text, Overwrite=True)

    def take_away(self) -> None:
        self.ssm.delete_parameter(Name=self.path)

    def read(self, text: str) -> Any:
        self.reads += 1
        return read_defaults(text)

    def store(self, aws: AwsClients, **more: Any) -> ParameterStore[Any]:
        return ParameterStore(aws, self.path, self.read, show_defaults, clock=lambda: self.now, **more)


@pytest.fixture
def parameter(aws_endpoint: str) -> Iterator[Parameter]:
    made = Parameter(aws_endpoint)
    yield made
    made.ssm.close()


@pytest.fixture
def aws(aws_endpoint: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[AwsClients]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    clients = AwsClients("sa-east-1", aws_endpoint)
    yield clients
    clients.close()


def context(first: int | None = None) -> FallbackContext:
    arguments = {} if first is None else {"first": first}
    return FallbackContext("Customer.suggestions", ANA, b"{}", "SUBGRAPH_TIMEOUT", None, arguments)


async def test_the_list_of_operations_is_shown_as_suggestions(aws: AwsClients, parameter: Parameter) -> None:
    """In its order, as many as were asked for, under ids that stay the same for one customer."""
    parameter.put(json.dumps(STORED))
    store = parameter.store(aws)
    shown = await store.value(context())
    assert [one["item"] for one in shown] == [
        {"__typename": "Product", "id": encode("Product", PRODUCT)},
        {"__typename": "Event", "id": encode("Event", EVENT)},
    ]
    assert [(one["__typename"], one["reason"]) for one in shown] == [("Suggestion", "DEFAULT")] * 2
    assert await store.value(context(1)) == shown[:1]
    assert store.source == "parameter_store"


async def test_it_is_read_again_when_it_is_no_longer_fresh(aws: AwsClients, parameter: Parameter) -> None:
    parameter.put(json.dumps(STORED))
    store = parameter.store(aws, fresh=60)
    assert len(await store.stored()) == 2
    parameter.put(json.dumps({**STORED, "items": STORED["items"][:1]}))  # type: ignore[index]
    assert len(await store.stored()) == 2
    assert parameter.reads == 1
    parameter.now = 61
    assert len(await store.stored()) == 1


@pytest.mark.parametrize("text", ["popcorn", "[]", '{"version":2,"items":[]}', '{"version":1,"items":[{"type":"X"}]}'])
async def test_what_cannot_be_understood_is_no_value(aws: AwsClients, parameter: Parameter, text: str) -> None:
    parameter.put(text)
    with pytest.raises(LookupError):
        await parameter.store(aws).value(context())


async def test_a_mistake_in_it_keeps_the_last_value_until_that_is_too_old(
    aws: AwsClients, parameter: Parameter
) -> None:
    parameter.put(json.dumps(STORED))
    store = parameter.store(aws, fresh=60, max_age=600)
    await store.stored()
    parameter.put("popcorn")
    parameter.now = 600
    assert len(await store.stored()) == 2
    parameter.now = 601
    with pytest.raises(LookupError):
        await store.stored()


async def test_what_operations_took_away_is_served_no_more(aws: AwsClients, parameter: Parameter) -> None:
    store = parameter.store(aws)
    with pytest.raises(LookupError):
        await store.stored()
    parameter.put(json.dumps(STORED))
    parameter.now = 10
    assert len(await store.stored()) == 2
    parameter.take_away()
    parameter.now = 100
    with pytest.raises(LookupError):
        await store.stored()


async def test_an_endpoint_that_hangs_is_not_waited_for(monkeypatch: pytest.MonkeyPatch, parameter: Parameter) -> None:
    """It accepts and says nothing; who asks next within some seconds does not wait at all."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    with socket.create_server(("127.0.0.1", 0)) as silent:
        aws = AwsClients("sa-east-1", f"http://127.0.0.1:{silent.getsockname()[1]}")
        store = parameter.store(aws, timeout=0.05)
        with pytest.raises(LookupError):
            await store.stored()
        silent.setblocking(False)
        silent.accept()[0].close()
        with pytest.raises(LookupError):
            await store.stored()
        aws.close()


async def test_it_is_never_read_on_the_thread_of_the_event_loop(aws: AwsClients, parameter: Parameter) -> None:
    parameter.put(json.dumps(STORED))
    threads: list[int] = []
    aws.ssm.meta.events.register("before-call.ssm.GetParameter", lambda **_: threads.append(threading.get_ident()))
    await parameter.store(aws).stored()
    assert len(threads) == 1
    assert threads[0] != threading.get_ident()
