"""The errors of one request: collected as fetches fail, with paths as the client knows them."""

from collections.abc import Callable, Iterator
from typing import Any

from gateway.federation.errors import SubgraphFailure
from gateway.federation.shape import ObjectShape, children

Path = tuple[str | int, ...]

_INTERNAL_CODES = {None, "INTERNAL_SERVER_ERROR", "SUBGRAPH_ERROR"}
# What the client did wrong is no matter of whose field it was.
_OF_THE_CLIENT = {"BAD_USER_INPUT"}
_DEBUGGING = {"exception", "stacktrace", "debug", "debugMessage"}


class Report:
    """Collects errors and `degraded` entries. `limit` bounds each; `say` gives the text for a code."""

    def __init__(self, mask: bool, limit: int, say: Callable[[str], str]) -> None:
        self.errors: list[dict[str, Any]] = []
        self.degraded: list[dict[str, Any]] = []
        self.hidden_failures = 0
        self._mask = mask
        self._say = say
        self._limit = limit
        self._prefixes: set[Path] = set()

    def add(self, message: str, path: Path | None, extensions: dict[str, Any]) -> None:
        """One error. Without a path it explains any null."""
        if path is None:
            self.hidden_failures += 1
        else:
            for length in range(1, len(path) + 1):
                self._prefixes.add(path[:length])
        if len(self.errors) >= self._limit:
            return
        error: dict[str, Any] = {"message": message}
        if path is not None:
            error["path"] = list(path)
        error["extensions"] = extensions
        if error not in self.errors[-8:]:
            self.errors.append(error)

    def add_from_subgraph(self, error: Any, path: Path | None, service: str) -> None:
        """An error as a subgraph reported it, freed from what is nobody's business when masking is on."""
        if not isinstance(error, dict):
            error = {}
        extensions = error.get("extensions")
        extensions = dict(extensions) if isinstance(extensions, dict) else {}
        message = error.get("message")
        if self._mask:
            if extensions.get("code") in _INTERNAL_CODES:
                message = self._say("SUBGRAPH_ERROR")
                extensions = {}
            for name in _DEBUGGING:
                extensions.pop(name, None)
        extensions.setdefault("code", "SUBGRAPH_ERROR")
        if extensions["code"] not in _OF_THE_CLIENT:
            extensions.setdefault("service", service)
        self.add(str(message or self._say("SUBGRAPH_ERROR")), path, extensions)

    def describe(self, failure: SubgraphFailure, service: str) -> str:
        """What is said of a fetch that brought nothing: how it failed only where nothing is masked."""
        if self._mask:
            return self._say(failure.code)
        return f"{service!r} {failure}" if str(failure) else f"{service!r} failed"

    def explains(self, path: Path) -> bool:
        """Whether an error has been reported for this place or one below it."""
        return self.hidden_failures > 0 or path in self._prefixes

    def take(self, belongs: Callable[[Path], bool]) -> list[dict[str, Any]]:
        """Hands over the errors of one part of the answer, told by their paths (empty without one)."""
        taken = [error for error in self.errors if belongs(tuple(error.get("path", ())))]
        if taken:
            ids = {id(error) for error in taken}
            self.errors = [error for error in self.errors if id(error) not in ids]
        return taken

    def withdraw(self, path: Path) -> None:
        """Takes back the errors at and below a place that a fallback has filled."""
        place = list(path)
        self.errors = [error for error in self.errors if error.get("path", [])[: len(place)] != place]

    def degrade(self, path: Path, source: str, reason: str) -> None:
        if len(self.degraded) < self._limit:
            self.degraded.append({"path": list(path), "source": source, "reason": reason})


def client_path(shape: ObjectShape, internal: list[Any]) -> Path:
    """Response names as the client chose them; ends where the engine's own fields begin."""
    path: list[str | int] = []
    here = [shape]
    for step in internal:
        if isinstance(step, int):
            path.append(step)
            continue
        variants = [variant for one in here for variant in one.variants(step)]
        if not variants:
            break
        path.append(variants[0].key)
        here = children(variants)
    return tuple(path)


def find_paths(node: Any, path: tuple[str, ...], prefix: list[Any], at: int = 0) -> Iterator[list[Any]]:
    """The internal paths of the objects that `find_objects` yields, in the same order."""
    if isinstance(node, list):
        for index, element in enumerate(node):
            yield from find_paths(element, path, [*prefix, index], at)
        return
    if not isinstance(node, dict):
        return
    if at == len(path):
        yield prefix
        return
    step = path[at]
    if step[0] == "|":
        if node.get("__typename") == step[1:]:
            yield from find_paths(node, path, prefix, at + 1)
        return
    yield from find_paths(node.get(step), path, [*prefix, step], at + 1)
