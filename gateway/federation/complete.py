"""Completes an answer as the GraphQL specification says: types checked, nulls propagated, errors located.

This is the careful path: it judges every value. (GraphQL October 2021, section 6.4.4.)
"""

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
    done = _complete_object(shape, data, None, report)
    return None if isinstance(done, _Mark) else done


def _complete_object(shape: ObjectShape, value: Any, cell: _Cell, report: Report) -> Any:
    if not isinstance(value, dict):
        report.add("Expected an object.", _path(cell), {"code": "SUBGRAPH_MALFORMED"})
        return _NULLED
    typename = shape.typename
    if typename is None and shape.needs_type:
        typename = value.get(TYPENAME)
        if typename not in shape.possible:
            if typename is None and not report.explains(_path(cell)):
                report.add("The type of an object is not known.", _path(cell), {"code": "SUBGRAPH_MALFORMED"})
                return _NULLED
            # A type that the public schema does not show does not exist for clients.
            return None
    out: dict[str, Any] = {}
    for field in shape.fields_of(typename):
        if field.name == TYPENAME:
            out[field.key] = typename
            continue
        part = value.get(field.internal)
        if (
            part is None
            and field.wrappers[:1] == ("!",)
            and field.internal not in value
            and report.explains(_path(cell))
        ):
            # It never came because a sibling's error took their common entity with it: that error says enough.
            return _NULLED
        for other in field.also:
            part = merge_values(part, value.get(other))
        done = _complete(field, 0, part, (cell, field.key), report)
        if done is _PROPAGATE:
            return _NULLED
        out[field.key] = None if done is _NULLED else done
    return out


def _complete(field: FieldShape, depth: int, value: Any, cell: _Cell, report: Report) -> Any:
    wrappers = field.wrappers
    if depth < len(wrappers) and wrappers[depth] == "!":
        done = _complete(field, depth + 1, value, cell, report)
        if done is None:
            path = _path(cell)
            if not report.explains(path):
                report.add(f"Cannot return null for non-nullable field {field.name}.", path, {"code": "SUBGRAPH_NULL"})
            return _PROPAGATE
        return _PROPAGATE if done is _NULLED else done
    if value is None:
        return None
    if depth < len(wrappers):
        if not isinstance(value, list):
            report.add("Expected a list.", _path(cell), {"code": "SUBGRAPH_MALFORMED"})
            return _NULLED
        items = []
        failed = False
        for index, element in enumerate(value):
            done = _complete(field, depth + 1, element, (cell, index), report)
            failed = failed or done is _PROPAGATE
            items.append(None if isinstance(done, _Mark) else done)
        return _NULLED if failed else items
    if field.child is not None:
        return _complete_object(field.child, value, cell, report)
    if field.values is not None and value not in field.values:
        report.add(f"{field.name} has a value that its enum does not show.", _path(cell), {"code": "SUBGRAPH_ENUM"})
        return _NULLED
    return value


def _path(cell: _Cell) -> Path:
    steps: list[str | int] = []
    here: Any = cell
    while here is not None:
        here, step = here
        steps.append(step)
    return tuple(reversed(steps))
