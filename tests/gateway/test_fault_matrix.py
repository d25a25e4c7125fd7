"""Every owner of fields, with every fault, in the operations that need it: the exact answer, and what it may cost.

The platform's own supergraph and policies; only `slow` is made quick by shorter timeouts. How long a fault may keep a
client is asserted by what bounds it: the attempts made, and the time that each was allowed.
"""

import asyncio
import copy
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import msgspec
import pytest

import gateway
from gateway.federation import (
    Constant,
    Engine,
    Field,
    GraphQLRequest,
    InProcessTransport,
    LastGood,
    Policies,
    Policy,
    Subgraph,
    SubgraphRequest,
    SubgraphStatus,
    SubgraphUnavailable,
)
from gateway.policies import declare_policies
from gateway.settings import Settings
from tests.gateway.federation.simulator import QUICK, Simulation

SDL = (Path(gateway.__file__).parent / "supergraph.graphql").read_text(encoding="utf-8")
SERVICES = ("ticketing", "concessions", "customers", "payments", "notifications", "suggestions", "experience")
SLOW_TIMEOUT = 0.01
DEFAULTS = Constant([{"__typename": "Suggestion", "id": "s1", "reason": "DEFAULT", "item": None}], "parameter_store")
POLICIES = declare_policies(DEFAULTS)

_combo = {"__typename": "Product", "id": "pr1", "name": "Pipoca e refrigerante"}
_event = {"__typename": "Event", "id": "e1", "kind": "CINEMA", "name": "Central do Brasil", "combos": [_combo]}
_payment = {"__typename": "Payment", "id": "pa1", "status": "SUCCEEDED"}
_order = {"__typename": "ConcessionOrder", "id": "o1", "status": "PAID", "pickupCode": "B7"}
_reservation = {
    "__typename": "Reservation",
    "id": "r1",
    "status": "CONFIRMED",
    "payment": _payment,
    "concessionOrder": _order,
}
_suggestion = {"__typename": "Suggestion", "id": "s1", "reason": "POPULAR", "status": "SHOWN"}
_sent = {
    "__typename": "NotificationEdge",
    "node": {"__typename": "Notification", "id": "n1", "subject": "Bem-vinda"},
}
_customer = {
    "__typename": "Customer",
    "id": "c1",
    "name": "Ana",
    "notifications": {"__typename": "NotificationConnection", "edges": [_sent]},
    "suggestions": [_suggestion],
}
STORE = {
    "Query": {"event": _event, "me": _customer, "payment": _payment, "reservation": _reservation},
    "Mutation": {
        "cancelReservation": {"__typename": "CancelReservationPayload", "reservation": _reservation, "errors": []},
        "checkInTicket": {
            "__typename": "CheckInTicketPayload",
            "ticket": {"__typename": "Ticket", "id": "t1", "code": "ABC"},
            "errors": [],
        },
        "updatePreferences": {"__typename": "CustomerPayload", "customer": _customer, "errors": []},
    },
    "objects": [_event, _combo, _payment, _order, _reservation, _suggestion, _customer],
}


@dataclass(frozen=True)
class Touch:
    """An operation, the service that fails in it, what remains of the data and where the error is.

    `source` is what stands in there without an error.
    """

    name: str
    service: str
    query: str
    whole: Any
    rest: Any
    path: list[str | int]
    keyed: bool = False
    warm: bool = False
    source: str | None = None


EVENT = '{ event(id: "e1") { name combos(first: 1) { name } } }'
EVENT_WHOLE = {"event": {"name": "Central do Brasil", "combos": [{"name": "Pipoca e refrigerante"}]}}
ME = "{ me { name notifications(first: 1) { edges { node { subject } } } } }"
ME_WHOLE = {"me": {"name": "Ana", "notifications": {"edges": [{"node": {"subject": "Bem-vinda"}}]}}}
ORDER = '{ reservation(id: "r1") { status concessionOrder { pickupCode } } }'
ORDER_WHOLE = {"reservation": {"status": "CONFIRMED", "concessionOrder": {"pickupCode": "B7"}}}
PAID = '{ reservation(id: "r1") { status payment { status } } }'
PAID_WHOLE = {"reservation": {"status": "CONFIRMED", "payment": {"status": "SUCCEEDED"}}}
SUGGESTED = "{ me { suggestions(first: 1) { reason status } } }"
SUGGESTED_WHOLE = {"me": {"suggestions": [{"reason": "POPULAR", "status": "SHOWN"}]}}
CANCEL = """mutation { cancelReservation(input: {reservationId: "r1", idempotencyKey: "k"}) {
  reservation { status concessionOrder { status } } errors { code } } }"""
CANCEL_WHOLE = {
    "cancelReservation": {
        "reservation": {"status": "CONFIRMED", "concessionOrder": {"status": "PAID"}},
        "errors": [],
    }
}
CHECK_IN = """mutation { checkInTicket(input: {sessionId: "s1", gate: "A", qrPayload: "q"}) {
    ticket { code } errors { code } } }"""
PREFER = "mutation { updatePreferences(input: {smsEnabled: true}) { customer { name } errors { code } } }"

