"""A client of answers in parts that is as strict as can be: it puts them together and bears no disorder."""

from copy import deepcopy
from typing import Any

import msgspec

from gateway.federation import Engine, GraphQLRequest, IncrementalFormat


async def ask_in_parts(
    engine: Engine, query: str, variables: dict[str, Any] | None = None, form: IncrementalFormat = "current"
) -> list[Any]:
    request = GraphQLRequest(query=query, variables=variables or {})
    return [msgspec.json.decode(body) async for body in engine.execute_in_parts(request, form)]


class Client:
    """`data` and `errors` as they stand after all parts that were taken; `failed` are labels of what never came."""

    def __init__(self) -> None:
        self.data: Any = None
        self.errors: list[Any] = []
        self.failed: list[Any] = []
        self._pending: dict[str, Any] = {}
        self._known: set[str] = set()

    def take_all(self, parts: list[Any]) -> "Client":
        assert [part.get("hasNext", False) for part in parts] == [True] * (len(parts) - 1) + [False]
        assert len(parts) > 1 or "hasNext" not in parts[0]
        for number, part in enumerate(deepcopy(parts)):
            assert set(part) <= {"data", "errors", "pending", "incremental", "completed", "hasNext", "extensions"}
            assert ("data" in part) == (number == 0)
            self._take(part)
        assert not self._pending, f"never completed: {self._pending}"
        return self

    def _take(self, part: Any) -> None:
        if "data" in part:
            self.data = part["data"]
        self.errors += part.get("errors", [])
        for entry in part.get("pending", []):
            assert entry["id"] not in self._known, f"announced twice: {entry}"
            self._known.add(entry["id"])
            self._pending[entry["id"]] = entry
        for entry in part.get("incremental", []):
            place = self._pending[entry["id"]]["path"]
            target = self._at([*place, *entry.get("subPath", [])])
            if "items" in entry:
                assert isinstance(target, list)
                target.extend(entry["items"])
            else:
                _merge(target, entry["data"])
            self.errors += entry.get("errors", [])
        for entry in part.get("completed", []):
            gone = self._pending.pop(entry["id"])
            if "errors" in entry:
                self.failed.append(gone.get("label"))
                self.errors += entry["errors"]
        for entry in part.get("pending", []):
            if entry["id"] in self._pending:
                self._at(entry["path"])

    def _at(self, path: list[Any]) -> Any:
        here = self.data
        for step in path:
            here = here[step]
        assert here is not None, f"nothing stands at {path}"
        return here


def _merge(target: Any, data: Any) -> None:
    """No field is given twice; objects that two fragments share are put together."""
    assert isinstance(target, dict)
    for name, value in data.items():
        if name not in target:
            target[name] = value
        elif isinstance(value, dict):
            _merge(target[name], value)
        else:
            raise AssertionError(f"{name} was given twice")
