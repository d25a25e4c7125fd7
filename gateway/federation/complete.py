"""Completes an answer as the GraphQL specification says: types checked, nulls propagated, errors located.

This is the careful path: it judges every value. (GraphQL October 2021, section 6.4.4.)
"""

from dataclasses import dataclass, field
from typing import Any

from gateway.federation.join import merge_values
from gateway.federation.planner.ownership import TYPENAME
from gateway.federation.report import Path, Report
from gateway.federation.shape import FieldShape, ObjectShape

_Cell = tuple["_Cell | None", str | int] | None


class _Mark:
    __slots__ = ()


# A null whose error is known, and a null that its parent has to take over.
_NULLED = _Mark()
_PROPAGATE = _Mark()


def complete_data(shape: ObjectShape, data: dict[str, Any], report: Report) -> dict[str, Any] | None:
    """The `data` of the response: only what was selected, in its order; None when a null reached the root."""
    return Completion(report).complete_object(shape, data, ())


@dataclass(slots=True, eq=False)
class LaterFields:
    """Fields of one object that belong to another part of the answer; `value` is the object as it was joined."""

    path: Path
    phase: int
    shape: ObjectShape
    value: dict[str, Any]


@dataclass(slots=True, eq=False)
class LaterItems:
    """A list of which later items may follow; `value` holds the first ones."""

    path: Path
    field: FieldShape
    value: list[Any]


@dataclass(slots=True)
class Completion:
    """Completes one part of an answer; `fields` and `items` say what of it follows later."""

    report: Report
    fields: list[LaterFields] = field(default_factory=list)
    items: list[LaterItems] = field(default_factory=list)

    def complete_object(self, shape: ObjectShape, value: dict[str, Any], path: Path) -> dict[str, Any] | None:
        """The object at `path`; None when a null within it has to be its own."""
        done = self._object(shape, value, _cell(path))
        return None if isinstance(done, _Mark) else done

    def complete_items(self, shape: FieldShape, values: list[Any], path: Path, first: int) -> tuple[list[Any], bool]:
        """Later items of the list at `path`, up to one that ends it with a null that it cannot hold (then True)."""
        depth = shape.wrappers.index("[") + 1
        done: list[Any] = []
        for index, value in enumerate(values, first):
            item = self._value(shape, depth, value, (_cell(path), index))
            if item is _PROPAGATE:
                return done, True
            done.append(None if isinstance(item, _Mark) else item)
        return done, False

    def _object(self, shape: ObjectShape, value: Any, cell: _Cell, shown_by: FieldShape | None = None) -> Any:
        report = self.report
        if not isinstance(value, dict):
            self._blame("Expected an object.", "SUBGRAPH_MALFORMED", cell, shown_by)
            return _NULLED
        typename = shape.typename
        if typename is None and shape.needs_type:
            typename = value.get(TYPENAME)
            if typename not in shape.possible:
                if typename is None and not report.explains(_path(cell)):
                    self._blame("The type of an object is not known.", "SUBGRAPH_MALFORMED", cell, shown_by)
                    return _NULLED
                # A type that the public schema does not show does not exist for clients.
                return None
        for phase, later in shape.later.items():
            # A type may come with the later part itself.
            if later.fields_of(value.get(TYPENAME)) or (later.by_type and TYPENAME not in value):
                self.fields.append(LaterFields(_path(cell), phase, later, value))
        out: dict[str, Any] = {}
        for shown in shape.fields_of(typename):
            if shown.name == TYPENAME:
                out[shown.key] = typename
                continue
            part = value.get(shown.internal)
            if (
                part is None
                and shown.wrappers[:1] == ("!",)
                and shown.internal not in value
                and report.explains(_path(cell))
            ):
                # It never came because a sibling's error took their common entity with it: that error says enough.
                return _NULLED
            for other in shown.also:
                part = merge_values(part, value.get(other))
            done = self._value(shown, 0, part, (cell, shown.key))
            if done is _PROPAGATE:
                return _NULLED
            out[shown.key] = None if done is _NULLED else done
        return out

    def _value(self, shown: FieldShape, depth: int, value: Any, cell: _Cell) -> Any:
        report = self.report
        wrappers = shown.wrappers
        if depth < len(wrappers) and wrappers[depth] == "!":
            done = self._value(shown, depth + 1, value, cell)
            if done is None:
                if not report.explains(_path(cell)):
                    message = f"Cannot return null for non-nullable field {shown.name}."
                    self._blame(message, "SUBGRAPH_NULL", cell, shown)
                return _PROPAGATE
            return _PROPAGATE if done is _NULLED else done
        if value is None:
            return None
        if depth < len(wrappers):
            if not isinstance(value, list):
                self._blame("Expected a list.", "SUBGRAPH_MALFORMED", cell, shown)
                return _NULLED
            items = []
            failed = False
            for index, element in enumerate(value):
                done = self._value(shown, depth + 1, element, (cell, index))
                failed = failed or done is _PROPAGATE
                items.append(None if isinstance(done, _Mark) else done)
            if shown.streamed and "[" not in wrappers[:depth]:
                self.items.append(LaterItems(_path(cell), shown, value))
            return _NULLED if failed else items
        if shown.child is not None:
            return self._object(shown.child, value, cell, shown)
        if shown.values is not None and value not in shown.values:
            message = f"{shown.name} has a value that its enum does not show."
            self._blame(message, "SUBGRAPH_ENUM", cell, shown)
            return _NULLED
        return value

    def _blame(self, message: str, code: str, cell: _Cell, shown: FieldShape | None) -> None:
        """An error of whoever brings the field."""
        extensions = {"code": code}
        if shown is not None and shown.service is not None:
            extensions["service"] = shown.service
        self.report.add(message, _path(cell), extensions)


def _cell(path: Path) -> _Cell:
    cell: _Cell = None
    for step in path:
        cell = (cell, step)
    return cell


def _path(cell: _Cell) -> Path:
    steps: list[str | int] = []
    here: Any = cell
    while here is not None:
        here, step = here
        steps.append(step)
    return tuple(reversed(steps))
