"""How parts are written down: as the draft has them today, and as it had them on 2022-08-24.

The first names what is pending and refers to it by id. The second is what many clients in use understand (Apollo's
"incremental v0.1", `deferSpec=20220824`): paths only, and nothing is announced.
"""

from collections.abc import Callable
from typing import Any, Final, Literal

import msgspec

from gateway.federation.incremental.parts import Increment, Part, Pending

IncrementalFormat = Literal["current", "20220824"]
_encode = msgspec.json.Encoder().encode


def write_current(part: Part) -> bytes:
    """With `pending`, `incremental` and `completed`. (Draft, section "Response Format".)"""
    body = _beginning(part)
    if part.pending:
        body["pending"] = [_place({"id": each.id, "path": each.path}, each.label) for each in part.pending]
    if part.increments:
        body["incremental"] = [_increment(each) for each in part.increments]
    if part.completed:
        body["completed"] = [_with_errors({"id": each.of.id}, each.errors) for each in part.completed]
    return _ending(body, part)


def write_20220824(part: Part) -> bytes:
    """With `incremental` alone: each entry is in its place, and one with null data or items is the end of a failure."""
    body = _beginning(part)
    entries: list[dict[str, Any]] = []
    told: set[Pending] = set()
    for each in part.increments:
        if each.items is not None:
            entry: dict[str, Any] = {"items": each.items, "path": (*each.of.path, each.first)}
        else:
            entry = {"data": each.data, "path": (*each.of.path, *each.below)}
            told.update({each.of} if not each.below else ())
        entries.append(_with_errors(_place(entry, each.of.label), each.errors))
    for done in part.completed:
        if done.errors:
            name = "items" if done.of.streamed else "data"
            entries.append(_with_errors(_place({name: None, "path": done.of.path}, done.of.label), done.errors))
        elif done.of not in told and not done.of.streamed:
            # A fragment whose fields came with others: clients wait for its label.
            entries.append(_place({"data": {}, "path": done.of.path}, done.of.label))
    if entries:
        body["incremental"] = entries
    return _ending(body, part)


FORMATS: Final[dict[IncrementalFormat, Callable[[Part], bytes]]] = {
    "current": write_current,
    "20220824": write_20220824,
}


def _beginning(part: Part) -> dict[str, Any]:
    return _with_errors({"data": part.data}, part.errors) if part.first else {}


def _ending(body: dict[str, Any], part: Part) -> bytes:
    if not part.alone:
        body["hasNext"] = part.more
    if part.extensions:
        body["extensions"] = part.extensions
    return _encode(body)


def _increment(each: Increment) -> dict[str, Any]:
    entry: dict[str, Any] = {"id": each.of.id}
    if each.below:
        entry["subPath"] = each.below
    if each.items is not None:
        entry["items"] = each.items
    else:
        entry["data"] = each.data
    return _with_errors(entry, each.errors)


def _place(entry: dict[str, Any], label: str | None) -> dict[str, Any]:
    if label is not None:
        entry["label"] = label
    return entry


def _with_errors(entry: dict[str, Any], errors: list[dict[str, Any]]) -> dict[str, Any]:
    if errors:
        entry["errors"] = errors
    return entry
