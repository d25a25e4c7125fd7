"""What people read when something could not be had: plain words in their language, and nothing of how we are built."""

import ast
import re
from pathlib import Path

import pytest

from gateway.experience.messages import _EN, _PT
from gateway.federation import Engine, EngineSettings, GraphQLRequest
from gateway.federation.errors import SubgraphFailure, SubgraphMalformed, SubgraphOverloaded, SubgraphStatus
from gateway.federation.messages import ENGLISH
from gateway.messages import PORTUGUESE, in_their_language
from subgraphs.chassis.graphql.messages import MESSAGES

_GATEWAY = Path(__file__).parents[2] / "gateway"
MACHINERY = re.compile(
    r"breaker|circuit|disjuntor|subgraph|subgrafo|supergraph|attempt|tentativa|retry|retries|transport|connection|"
    r"conexão|upstream|backend|HTTP|JSON|timeout|time-out|queue|pool|semaphore|database|banco de dados|"
    r"'(ticketing|payments|concessions|customers|suggestions|notifications|experience)'",
    re.IGNORECASE,
)


def _failures(kind: type[SubgraphFailure] = SubgraphFailure) -> list[type[SubgraphFailure]]:
    return [kind, *(one for each in kind.__subclasses__() for one in _failures(each))]


TEXTS = [
    *ENGLISH.values(),
    *PORTUGUESE.values(),
    *_EN.values(),
    *_PT.values(),
    *(text for texts in MESSAGES.values() for text in texts.values()),
]


@pytest.mark.parametrize("text", sorted(set(TEXTS)))
def test_no_text_speaks_of_machinery(text: str) -> None:
    """Trying again is something that a person can do; how often we have tried is not their business."""
    spoken = text.replace("Muitas tentativas", "").replace("Too many attempts", "")
    assert not MACHINERY.search(spoken), text
    assert text.endswith((".", ":"))


def test_every_failure_of_the_engine_has_its_text_in_both_languages() -> None:
    codes = {kind.code for kind in _failures()} | {SubgraphStatus(status).code for status in (401, 403, 500)}
    assert codes <= set(ENGLISH)
    assert set(PORTUGUESE) == set(ENGLISH)


@pytest.mark.parametrize(
    ("headers", "starts"),
    [
        ({}, "Isto não está"),
        ({"Accept-Language": "pt"}, "Isto não está"),
        ({"Accept-Language": "en-GB, pt;q=0.5"}, "This is not"),
        ({"Accept-Language": "tlh"}, "Isto não está"),
    ],
)
def test_the_language_is_the_clients(headers: dict[str, str], starts: str) -> None:
    assert in_their_language("SUBGRAPH_REJECTED", headers).startswith(starts)
    assert in_their_language("NEVER_HEARD_OF", headers)


SDL = (_GATEWAY / "supergraph.graphql").read_text(encoding="utf-8")


class Failing:
    """A way to every service on which each call fails with what is raised here."""

    def __init__(self, failure: SubgraphFailure) -> None:
        self.failure = failure

    async def execute(self, request: object) -> bytes:
        raise self.failure

    def subscribe(self, request: object) -> object:
        raise self.failure


@pytest.mark.parametrize("language", ["pt-BR", "en"])
@pytest.mark.parametrize(
    "kind", [*(kind for kind in _failures() if kind is not SubgraphStatus), *(401, 403, 404, 500, 503)]
)
async def test_however_a_call_fails_the_answer_says_it_plainly(
    kind: type[SubgraphFailure] | int, language: str
) -> None:
    """The reason that operators would want is not in it; the code is."""
    if isinstance(kind, int):
        failure: SubgraphFailure = SubgraphStatus(kind)
    elif kind is SubgraphOverloaded:
        failure = SubgraphOverloaded(0.5)
    else:
        failure = kind("the circuit breaker is open")
    services = ("ticketing", "payments", "concessions", "customers", "suggestions", "notifications", "experience")
    engine = Engine(
        SDL,
        transports={name: Failing(failure) for name in services},  # type: ignore[misc]
        settings=EngineSettings(messages=in_their_language),
    )
    query = GraphQLRequest(
        query="{ events(first: 1) { edges { cursor } } products(first: 1) { edges { cursor } } }",
        headers={"Accept-Language": language},
    )
    answer = (await engine.execute(query)).decode()
    texts = PORTUGUESE if language == "pt-BR" else ENGLISH
    assert texts[failure.code] in answer
    assert failure.code in answer
    for message in re.findall(r'"message":"([^"]*)"', answer):
        assert not MACHINERY.search(message), message


async def test_without_masking_the_reason_is_told() -> None:
    engine = Engine(
        SDL,
        transports={"ticketing": Failing(SubgraphMalformed("answered what is not JSON"))},  # type: ignore[dict-item]
        settings=EngineSettings(mask_errors=False),
    )
    answer = await engine.execute(GraphQLRequest(query="{ events(first: 1) { edges { cursor } } }"))
    assert b"'ticketing' answered what is not JSON" in answer


def test_no_refusal_at_the_door_speaks_of_machinery() -> None:
    """Every text that the code of the door and of the experience gives away as it stands."""
    found = []
    for path in [*(_GATEWAY / "http").rglob("*.py"), *(_GATEWAY / "experience").rglob("*.py")]:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") in {
                "HttpRefusal",
                "GraphQLError",
                "error_body",
            }:
                found += [
                    each.value
                    for argument in node.args
                    for each in ast.walk(argument)
                    if isinstance(each, ast.Constant) and isinstance(each.value, str) and " " in each.value
                ]
    assert len(found) > 10
    spoken = [
        text for text in found if re.search(r"breaker|circuit|subgraph|upstream|backend|pool", text, re.IGNORECASE)
    ]
    assert spoken == []
