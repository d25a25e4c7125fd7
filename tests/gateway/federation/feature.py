"""What a fixture of one federation feature consists of."""

from dataclasses import dataclass, field
from typing import Any

from gateway.federation import Engine, EngineSettings
from tests.gateway.federation.simulator import HEADER, Simulation, supergraph_sdl

QUERY_AB = "type Query @join__type(graph: A) @join__type(graph: B)"
QUERY_ABC = f"{QUERY_AB} @join__type(graph: C)"


@dataclass
class Feature:
    """A supergraph of the subgraphs named in `graphs`, the data behind it, and an operation.

    `shows` is what the operation's plan and answer are there to show. `labels` are override labels that are on.
    `subgraphs` are the SDLs of subgraphs that are not to be made from the supergraph, by id. `silent`: where the
    monolith reports an error the gateway says nothing, since what clients may not see does not exist for them.
    """

    name: str
    shows: str
    graphs: str
    body: str
    store: dict[str, Any]
    query: str
    fetches: int
    rounds: int
    roots: str = ""
    variables: dict[str, Any] = field(default_factory=dict)
    labels: frozenset[str] = frozenset()
    subgraphs: dict[str, str] = field(default_factory=dict)
    header: str = HEADER
    silent: bool = False

    def simulation(self) -> Simulation:
        sdl = supergraph_sdl(self.graphs, self.body, self.roots, self.header)
        return Simulation(sdl, self.store, self.labels, self.subgraphs)

    def engine(self, simulation: Simulation) -> Engine:
        return simulation.engine(EngineSettings(override_labels=self.labels))


def make_store(query: dict[str, Any], *objects: dict[str, Any], **roots: dict[str, Any]) -> dict[str, Any]:
    """`objects` are what subgraphs find by key; `query` and `roots` are the values of the root fields."""
    return {"Query": query, "objects": list(objects), **roots}


@dataclass
class Refusal:
    """An operation over a feature's supergraph that the public schema does not allow, and what is said of it."""

    feature: Feature
    shows: str
    query: str
    said: str
