"""What a plan is built from while the search goes on: fetch groups, their selections, and cursors into them."""

from dataclasses import dataclass, field

from gateway.federation.fieldset import FieldSet
from gateway.federation.planner.plan import Representation
from gateway.federation.planner.position import Item, Position


class Selection:
    """What one group selects on objects of one local type. Casts hold what is asked of one object type only."""

    __slots__ = ("casts", "fields", "type", "typename")

    def __init__(self, type_name: str) -> None:
        self.type = type_name
        self.fields: dict[str, tuple[Item, Selection | None]] = {}
        self.casts: dict[str, Selection] = {}
        self.typename = False

    def add(self, item: Item, child_type: str | None) -> "Selection | None":
        known = self.fields.get(item.internal)
        if known is None:
            known = (item, Selection(child_type) if child_type is not None else None)
            self.fields[item.internal] = known
        return known[1]

    def cast(self, type_name: str) -> "Selection":
        self.typename = True
        return self.casts.setdefault(type_name, Selection(type_name))

    def size(self) -> int:
        below = sum(child.size() if child else 0 for _, child in self.fields.values())
        return len(self.fields) + below + sum(cast.size() for cast in self.casts.values())


class Group:
    """Selections asked of one subgraph in one round, for the objects at one position.

    `entity` groups send representations: a type name and the fields of `inputs`. `phase` is the part of the answer
    that waits for it.
    """

    __slots__ = ("deps", "entity", "graph", "inputs", "level", "local", "order", "phase", "position", "selection")

    def __init__(
        self, graph: str, level: int, position: Position, local: str, entity: bool, order: int, phase: int = 0
    ) -> None:
        self.graph = graph
        self.level = level
        self.position = position
        self.local = local
        self.entity = entity
        self.phase = phase
        self.order = order
        self.selection = Selection(local)
        self.inputs: dict[tuple[str, str | None], Representation] = {}
        self.deps: set[Group] = set()


@dataclass(slots=True, eq=False)
class Cursor:
    """Where the objects of a position stand in a group. `needs` are groups that tell their runtime type."""

    group: Group
    selection: Selection
    provided: FieldSet | None = None
    needs: frozenset[Group] = field(default_factory=frozenset)


def merge_inputs(known: dict[tuple[str, str | None], Representation], new: list[Representation]) -> bool:
    """Adds fields to a representation; False, with nothing changed, when one name would need two values."""
    merged = dict(known)
    for rep in new:
        existing = merged.get((rep.name, rep.on))
        if existing is None:
            merged[rep.name, rep.on] = rep
            continue
        combined = _merge(existing, rep)
        if combined is None:
            return False
        merged[rep.name, rep.on] = combined
    known.clear()
    known.update(merged)
    return True


def _merge(first: Representation, second: Representation) -> Representation | None:
    if first.internal != second.internal:
        return None
    children = {(child.name, child.on): child for child in first.children}
    if not merge_inputs(children, list(second.children)):
        return None
    return Representation(first.name, first.internal, tuple(children.values()), first.on)
