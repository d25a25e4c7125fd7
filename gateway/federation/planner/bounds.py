"""The least that any plan of an operation needs: a plan that needs no more has no better one to be compared with."""

from gateway.federation.planner.ownership import Ownership
from gateway.federation.planner.position import Position


def least_plan(ownership: Ownership, root: Position) -> tuple[int, int]:
    """Rounds and fetches below which no plan can be. Keys and requirements are taken to cost nothing, so both are low.

    An object is in the subgraphs that answer the field it came by, and in all others a round later. A subgraph that
    alone can answer something is asked; twice, if that is a root field and also something that no first round knows.
    """
    alone: set[str] = set()
    first: set[str] = set()
    later: set[str] = set()
    deepest = 1

    def walk(position: Position, here: dict[str, int]) -> None:
        nonlocal deepest
        elsewhere = min(here.values(), default=0) + 1
        for item in position.items:
            if item.hidden or item.name.startswith("__"):
                continue
            graphs = ownership.answering(position.type, item.name)
            below = {graph: here.get(graph, elsewhere) for graph in graphs}
            if len(graphs) == 1:
                alone.update(graphs)
                if position is root:
                    first.update(graphs)
                elif next(iter(below.values())) > 1:
                    later.update(graphs)
            deepest = max(deepest, min(below.values(), default=0))
            if item.children is not None:
                walk(item.children, below)
        for name, cast in position.casts.items():
            if name in position.runtime:
                walk(cast, here)

    walk(root, dict.fromkeys(ownership.supergraph.graphs, 1))
    return deepest, len(alone) + len(first & later)
