"""Puts what fetches bring into one tree: finds the objects to complete, makes their representations, merges."""

from collections.abc import Iterator
from typing import Any

from gateway.federation.planner.plan import Representation

_MISSING: Any = object()


def find_objects(node: Any, path: tuple[str, ...], at: int = 0) -> Iterator[dict[str, Any]]:
    """The objects at a path, lists flattened; `|Type` keeps those of one type. Nulls and odd shapes are skipped."""
    if isinstance(node, list):
        for element in node:
            yield from find_objects(element, path, at)
        return
    if not isinstance(node, dict):
        return
    while at < len(path):
        step = path[at]
        at += 1
        if step[0] == "|":
            if node.get("__typename") != step[1:]:
                return
            continue
        node = node.get(step)
        if isinstance(node, list):
            yield from find_objects(node, path, at)
            return
        if not isinstance(node, dict):
            return
    yield node


def represent(source: dict[str, Any], fields: tuple[Representation, ...]) -> dict[str, Any] | None:
    """The fields of a representation, without its `__typename`; None when one never arrived."""
    out: dict[str, Any] = {}
    for field in fields:
        if field.on is not None and source.get("__typename") != field.on:
            continue
        value = source.get(field.internal, _MISSING)
        if value is _MISSING:
            return None
        if field.children:
            value = _represent_value(value, field.children)
            if value is _MISSING:
                return None
        out[field.name] = value
    return out


def _represent_value(value: Any, fields: tuple[Representation, ...]) -> Any:
    if isinstance(value, dict):
        inner = represent(value, fields)
        return _MISSING if inner is None else inner
    if isinstance(value, list):
        items = [_represent_value(item, fields) for item in value]
        return _MISSING if any(item is _MISSING for item in items) else items
    return value


def copy_tree(value: Any) -> Any:
    """The same objects and lists anew; what they hold at their ends is shared."""
    if isinstance(value, dict):
        return {name: copy_tree(part) for name, part in value.items()}
    return [copy_tree(part) for part in value] if isinstance(value, list) else value


def merge_object(target: dict[str, Any], source: dict[str, Any]) -> None:
    """Adds what another fetch brought for the same object. What is there is kept; nulls give way to values."""
    for name, value in source.items():
        known = target.get(name)
        if known is None:
            target[name] = value
        elif value is not None and known is not value:
            merge_values(known, value)


def merge_values(known: Any, value: Any) -> Any:
    """One value from two parts of it; objects and lists of equal length are merged in place."""
    if known is None:
        return value
    if isinstance(known, dict) and isinstance(value, dict):
        merge_object(known, value)
    elif isinstance(known, list) and isinstance(value, list) and len(known) == len(value):
        for index, (first, second) in enumerate(zip(known, value, strict=True)):
            known[index] = merge_values(first, second)
    return known
