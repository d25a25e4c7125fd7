"""The experience subgraph on an emulated AWS, with the services' HTTP answered by the test."""

import asyncio
import inspect
import json
import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid4

import boto3
import httpx
import msgspec
import pytest

from gateway.experience.aws import AwsClients
from gateway.experience.clients.services import declare_services
from gateway.experience.context import Adapters
from gateway.experience.default_suggestions import read_defaults
from gateway.experience.errors import SourceRefused, SourceUnavailable
from gateway.experience.ids import encode
from gateway.experience.payment_requests import PaymentRequests
from gateway.experience.request_queue import RequestQueue
from gateway.experience.subgraph import ExperienceSubgraph
from gateway.parameter_store import ParameterStore

SERVICES = ("ticketing", "payments", "concessions", "customers", "notifications", "suggestions")
DEFAULT_PRODUCTS = (UUID(int=101), UUID(int=102))
Answer = Callable[[dict[str, Any]], Any]


@dataclass
class Aws:
    endpoint: str
    table: str
    queue_url: str
    parameter: str
    sqs: Any
    dynamodb: Any

    def messages(self) -> list[Any]:
        """What waits on the queue, taken from it."""
        taken = []
        while True:
            answer = self.sqs.receive_message(
                QueueUrl=self.queue_url, MaxNumberOfMessages=10, MessageSystemAttributeNames=["All"]
            )
            if not answer.get("Messages"):
                return taken
            for message in answer["Messages"]:
                self.sqs.delete_message(QueueUrl=self.queue_url, ReceiptHandle=message["ReceiptHandle"])
                attributes = message["Attributes"]
                told = {"group": attributes["MessageGroupId"], "number": attributes["SequenceNumber"]}
                taken.append({**json.loads(message["Body"]), **told})

    def record(self, reservation_id: UUID | str) -> Any:
        key = {"reservation_id": {"S": str(reservation_id)}}
        return self.dynamodb.get_item(TableName=self.table, Key=key, ConsistentRead=True).get("Item")


@pytest.fixture(scope="module")
def aws(aws_endpoint: str) -> Iterator[Aws]:
    session = boto3.session.Session("test", "test", region_name="sa-east-1")
    dynamodb, sqs, ssm = (session.client(name, endpoint_url=aws_endpoint) for name in ("dynamodb", "sqs", "ssm"))
    name = f"experience-{secrets.token_hex(4)}"
    dynamodb.create_table(
        TableName=name,
        KeySchema=[{"AttributeName": "reservation_id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "reservation_id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    queue = sqs.create_queue(QueueName=f"{name}.fifo", Attributes={"FifoQueue": "true"})["QueueUrl"]
    items = [{"type": "PRODUCT", "id": str(one)} for one in DEFAULT_PRODUCTS]
    ssm.put_parameter(Name=f"/{name}", Type="String", Value=json.dumps({"version": 1, "items": items}))
    yield Aws(aws_endpoint, name, queue, f"/{name}", sqs, dynamodb)
    for client in (dynamodb, sqs, ssm):
        client.close()


class Metrics:
    def __init__(self) -> None:
        self.counted: list[str] = []

    def count(self, name: str, value: int = 1, **dimensions: str) -> None:
        self.counted += [name] * value


@dataclass
class Services:
    """Answers by service and by what occurs in the document: `services.on("ticketing", "beginCheckout", {...})`."""

    answers: dict[str, dict[str, Any]] = field(default_factory=lambda: {name: {} for name in SERVICES})
    asked: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    # The seconds that each question was given.
    left: list[float] = field(default_factory=list)

    def on(self, service: str, text: str, data: Any) -> None:
        """`data` is the answer's data, a whole httpx.Response, an exception, or a function of the variables."""
        self.answers[service][text] = data

    async def send(self, service: str, document: str, variables: bytes, timeout: float) -> bytes:  # noqa: ASYNC109
        """As `gateway.outgoing` does it, without a network."""
        body = {"query": document, "variables": json.loads(variables)}
        self.asked.append((service, body))
        self.left.append(timeout)
        await asyncio.sleep(0)
        found = next((data for text, data in self.answers[service].items() if text in document), None)
        if callable(found) and not isinstance(found, type):
            found = found(body["variables"])
        if inspect.isawaitable(found):
            found = await found
        if found is None or isinstance(found, httpx.HTTPError):
            raise SourceUnavailable(service, "timeout" if isinstance(found, httpx.TimeoutException) else "unavailable")
        if isinstance(found, Exception):
            raise found
        if not isinstance(found, httpx.Response):
            return msgspec.json.encode({"data": found})
        if found.status_code in (401, 403):
            raise SourceRefused(service, "UNAUTHENTICATED" if found.status_code == 401 else "FORBIDDEN")
        if found.status_code != 200:
            raise SourceUnavailable(service, f"http_{found.status_code}")
        return found.content

    def variables(self, service: str, text: str) -> list[Any]:
        return [body["variables"] for name, body in self.asked if name == service and text in body["query"]]


@pytest.fixture
def services() -> Services:
    return Services()


@dataclass
class Buyer:
    """Somebody who asks the subgraph."""

    subgraph: ExperienceSubgraph
    metrics: Metrics
    services: Services
    clients: AwsClients
    customer_id: UUID | None = field(default_factory=uuid4)
    locale: str = "pt-BR"
    seconds: float = 5.0

    def on_aws_call(self, heard: Callable[[str], None]) -> None:
        """`heard` is called, in the calling thread, with the operation of each request just before it is sent."""

        def before_send(event_name: str, **_: Any) -> None:
            heard(event_name.rpartition(".")[2])

        for client in (self.clients.dynamodb, self.clients.sqs):
            client.meta.events.register("before-send", before_send)

    async def ask(self, query: str, **variables: Any) -> Any:
        """The whole response."""
        return await self.subgraph.answer(
            query,
            variables,
            customer_id=self.customer_id,
            locale=self.locale,
            deadline=asyncio.get_running_loop().time() + self.seconds,
            send=self.services.send,
        )


@pytest.fixture
def make_buyer(aws: Aws, services: Services, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Buyer]]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    made: list[AwsClients] = []

    def make(**changes: Any) -> Buyer:
        """`endpoint`, `table`, `queue_url` and `parameter` may be others than those that exist."""
        place = {
            name: changes.pop(name, getattr(aws, name)) for name in ("endpoint", "table", "queue_url", "parameter")
        }
        clients = AwsClients("sa-east-1", place["endpoint"])
        made.append(clients)
        metrics = Metrics()
        adapters = Adapters(
            services=declare_services(),
            queue=RequestQueue(clients, place["table"], place["queue_url"]),
            payments=PaymentRequests(clients, place["table"]),
            defaults=ParameterStore(clients, place["parameter"], read_defaults, lambda items, _: items),
            metrics=metrics,
        )
        return Buyer(ExperienceSubgraph(adapters), metrics, services, clients, **changes)

    yield make
    for clients in made:
        clients.close()


@pytest.fixture
def buyer(make_buyer: Callable[..., Buyer]) -> Buyer:
    return make_buyer()


def global_id(typename: str, uuid: UUID | None = None) -> str:
    return encode(typename, uuid or uuid4())
