"""No call outlives its invocation: what would be cut off is given up a moment earlier, as a fault that passes."""

import json

import httpx
import pytest
from tenacity import RetryCallState, Retrying

from workers.runtime.errors import TransientFault
from workers.runtime.service_tokens import ServiceTokens
from workers.runtime.subgraph_client import SubgraphClient, _is_enough
from workers.runtime.time_left import seconds_left, within


class Invocation:
    def __init__(self, milliseconds: int) -> None:
        self._milliseconds = milliseconds

    def get_remaining_time_in_millis(self) -> int:
        return self._milliseconds


class Ticketing(httpx.BaseTransport):
    """Answers 503, and notes how long each attempt might have taken."""

    def __init__(self) -> None:
        self.patience: list[float] = []

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        given = request.extensions["timeout"]
        self.patience.append(given["connect"] + given["read"])
        return httpx.Response(503, content=json.dumps({}).encode())


@pytest.fixture
def ticketing() -> Ticketing:
    return Ticketing()


@pytest.fixture
def services(ticketing: Ticketing, monkeypatch: pytest.MonkeyPatch) -> SubgraphClient:
    tokens = ServiceTokens(lambda: "")
    monkeypatch.setattr(ServiceTokens, "token_for", lambda self, service: "token")
    return SubgraphClient({"ticketing": "http://ticketing.test"}, tokens, transport=ticketing)


def ask(services: SubgraphClient) -> None:
    with pytest.raises(TransientFault):
        services.ask("ticketing", "{ __typename }", {})


def test_attempts_are_cut_to_what_is_left(services: SubgraphClient, ticketing: Ticketing) -> None:
    """Five seconds for all of it: no attempt may take longer than the rest of them."""
    with within(Invocation(5_000)):
        ask(services)
    assert len(ticketing.patience) == 3
    assert max(ticketing.patience) <= 5.0
    assert ticketing.patience == sorted(ticketing.patience, reverse=True)


def test_nothing_is_begun_at_the_very_end(services: SubgraphClient, ticketing: Ticketing) -> None:
    """The service would do the work, and nobody would hear its answer."""
    with within(Invocation(400)):
        ask(services)
    assert ticketing.patience == []


def test_a_pause_that_outlasts_the_invocation_is_not_made() -> None:
    """It would end in the middle of the pause, and report nothing."""
    state = RetryCallState(Retrying(), None, (), {})
    state.upcoming_sleep = 1.0
    with within(Invocation(1_000)):
        assert _is_enough(state)
    with within(Invocation(60_000)):
        assert not _is_enough(state)


def test_outside_an_invocation_there_is_time(services: SubgraphClient, ticketing: Ticketing) -> None:
    ask(services)
    assert ticketing.patience[0] == 8.0
    assert seconds_left() == float("inf")
