"""What the benchmark compares is the same answer: the engine's, the one by hand, and what the subgraphs' data says."""

import json
from typing import cast

import pytest

from benchmarks.gateway import by_hand
from benchmarks.gateway.operations import OPERATIONS, SCHEMAS, TAG, Operation, tag
from benchmarks.gateway.subgraphs import Server, Subgraph
from gateway.federation import Engine, GraphQLRequest, InProcessTransport, SubgraphRequest


class _Direct:
    """The subgraphs without a server between."""

    def __init__(self, operation: Operation) -> None:
        self.subgraphs = {file.stem: Subgraph(file) for file in (SCHEMAS / operation.name).glob("*.graphql")}

    async def fetch(self, path: bytes, body: bytes) -> bytes:
        answer, failed = self.subgraphs[path.decode()].execute(body)
        assert not failed, answer
        return answer

    def transport(self, name: str) -> InProcessTransport:
        async def call(request: SubgraphRequest) -> bytes:
            return await self.fetch(name.encode(), request.body)

        return InProcessTransport(call)


@pytest.mark.parametrize("operation", OPERATIONS.values(), ids=OPERATIONS)
async def test_the_engine_answers_as_the_plan_compiled_by_hand(operation: Operation) -> None:
    direct = _Direct(operation)
    transports = {name: direct.transport(name) for name in direct.subgraphs}
    engine = Engine(operation.supergraph.read_text("utf-8"), transports=transports)
    request = GraphQLRequest(query=operation.query, variables={"tag": tag(1)})
    answer = await engine.execute(request)
    assert await engine.execute(request) == answer, "answered with care, then quickly"
    compiled = {"catalogue": by_hand.catalogue, "heavy": by_hand.heavy}[operation.name]
    expected = await compiled(cast("by_hand.Upstream", direct), tag(1))
    assert json.loads(answer) == json.loads(expected)
    assert len(answer) > 10_000


def test_every_request_is_another_one_and_subgraphs_know_them_as_one() -> None:
    operation = OPERATIONS["catalogue"]
    first, second = operation.body(1), operation.body(2)
    assert first != second
    assert TAG.sub(b"", first) == TAG.sub(b"", second)
    server = Server()
    body = b'{"query":"query($t:String){events(tag:$t){id}}","variables":{"t":"%b"}}'
    answers = [server.answer(b"/ticketing", body % tag(number).encode()) for number in (1, 2)]
    assert answers[0] is answers[1]
    assert not server.failures
