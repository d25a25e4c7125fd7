"""Possibilities of a search: how the objects of a position could come to be in a subgraph, and at what cost."""

from dataclasses import dataclass, field

from gateway.federation.fieldset import FieldSet
from gateway.federation.planner.groups import Cursor
from gateway.federation.planner.plan import Representation
from gateway.federation.planner.position import Item, Position

# A subgraph, a round, and the part of the answer that waits.
Bucket = tuple[str, int, int]
NOTHING_NEW: frozenset[Bucket] = frozenset()


@dataclass(slots=True)
class Pick:
    """A leaf to be taken by a way; `rep` is where its value goes in a representation."""

    way: "Way"
    item: Item


@dataclass(slots=True)
class Inputs:
    """Everything that a representation needs, and what it costs."""

    level: int = 0
    buckets: frozenset[Bucket] = NOTHING_NEW
    picks: list[Pick] = field(default_factory=list)
    fields: list[Representation] = field(default_factory=list)

    def include(self, other: "Inputs") -> None:
        self.level = max(self.level, other.level)
        self.buckets |= other.buckets
        self.picks += other.picks


@dataclass(slots=True)
class Way:
    """`kind`: cursor, root, step (down a field), cast (to one type), entity (by representation), requery (a nested
    root type asked again). `phase` is the part of the answer whose fetch it ends in."""

    kind: str
    position: Position
    graph: str
    local: str
    level: int
    buckets: frozenset[Bucket] = NOTHING_NEW
    source: "Way | None" = None
    item: Item | None = None
    inputs: Inputs | None = None
    provided: FieldSet | None = None
    cursor: Cursor | None = None
    phase: int = 0

    @property
    def cost(self) -> tuple[int, int]:
        return (self.level, len(self.buckets))


class Frontier:
    """The best ways found so far, one for each subgraph, local type, provided set and part of the answer."""

    def __init__(self) -> None:
        self._best: dict[tuple[str, str, FieldSet | None, int], Way] = {}

    @property
    def ways(self) -> list[Way]:
        return list(self._best.values())

    def offer(self, way: Way) -> bool:
        key = (way.graph, way.local, way.provided, way.phase)
        known = self._best.get(key)
        if known is not None and known.cost <= way.cost and not (known.cost == way.cost and _is_nearer(way, known)):
            return False
        self._best[key] = way
        return True


def is_free(way: Way) -> bool:
    """Whether nothing but more fields of fetches that are made anyway is needed."""
    while way.kind in {"step", "cast"} and way.inputs is None and way.source is not None:
        way = way.source
    return way.kind == "cursor"


def _is_nearer(way: Way, known: Way) -> bool:
    """Objects are rather asked for by key than by walking to them anew, or along with others of which they are some."""
    if way.kind != "entity" or known.kind not in {"step", "cast"}:
        return False
    source = known
    while source.source is not None:
        source = source.source
    return source.kind != "cursor"
