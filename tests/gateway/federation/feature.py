"""What a fixture of one federation feature consists of."""

from dataclasses import dataclass, field
from typing import Any

from tests.gateway.federation.simulator import Simulation, supergraph_sdl

QUERY_AB = "type Query @join__type(graph: A) @join__type(graph: B)"


@dataclass
class Feature:
    name: str
    graphs: str
    body: str
    store: dict[str, Any]
    query: str
    fetches: int
    rounds: int
    roots: str = ""
    variables: dict[str, Any] = field(default_factory=dict)

    def simulation(self) -> Simulation:
        return Simulation(supergraph_sdl(self.graphs, self.body, self.roots), self.store)


def make_store(query: dict[str, Any], *objects: dict[str, Any], **roots: dict[str, Any]) -> dict[str, Any]:
    return {"Query": query, "objects": list(objects), **roots}
