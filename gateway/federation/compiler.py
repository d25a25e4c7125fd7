"""Turns a plan into a program: everything about a request that does not depend on its data is worked out here."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from graphql import (
    DocumentNode,
    ExecutionResult,
    FieldNode,
    GraphQLSchema,
    OperationDefinitionNode,
    SelectionSetNode,
    execute_sync,
)

from gateway.federation.decode import DecoderMaker
from gateway.federation.fast import FastProgram, Keeps, compile_fast, prefix_of
from gateway.federation.guards import Guards
from gateway.federation.operation.document import Operation
from gateway.federation.operation.incremental import DeferUse
from gateway.federation.planner.build import Planned
from gateway.federation.planner.ownership import Ownership
from gateway.federation.planner.plan import Fetch, Plan
from gateway.federation.project import Projector, make_projector
from gateway.federation.resilience import Guard
from gateway.federation.shape import ObjectShape, ShapeMaker


@dataclass(slots=True, eq=False)
class Step:
    """A fetch, ready to be sent: `prefix` is the body up to the variables' values."""

    fetch: Fetch
    guard: Guard
    index: int
    prefix: bytes
    decode: Callable[[bytes], Any]
    releases: tuple[int, ...]


@dataclass(slots=True, eq=False)
class Program:
    """A compiled operation. Immutable once made, shared by all requests.

    `whole` is the shape of all that was selected; `shape` that of the first part of the answer, with what follows.
    """

    plan: Plan
    steps: tuple[Step, ...]
    whole: ObjectShape
    shape: ObjectShape
    phases: list[frozenset[DeferUse]]
    project: Projector
    operation: Operation
    introspection: DocumentNode | None
    size: int
    services: frozenset[str]

    @property
    def kind(self) -> str:
        return self.plan.kind


def compile_quick(
    planned: Planned, schema: GraphQLSchema, ownership: Ownership, guards: Guards, keeps: Keeps
) -> FastProgram | None:
    """The quick program of a whole answer; None where only the careful way can judge. `keeps` as in `compile_fast`."""
    if planned.operation.introspection or planned.plan.incremental:
        return None
    shape = ShapeMaker(schema, ownership.hidden_enums(schema)).whole(planned.operation.root)
    maker = DecoderMaker(ownership, planned.plan, planned.layout, shape)
    return compile_fast(planned.plan, maker, shape, guards, keeps)


def compile_program(
    planned: Planned, operation: Operation, schema: GraphQLSchema, ownership: Ownership, guards: Guards
) -> Program:
    """Everything that requests of this operation share, answered with care."""
    plan, introspection = planned.plan, planned.operation.introspection
    make = ShapeMaker(schema, ownership.hidden_enums(schema))
    whole = make.whole(planned.operation.root)
    shape = make.part(planned.operation.root) if plan.incremental else whole
    maker = DecoderMaker(ownership, plan, planned.layout, whole)
    steps = []
    for index, fetch in enumerate(plan.steps):
        releases = tuple(other for other, later in enumerate(plan.steps) if fetch.id in later.after)
        guard = guards.of_fetch(fetch, planned.layout[fetch.id])
        steps.append(Step(fetch, guard, index, prefix_of(fetch), maker.decoder(fetch).decode, releases))
    # Measured: a step with its decoder weighs some kilobytes beside its text.
    size = 4_000 + sum(8_000 + 6 * len(step.prefix) for step in steps)
    document = _introspection_document(operation, introspection) if introspection else None
    return Program(
        plan,
        tuple(steps),
        whole,
        shape,
        planned.operation.phases,
        make_projector(shape),
        operation,
        document,
        size,
        frozenset(fetch.service for fetch in plan.steps),
    )


def _introspection_document(operation: Operation, nodes: list[FieldNode]) -> DocumentNode:
    node = operation.node
    alone = OperationDefinitionNode(
        operation=node.operation,
        name=node.name,
        variable_definitions=node.variable_definitions,
        directives=(),
        selection_set=SelectionSetNode(selections=tuple(nodes)),
    )
    return DocumentNode(definitions=(alone, *operation.fragments.values()))


def introspect(program: Program, schema: GraphQLSchema, variables: dict[str, Any]) -> ExecutionResult | None:
    """What the operation asks of the schema itself; None when it asks nothing."""
    if program.introspection is None:
        return None
    return execute_sync(schema, program.introspection, variable_values=variables)