TOUCHES = [
    Touch("event", "ticketing", EVENT, EVENT_WHOLE, {"event": None}, ["event"]),
    # Nothing was ever seen of these combos: only they are missing.
    Touch(
        "combos",
        "concessions",
        EVENT,
        EVENT_WHOLE,
        {"event": {"name": "Central do Brasil", "combos": None}},
        ["event", "combos"],
    ),
    Touch(
        "combos seen before",
        "concessions",
        EVENT,
        EVENT_WHOLE,
        EVENT_WHOLE,
        ["event", "combos"],
        warm=True,
        source="last_good",
    ),
    Touch("event whose combos were seen", "ticketing", EVENT, EVENT_WHOLE, {"event": None}, ["event"], warm=True),
    Touch(
        "order",
        "concessions",
        ORDER,
        ORDER_WHOLE,
        {"reservation": {"status": "CONFIRMED", "concessionOrder": None}},
        ["reservation", "concessionOrder"],
    ),
    Touch("reservation", "ticketing", ORDER, ORDER_WHOLE, {"reservation": None}, ["reservation"]),
    Touch("customer", "customers", ME, ME_WHOLE, {"me": None}, ["me"]),
    Touch(
        "notifications",
        "notifications",
        ME,
        ME_WHOLE,
        {"me": {"name": "Ana", "notifications": None}},
        ["me", "notifications"],
    ),
    Touch(
        "payment",
        "payments",
        '{ payment(id: "pa1") { status } }',
        {"payment": {"status": "SUCCEEDED"}},
        {"payment": None},
        ["payment"],
    ),
    Touch(
        "payment of a reservation",
        "payments",
        PAID,
        PAID_WHOLE,
        {"reservation": {"status": "CONFIRMED", "payment": None}},
        ["reservation", "payment", "status"],
    ),
    Touch(
        "payment behind the experience",
        "experience",
        PAID,
        PAID_WHOLE,
        {"reservation": {"status": "CONFIRMED", "payment": None}},
        ["reservation", "payment"],
    ),
    Touch(
        "suggestion",
        "suggestions",
        SUGGESTED,
        SUGGESTED_WHOLE,
        {"me": {"suggestions": [{"reason": "POPULAR", "status": None}]}},
        ["me", "suggestions", 0, "status"],
    ),
    Touch(
        "suggestions behind the experience",
        "experience",
        "{ me { name ideas: suggestions(first: 1) { why: reason } } }",
        {"me": {"name": "Ana", "ideas": [{"why": "POPULAR"}]}},
        {"me": {"name": "Ana", "ideas": [{"why": "DEFAULT"}]}},
        ["me", "ideas"],
        source="parameter_store",
    ),
    Touch("cancel with a key", "ticketing", CANCEL, CANCEL_WHOLE, None, ["cancelReservation"], keyed=True),
    Touch(
        "order of what was cancelled",
        "concessions",
        CANCEL,
        CANCEL_WHOLE,
        {"cancelReservation": {"reservation": {"status": "CONFIRMED", "concessionOrder": None}, "errors": []}},
        ["cancelReservation", "reservation", "concessionOrder"],
    ),
    Touch(
        "check-in without a key",
        "ticketing",
        CHECK_IN,
        {"checkInTicket": {"ticket": {"code": "ABC"}, "errors": []}},
        None,
        ["checkInTicket"],
    ),
    Touch(
        "preferences without a key",
        "customers",
        PREFER,
        {"updatePreferences": {"customer": {"name": "Ana"}, "errors": []}},
        None,
        ["updatePreferences"],
    ),
]
# Fault → the error's code, and whether another attempt may help.
FAULTS = {
    "down": ("SUBGRAPH_UNAVAILABLE", True),
    "slow": ("SUBGRAPH_TIMEOUT", True),
    "HTTP 500": ("SUBGRAPH_STATUS", False),
    "malformed JSON": ("SUBGRAPH_MALFORMED", False),
    "partial errors": ("SUBGRAPH_ERROR", False),
    "wrong shape": ("SUBGRAPH_MALFORMED", False),
}


@dataclass
class Faulty:
    """A service's transport that fails as it is told; keeps what arrived, with the time allowed for it."""

    healthy: InProcessTransport
    fault: str | None = None
    arrived: list[tuple[str, float]] = field(default_factory=list)

    async def execute(self, request: SubgraphRequest) -> bytes:
        self.arrived.append((request.kind, request.timeout))
        match self.fault:
            case "down":
                raise SubgraphUnavailable("closed the connection")
            case "slow":
                await asyncio.Event().wait()
            case "HTTP 500":
                raise SubgraphStatus(500)
            case "malformed JSON":
                return b'{"data":{"'
            case "partial errors":
                return _with_error(msgspec.json.decode(await self.healthy.execute(request)))
            case "wrong shape":
                answer = msgspec.json.decode(await self.healthy.execute(request))
                return msgspec.json.encode({"data": dict.fromkeys(answer["data"], 7)})
        return await self.healthy.execute(request)

    async def subscribe(self, request: SubgraphRequest) -> AsyncIterator[bytes]:
        raise NotImplementedError
        yield b""


