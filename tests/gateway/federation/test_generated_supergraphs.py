"""Generated supergraphs: whatever can be planned is answered as the monolith answers it, byte for byte."""

import os
from collections import Counter

import msgspec
import pytest

from gateway.federation import GraphQLRequest, PlanningFailed, RequestRefused
from tests.gateway.federation.supergraphs import Generated

# As many as take a few seconds; `SUPERGRAPHS=2000` looks further.
SUPERGRAPHS = int(os.environ.get("SUPERGRAPHS", "60"))
OPERATIONS = 5


async def test_what_can_be_planned_is_answered_like_the_monolith() -> None:
    outcomes: Counter[str] = Counter()
    for seed in range(SUPERGRAPHS):
        generated = Generated(seed)
        engine = generated.simulation.engine()
        for query in (generated.operation() for _ in range(OPERATIONS)):
            try:
                fetches = engine.plan(query).fetches
            except (PlanningFailed, RequestRefused) as refusal:
                # Composition refuses what nobody reaches; validation refuses response names that do not agree.
                outcomes[type(refusal).__name__] += 1
                continue
            generated.simulation.requests.clear()
            body = await engine.execute(GraphQLRequest(query=query))
            expected = generated.simulation.monolith(engine.api_schema, query).formatted
            assert body == msgspec.json.encode(expected), f"supergraph {seed}: {query}"
            assert len(generated.simulation.requests) <= fetches
            outcomes["answered"] += 1
    assert outcomes["answered"] > SUPERGRAPHS * OPERATIONS * 0.4, outcomes


@pytest.mark.parametrize("seed", [0, 1])
def test_a_number_makes_one_supergraph(seed: int) -> None:
    one, other = Generated(seed), Generated(seed)
    assert one.simulation.sdl == other.simulation.sdl
    assert one.operation() == other.operation()
