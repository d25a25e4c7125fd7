"""Plans as values: what is fetched from whom, after what, and where it goes."""

from collections.abc import Hashable, Iterator, Mapping
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

    `at` is empty for a root fetch; for one that asks a nested root type it says where the data belongs.
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


def asked_of(fetch: Fetch, selected: Selected, variables: Mapping[str, Any]) -> Hashable:
    """Equal when the same was asked of a field: the text of its fetch and the values of the variables in it."""
    values = tuple(msgspec.json.encode(variables[name]) if name in variables else None for name in fetch.variables)
    return (fetch.operation, selected.internal, values)


class Plan(msgspec.Struct, frozen=True):
    """A whole plan. Two plans are equal when they would do the same.

    `assumed` are the `@skip`/`@include` variables and the values that this plan holds for.
    """

    kind: str
    steps: tuple[Fetch, ...]
    assumed: tuple[tuple[str, bool], ...] = ()

    @property
    def fetches(self) -> int:
        return len(self.steps)

    @property
    def rounds(self) -> int:
        return max((step.round for step in self.steps), default=0)

    def __str__(self) -> str:
        return "\n".join(_print_plan(self))


def _print_plan(plan: Plan) -> Iterator[str]:
    title = {"subscription": "SubscriptionPlan"}.get(plan.kind, "QueryPlan")
    assumed = ", ".join(f"${name} = {str(value).lower()}" for name, value in plan.assumed)
    yield f"{title} {{" if not assumed else f"{title}({assumed}) {{"
    numbers = sorted({step.round for step in plan.steps})
    indent = "  "
    if len(numbers) > 1:
        yield "  Sequence {"
        indent = "    "
    for number in numbers:
        steps = [step for step in plan.steps if step.round == number]
        if len(steps) > 1:
            yield f"{indent}Parallel {{"
            for step in steps:
                yield from _print_fetch(step, indent + "  ")
            yield f"{indent}}}"
        else:
            yield from _print_fetch(steps[0], indent)
    if len(numbers) > 1:
        yield "  }"
    yield "}"


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
