"""Finds the lists whose later items may follow, and the fetches that are made once more for these."""

from collections.abc import Iterator

from gateway.federation.operation.incremental import StreamUse
from gateway.federation.planner.emit import Layout
from gateway.federation.planner.groups import Selection
from gateway.federation.planner.plan import Fetch, Plan, Representation, Streamed

Path = tuple[str, ...]


def find_streams(plan: Plan, layout: Layout) -> tuple[Streamed, ...]:
    """Lists with `@stream` that one fetch brings and that no fetch needs as a whole. Others come whole."""
    if plan.kind == "subscription":
        return ()
    sources: dict[Path, list[tuple[int, StreamUse]]] = {}
    for step in plan.steps:
        for places in layout[step.id].values():
            for path, selection in places:
                for found, use in _streamed(path, selection):
                    sources.setdefault(found, []).append((step.id, use))
    streams = []
    for path, found_in in sources.items():
        below = [step for step in plan.steps if _touches(step, plain(path))]
        whole = any(step.at or step.fields or _reads(step, plain(path)) for step in below)
        if len(found_in) == 1 and not whole and not any(_reads(step, plain(path)) for step in plan.steps):
            source, use = found_in[0]
            streams.append(Streamed(path, use.label, use.initial, source, tuple(step.id for step in below)))
    return tuple(streams)


def plain(path: Path) -> Path:
    """The path's response names alone."""
    return tuple(step for step in path if step[0] != "|")


def _streamed(path: Path, selection: Selection) -> Iterator[tuple[Path, StreamUse]]:
    for internal, (item, below) in selection.fields.items():
        if item.stream is not None:
            yield (*path, internal), item.stream
        if below is not None:
            yield from _streamed((*path, internal), below)
    for name, cast in selection.casts.items():
        yield from _streamed((*path, "|" + name), cast)


def _touches(step: Fetch, path: Path) -> bool:
    """Whether a fetch completes objects within a list."""
    places = [plain(target.path) for part in step.entities for target in part.targets]
    return any(place[: len(path)] == path for place in (*places, plain(step.at)))


def _reads(step: Fetch, path: Path) -> bool:
    """Whether a fetch sends a list as a part of what it knows of objects around it."""
    return any(
        found == path
        for part in step.entities
        for target in part.targets
        for found in _representation_paths(plain(target.path), target.representation)
    )


def _representation_paths(path: Path, fields: tuple[Representation, ...]) -> Iterator[Path]:
    for field in fields:
        yield (*path, field.internal)
        yield from _representation_paths((*path, field.internal), field.children)