def _with_error(answer: Any) -> bytes:
    """The answer without its first field, and the error that explains it."""
    data = answer["data"]
    ((root, value),) = data.items()
    if isinstance(value, list):
        ((name, _),) = ((name, found) for name, found in value[0].items() if name != "__typename")
        value[0][name] = None
        path = [root, 0, name]
    else:
        # Mutations' roots are not nullable.
        answer["data"] = None if root in STORE["Mutation"] else {root: None}
        path = [root]
    error = {"message": "psycopg: 10.0.0.7 refused", "path": path, "extensions": {"code": "INTERNAL_SERVER_ERROR"}}
    return msgspec.json.encode({**answer, "errors": [error]})


@dataclass
class Platform:
    engine: Engine
    services: dict[str, Faulty]

    async def ask(self, query: str, identity: str) -> Any:
        return msgspec.json.decode(await self.engine.execute(GraphQLRequest(query=query, identity=identity)))


def policy_of(service: str, timeout: float | None) -> Policy:
    """As declared; what is slow is found to be so soon."""
    declared = POLICIES.of_service(service)
    if timeout is None:
        return declared
    return replace(declared, attempt_timeout=timeout, mutation_attempt_timeout=timeout)


def make_platform(timeout: float | None = None) -> Platform:
    simulation = Simulation(SDL, STORE)
    services = {name: Faulty(InProcessTransport(simulation._caller(name.upper()))) for name in SERVICES}
    policies: dict[Subgraph | Field, Policy] = {}
    for name in SERVICES:
        policies[Subgraph(name)] = policy_of(name, timeout)
    for coordinate in POLICIES.coordinates:
        declared = POLICIES.of_field(coordinate)
        policies[Field(coordinate)] = replace(declared, fallback=copy.deepcopy(declared.fallback))
    return Platform(Engine(SDL, transports=services, policies=Policies(policies), settings=QUICK), services)


@pytest.fixture(scope="module")
def platform() -> Platform:
    """One for all cases, as in life: each asks as somebody else, and leaves every service well."""
    return make_platform()


@pytest.fixture(scope="module")
def quick() -> Platform:
    return make_platform(SLOW_TIMEOUT)


def test_every_service_and_every_declared_fallback_is_in_the_matrix() -> None:
    assert {touch.service for touch in TOUCHES} == set(SERVICES)
    covered = {"Event.combos", "Customer.suggestions", "Reservation.suggestions"}
    assert {one for one in POLICIES.coordinates if POLICIES.of_field(one).fallback} == covered
    assert isinstance(POLICIES.fallback("concessions", "Event.combos"), LastGood)


def test_a_service_that_hangs_takes_a_part_of_the_request_only() -> None:
    """Two attempts fit into what a service may take, three services into what a request may."""
    most = Settings.model_fields["request_timeout"].default
    for name in SERVICES:
        policy = POLICIES.of_service(name)
        assert policy.timeout is not None
        assert policy.timeout < most
        if name != "experience":
            assert policy.attempt_timeout is not None
            assert policy.breaker is not None
            assert policy.attempt_timeout < policy.timeout <= most / 3


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("touch", TOUCHES, ids=lambda touch: touch.name)
async def test_a_fault_costs_what_it_must_and_no_more(
    platform: Platform, quick: Platform, touch: Touch, fault: str
) -> None:
    here = quick if fault == "slow" else platform
    identity = f"{touch.name}, {fault}"
    service = here.services[touch.service]
    policy = policy_of(touch.service, SLOW_TIMEOUT if fault == "slow" else None)
    code, passing = FAULTS[fault]
    if touch.warm:
        assert await here.ask(touch.query, identity) == {"data": touch.whole}
    service.arrived.clear()
    service.fault = fault
    try:
        answer = await here.ask(touch.query, identity)
    finally:
        service.fault = None

    assert answer["data"] == touch.rest
    if touch.source is not None:
        entry = {"path": touch.path, "source": touch.source, "reason": code}
        if fault == "partial errors":
            entry["reason"] = "INTERNAL_SERVER_ERROR"
        assert answer == {"data": touch.rest, "extensions": {"degraded": [entry]}}
    else:
        assert "extensions" not in answer
        (error,) = answer["errors"]
        assert (error["path"], error["extensions"]) == (touch.path, {"code": code, "service": touch.service})
        assert "10.0.0.7" not in error["message"]

    # The latency bound: so many attempts, each within its time, and what they were allowed within that of the call.
    kinds = {kind for kind, _ in service.arrived}
    if kinds == {"mutation"}:
        policy = policy.for_mutations()
    repeatable = kinds == {"query"} or touch.keyed
    assert len(service.arrived) == 1 + ((policy.retries or 0) if passing and repeatable else 0)
    assert policy.timeout is not None
    longest = policy.attempt_timeout or policy.timeout
    assert all(0 < allowed <= longest for _, allowed in service.arrived)
    if fault == "slow":
        assert sum(allowed for _, allowed in service.arrived) <= policy.timeout

    assert await here.ask(touch.query, identity) == {"data": touch.whole}
