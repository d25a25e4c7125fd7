"""Text of the loops that lead to objects, and functions made from such text.

Names in it come from names that validation has let through (GraphQL names: `[_A-Za-z][_0-9A-Za-z]*`), so that nothing
of a client's can be code.
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from gateway.federation.fast.places import Kind, NotFast, Path, Place, PlaceMap, Source
from gateway.federation.fast.structs import Structs, attribute

Lines = list[str]
# The lines for an object that a variable holds.
Each = Callable[[str], Lines]


class Loops:
    """`state` says where in a run's state the answer of each source stands."""

    def __init__(self, places: PlaceMap, structs: Structs, state: Mapping[Source, int]) -> None:
        self._places = places
        self._structs = structs
        self._state = state

    def over(self, place: Place, each: Each) -> Lines:
        """Over every object of a place once, from what its sources answered."""
        parent = place.parent
        if parent is None:
            return each("root")
        lines: Lines = []
        for source in dict.fromkeys(origin and origin[0] for origin in place.origins):
            if source is None:
                kinds = parent.leading_to(place, None)
                lines += self.over(parent, partial(self._below, place=parent, child=place, kinds=kinds, each=each))
            else:
                lines += self._from(source, parent, place, each)
        return lines

    def along(self, path: Path, each: Each) -> Lines:
        """Over the objects at a plan's path in the order of the answer, as `join.find_objects` has them."""
        start, steps = self._start(path)
        if start.parent is None:
            raise NotFast("the objects of several fetches stand in one list")
        kinds = list(start.kinds.values())
        return self.over(start, lambda one: self._descend(one, start, kinds, steps, each))

    def guarded(self, variable: str, place: Place, kinds: list[Kind], lines: Lines) -> Lines:
        """The lines for some of the kinds of a place."""
        if len(kinds) == len(place.kinds) or not lines:
            return lines
        return block(f"if {variable}.__class__ {self.among(kinds)}:", lines)

    def among(self, kinds: list[Kind]) -> str:
        """The comparison of an object's class, before it is shown, with those of the kinds."""
        names = [self._structs.read(kind) for kind in kinds]
        return f"is {names[0]}" if len(names) == 1 else f"in ({', '.join(names)})"

    def _start(self, path: Path) -> tuple[Place, Path]:
        """The furthest place on a path from which on the order is known, and the rest of the path."""
        for length in range(len(path), 0, -1):
            if path[length - 1][0] != "|":
                found = self._places.at(path[:length])
                if len(found) == 1 and found[0][0].ordered:
                    return found[0][0], path[length:]
        return self._places.root, path

    def _descend(self, variable: str, place: Place, kinds: list[Kind], steps: Path, each: Each) -> Lines:
        if not steps:
            return self.guarded(variable, place, kinds, each(variable))
        step, *rest = steps
        if step[0] == "|":
            narrowed = [kind for kind in kinds if kind.name == step[1:]]
            return self._descend(variable, place, narrowed, tuple(rest), each) if narrowed else []
        lines: Lines = []
        for child in dict.fromkeys(kind.slots[step].place for kind in kinds if step in kind.slots):
            if child is not None:
                leading = [kind for kind in kinds if step in kind.slots and kind.slots[step].place is child]
                lines += self._below(variable, place, child, leading, self._going_on(child, tuple(rest), each))
        return lines

    def _going_on(self, place: Place, steps: Path, each: Each) -> Each:
        return lambda one: self._descend(one, place, list(place.kinds.values()), steps, each)

    def _below(self, variable: str, place: Place, child: Place, kinds: list[Kind], each: Each) -> Lines:
        if not kinds:
            return []
        lines = opened(f"{variable}.{attribute(child.name)}", child.wrappers, f"x{len(child.path)}", each)
        return self.guarded(variable, place, kinds, lines)

    def _from(self, source: Source, parent: Place, place: Place, each: Each) -> Lines:
        if not parent.leading_to(place, source):
            return []
        state, name, variable = f"state[{self._state[source]}]", attribute(place.name), f"x{len(place.path)}"
        if source[1] is None:
            return opened(f"{state}.{name}", place.wrappers, variable, each)
        lines = opened(f"one.{name}", place.wrappers, variable, each)
        if any(place.name not in fields for fields in self._places.brought_by_type(source).values()):
            lines = block(f"if one.{name} is not UNSET:", lines)
        return block(f"for one in {state}:", lines)


def block(head: str, lines: Lines) -> Lines:
    return [head, *("    " + line for line in lines)] if lines else []


def opened(expression: str, wrappers: tuple[str, ...], name: str, each: Each) -> Lines:
    """Loops and null checks around the lines for the objects of one field."""
    lines = _inside(name, wrappers, each)
    return [f"{name} = {expression}", *lines] if lines else []


def _inside(name: str, wrappers: tuple[str, ...], each: Each) -> Lines:
    required = wrappers[:1] == ("!",)
    rest = wrappers[1:] if required else wrappers
    inner = f"{name}_"
    lines = block(f"for {inner} in {name}:", _inside(inner, rest[1:], each)) if rest else each(name)
    return lines if required else block(f"if {name} is not None:", lines)


def function(name: str, parameters: str, lines: Lines, names: dict[str, Any]) -> Any:
    """The function with these lines; `names` are what they know."""
    text = "\n".join(block(f"def {name}({parameters}):", lines or ["pass"])) + "\n"
    made: dict[str, Any] = {}
    exec(compile(text, f"<{name}>", "exec"), names, made)  # noqa: S102 - text of ours, see the module
    return made[name]
