"""Places in the answer, and the fields selected at each."""

from typing import TYPE_CHECKING

from gateway.federation.planner.ownership import TYPENAME, Ownership

if TYPE_CHECKING:
    from graphql import GraphQLOutputType

    from gateway.federation.operation.incremental import StreamUse
    from gateway.federation.planner.groups import Cursor


# When a field was first mentioned: after which mention of each field around it.
Order = tuple[int, ...]


class Item:
    """A field selected at a position. `key` is the client's response name, `internal` the one used inside.

    `phase` is the part of the answer that it belongs to: 0 for what is not deferred. `service` is who brings it.
    """

    __slots__ = (
        "api_type",
        "arguments",
        "children",
        "hidden",
        "internal",
        "key",
        "name",
        "order",
        "phase",
        "position",
        "service",
        "stream",
        "variables",
    )

    def __init__(self, position: "Position", key: str, name: str, arguments: str, variables: frozenset[str]) -> None:
        self.position = position
        self.key = key
        self.name = name
        self.arguments = arguments
        self.variables = variables
        self.hidden = False
        self.order: Order = (1 << 30,)
        self.internal = key
        self.children: Position | None = None
        self.api_type: GraphQLOutputType | None = None
        self.phase = 0
        self.service: str | None = None
        self.stream: StreamUse | None = None


class Names:
    """The items behind each response name of one place, whatever the types of the objects there.

    Selections on different types stand side by side in a request, and GraphQL wants their response names to agree all
    the way down: so places are told apart by response names alone, while positions are also by type. What the client
    sees under one name is one place, also where it goes by several names inside: its parts are put together.
    """

    __slots__ = ("_below", "items")

    def __init__(self) -> None:
        self.items: dict[str, list[Item]] = {}
        self._below: dict[str, Names] = {}

    def below(self, item: Item) -> "Names":
        """The place below an item, which has its response name by now."""
        known = self._below.get(item.key) or Names()
        self._below[item.key] = self._below[item.internal] = known
        return known

    def leads_elsewhere(self, internal: str, key: str) -> bool:
        """Whether what is below one name inside is another place than what the client sees below `key`."""
        known = self._below.get(internal)
        return known is not None and known is not self._below.get(key)


class Position:
    """Objects at one path of the answer.

    A *cast* position (`base` set) is the same objects as far as they are of one object type; it shares the response
    names of its base. `runtime` are the object types that can occur, `graphs` the subgraphs that can hold the objects,
    by whatever way. `restricted` holds the one subgraph that may
    answer below a mutation's or subscription's root field, which is executed once.
    """

    __slots__ = (
        "base",
        "casts",
        "cursors",
        "earlier",
        "graphs",
        "items",
        "names",
        "owned",
        "parent",
        "restricted",
        "runtime",
        "type",
    )

    def __init__(
        self,
        type_name: str,
        runtime: tuple[str, ...],
        graphs: frozenset[str],
        parent: Item | None = None,
        base: "Position | None" = None,
    ) -> None:
        self.type = type_name
        self.runtime = runtime
        self.graphs = graphs
        self.parent = parent
        self.base = base
        self.items: list[Item] = []
        self.casts: dict[str, Position] = {}
        self.cursors: list[Cursor] = []
        if base is not None:
            self.names: Names = base.names
        else:
            self.names = parent.position.names.below(parent) if parent is not None else Names()
        self.owned: dict[tuple[str, str], Item] = {}
        self.restricted: dict[int, str] = {}
        # Response names of the base that this type's selections mention before the base's own do.
        self.earlier: dict[str, Order] = {}

    def child(self, item: Item, named: str, ownership: Ownership) -> "Position":
        """The position below one of this position's items, which has its response name by now."""
        runtime, graphs = ownership.values_of(self.type, item.name, self.graphs)
        item.children = Position(named, runtime, graphs, item)
        return item.children

    def cast(self, type_name: str, ownership: Ownership) -> "Position":
        """The same place, for objects of `type_name` only."""
        if type_name == self.type:
            return self
        known = self.casts.get(type_name)
        if known is None:
            graphs = ownership.spread(type_name, self.graphs)
            known = self.casts[type_name] = Position(type_name, (type_name,), graphs, self.parent, base=self)
        return known

    def add(self, item: Item, ownership: Ownership) -> Item:
        """Registers an item under a response name that no subgraph can find in conflict with another one."""
        wanted = TYPENAME if item.name == TYPENAME else item.key
        candidate, turn = wanted, 0
        while not self._free(candidate, item, ownership):
            turn += 1
            candidate = f"{wanted}_{self.type}" if turn == 1 else f"{wanted}_{self.type}{turn}"
        item.internal = candidate
        self.names.items.setdefault(candidate, []).append(item)
        self.items.append(item)
        self.owned.setdefault((item.name, item.arguments), item)
        return item

    def _free(self, candidate: str, item: Item, ownership: Ownership) -> bool:
        if (candidate == TYPENAME and item.name != TYPENAME) or self.names.leads_elsewhere(candidate, item.key):
            return False
        for other in self.names.items.get(candidate, ()):
            if (other.name, other.arguments) != (item.name, item.arguments):
                return False
            if not ownership.same_shape(other.position.type, self.type, item.name):
                return False
        return True

    def inject(self, name: str, arguments: str, ownership: Ownership) -> Item:
        """The item for a field that the engine itself needs; the client's own is used when it is the same."""
        known = self.owned.get((name, arguments))
        if known is not None:
            return known
        item = Item(self, name, name, arguments, frozenset())
        item.hidden = True
        self.add(item, ownership)
        supergraph = ownership.supergraph
        if name != TYPENAME:
            field = supergraph.types.get(self.type, {}).get(name)
            if field is not None and supergraph.is_composite(field.named):
                self.child(item, field.named, ownership)
        return item

    def keys(self) -> tuple[str, ...]:
        """The client's response names from the root to here."""
        return () if self.parent is None else (*self.parent.position.keys(), self.parent.key)

    def path(self) -> tuple[str, ...]:
        """Response names and `|Type` casts from the root to here."""
        steps: list[str] = []
        here: Position | None = self
        while here is not None:
            if here.base is not None:
                steps.append("|" + here.type)
                here = here.base
            elif here.parent is not None:
                steps.append(here.parent.internal)
                here = here.parent.position
            else:
                here = None
        return tuple(reversed(steps))
