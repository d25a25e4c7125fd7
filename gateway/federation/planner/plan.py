"""Plans as values: what is fetched from whom, after what, and where it goes."""

from collections.abc import Hashable, Iterator, Mapping, Sequence
from typing import Any

import msgspec
from graphql import parse, print_ast


class Representation(msgspec.Struct, frozen=True):
    """How one field of a representation is taken from an object: `internal` is its response name there.

    `on` holds the fields that only objects of one type give.
    """

    name: str
    internal: str
    children: tuple["Representation", ...] = ()
    on: str | None = None


class Selected(msgspec.Struct, frozen=True):
    """A field of the client's that a fetch brings: its coordinate, and its response name inside."""

    type: str
    name: str
    internal: str


class Target(msgspec.Struct, frozen=True):
    """Objects that an entity fetch completes: response names from the root, `|Type` narrowing to one type."""

    path: tuple[str, ...]
    typename: str
    representation: tuple[Representation, ...]
    fields: tuple[Selected, ...] = ()


class EntityPart(msgspec.Struct, frozen=True):
    """One `_entities` selection of a fetch, under `alias`, with its representations in `variable`."""

    alias: str
    variable: str
    targets: tuple[Target, ...]


class Fetch(msgspec.Struct, frozen=True):
    """One request to one subgraph. `after` names the fetches whose data it needs; `round` counts from 1.

    `at` is empty for a root fetch; for one that asks a nested root type it says where the data belongs. `phase` is the
    part of the answer that waits for it: 0 for what is not deferred.
    """

    id: int
    service: str
    kind: str
    operation: str
    variables: tuple[str, ...]
    entities: tuple[EntityPart, ...]
    after: tuple[int, ...]
    round: int
    at: tuple[str, ...] = ()
    fields: tuple[Selected, ...] = ()
    phase: int = 0


class Deferred(msgspec.Struct, frozen=True):
    """A part of the answer that may follow: the labels and paths of the deferred fragments that it stands in."""

    phase: int
    labels: tuple[str | None, ...]
    paths: tuple[tuple[str, ...], ...]


class Streamed(msgspec.Struct, frozen=True):
    """A list whose later items may follow. `path` has response names from the root, `|Type` narrowing to one type.

    `steps` are the fetches that are made once for the first items and once more for the others.
    """

    path: tuple[str, ...]
    label: str | None
    initial: int | str
    source: int
    steps: tuple[int, ...]

    def count(self, variables: Mapping[str, Any]) -> int:
        """How many items go ahead; `variables` are coerced ones."""
        given = variables.get(self.initial) if isinstance(self.initial, str) else self.initial
        return max(given or 0, 0)


def asked_of(fetch: Fetch, alias: str | None, selected: Selected, variables: Mapping[str, Any]) -> Hashable:
    """Equal when the same was asked of a field: the text of its fetch and the values of the variables in it.

    `alias` is that of the `_entities` selection; None at the root.
    """
    values = tuple(msgspec.json.encode(variables[name]) if name in variables else None for name in fetch.variables)
    return (fetch.operation, alias, selected.internal, values)


class Plan(msgspec.Struct, frozen=True):
    """A whole plan. Two plans are equal when they would do the same.

    `assumed` are the variables that decide over directives, and the values that this plan holds for.
    """

    kind: str
    steps: tuple[Fetch, ...]
    assumed: tuple[tuple[str, bool], ...] = ()
    deferred: tuple[Deferred, ...] = ()
    streamed: tuple[Streamed, ...] = ()

    @property
    def fetches(self) -> int:
        return len(self.steps)

    @property
    def rounds(self) -> int:
        return max((step.round for step in self.steps), default=0)

    @property
    def incremental(self) -> bool:
        """Whether its answer comes in more than one part."""
        return bool(self.deferred or self.streamed)

    def __str__(self) -> str:
        return "\n".join(_print_plan(self))


def _print_plan(plan: Plan) -> Iterator[str]:
    title = {"subscription": "SubscriptionPlan"}.get(plan.kind, "QueryPlan")
    assumed = ", ".join(f"${name} = {str(value).lower()}" for name, value in plan.assumed)
    yield f"{title} {{" if not assumed else f"{title}({assumed}) {{"
    if not plan.deferred:
        yield from _print_steps(plan.steps, "  ")
    else:
        yield "  Primary {"
        yield from _print_steps([step for step in plan.steps if not step.phase], "    ")
        yield "  }"
    for part in plan.deferred:
        places = zip(part.labels, part.paths, strict=True)
        fragments = ", ".join(f"{label!r} at {_dotted(path)}" if label else _dotted(path) for label, path in places)
        yield f"  Defer({fragments}) {{"
        yield from _print_steps([step for step in plan.steps if step.phase == part.phase], "    ")
        yield "  }"
    for stream in plan.streamed:
        again = f", then fetches {list(stream.steps)} for the others" if stream.steps else ""
        yield f"  Stream({_dotted(stream.path)}, initialCount: {stream.initial}{again})"
    yield "}"


def _dotted(path: tuple[str, ...]) -> str:
    return ".".join(path) or "the root"


def _print_steps(steps: Sequence[Fetch], indent: str) -> Iterator[str]:
    numbers = sorted({step.round for step in steps})
    if len(numbers) > 1:
        yield f"{indent}Sequence {{"
    inner = indent + "  " if len(numbers) > 1 else indent
    for number in numbers:
        together = [step for step in steps if step.round == number]
        if len(together) > 1:
            yield f"{inner}Parallel {{"
            for step in together:
                yield from _print_fetch(step, inner + "  ")
            yield f"{inner}}}"
        else:
            yield from _print_fetch(together[0], inner)
    if len(numbers) > 1:
        yield f"{indent}}}"


def _print_fetch(step: Fetch, indent: str) -> Iterator[str]:
    after = f", after: {list(step.after)}" if step.after else ""
    yield f"{indent}Fetch(id: {step.id}, service: {step.service!r}{after}) {{"
    for part in step.entities:
        for target in part.targets:
            fields = _print_representation(target.representation)
            yield f"{indent}  {part.alias} <- {'.'.join(target.path)} {{ __typename: {target.typename!r} {fields} }}"
    if step.at:
        yield f"{indent}  at {'.'.join(step.at)}"
    for line in print_ast(parse(step.operation, no_location=True)).splitlines():
        yield f"{indent}  {line}"
    yield f"{indent}}}"


def _print_representation(fields: tuple[Representation, ...]) -> str:
    printed = []
    for field in fields:
        text = field.name if field.name == field.internal else f"{field.name}: {field.internal}"
        if field.children:
            text += f" {{ {_print_representation(field.children)} }}"
        printed.append(text if field.on is None else f"... on {field.on} {{ {text} }}")
    return " ".join(printed)
