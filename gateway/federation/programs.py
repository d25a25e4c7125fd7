"""From an operation's text to the program that answers it: made once however many ask, kept within bounds."""

from collections.abc import Mapping
from typing import Any

from graphql import GraphQLSchema, print_ast

from gateway.federation.cache import BoundedCache
from gateway.federation.compiler import Program, compile_program, compile_quick
from gateway.federation.errors import RequestRefused
from gateway.federation.fast import FastProgram
from gateway.federation.guards import Guards
from gateway.federation.operation.document import Operation, choose_operation, read_document
from gateway.federation.operation.normalise import Normalised, Normaliser
from gateway.federation.planner.build import Planned, build_plan
from gateway.federation.planner.ownership import Ownership
from gateway.federation.policy import Policies
from gateway.federation.settings import EngineSettings

Conditions = Mapping[str, bool]


class Programs:
    """Reads, plans and compiles operations.

    An operation that comes for the first time is answered with care: that program is made sooner, and of very many
    operations most never come again. From the second time on the quick program answers, where there is one.
    """

    def __init__(
        self, schema: GraphQLSchema, ownership: Ownership, guards: Guards, policies: Policies, settings: EngineSettings
    ) -> None:
        self._schema = schema
        self._ownership = ownership
        self._guards = guards
        self._keeps = policies.keeps
        self._settings = settings
        entries, size = settings.plan_cache_entries, settings.plan_cache_bytes
        self._operations: BoundedCache[Operation] = BoundedCache(entries, size)
        self._programs: BoundedCache[FastProgram | Program] = BoundedCache(entries, size)

    def operation(self, query: str, name: str | None) -> Operation:
        """Raises RequestRefused when the document is invalid or has no such operation."""
        known = self._operations.find((query, name))
        if known is not None:
            return known

        def make() -> tuple[Operation, int]:
            document = read_document(query, self._schema, self._settings)
            operation = choose_operation(document, name, self._schema, self._settings)
            if operation.kind not in self._ownership.supergraph.roots:
                raise RequestRefused.because(f"The schema has no {operation.kind}s.", "OPERATION_RESOLUTION_FAILURE")
            return operation, 40 * len(query)

        return self._operations.get((query, name), make)

    def plan(self, operation: Operation, conditions: Conditions, *, in_parts: bool = False) -> Planned:
        """Plans afresh. Conditions that are not given count as selecting. Raises PlanningFailed."""

        def normalise() -> Normalised:
            most = self._settings.limits.positions
            return Normaliser(self._ownership, self._schema, operation, conditions, most, in_parts).run()

        declarations = {
            definition.variable.name.value: print_ast(definition) for definition in operation.node.variable_definitions
        }
        return build_plan(self._ownership, operation.kind, normalise, declarations, tuple(sorted(conditions.items())))

    def quick(
        self, query: str, name: str | None, operation: Operation, values: Mapping[str, Any]
    ) -> FastProgram | Program:
        """The quick program, as far as there is one yet. `values` are the coerced variables, here and below."""
        variant = operation.variant(values)
        key = (query, name, variant, "quick")
        known = self._programs.find(key)
        if known is not None:
            return known
        if not self._settings.quick_at_once and (query, name, variant, "careful") not in self._programs:
            return self.careful(query, name, operation, values)

        def make() -> tuple[FastProgram | Program, int]:
            planned = self.plan(operation, dict(zip(operation.conditions, variant, strict=True)))
            program = compile_quick(planned, self._schema, self._ownership, self._guards, self._keeps)
            if program is None:
                return self.careful(query, name, operation, values), 0
            # Should it be needed again, it is made again: an operation that goes well has one program.
            self._programs.drop((query, name, variant, "careful"))
            return program, program.size

        return self._programs.get(key, make)

    def careful(self, query: str, name: str | None, operation: Operation, values: Mapping[str, Any]) -> Program:
        """The program that judges every value. The whole answer comes at once."""
        return self._careful(query, name, operation, values, in_parts=False)

    def in_parts(self, query: str, name: str | None, operation: Operation, values: Mapping[str, Any]) -> Program:
        """The program in which `@defer` and `@stream` count."""
        return self._careful(query, name, operation, values, in_parts=True)

    def _careful(
        self, query: str, name: str | None, operation: Operation, values: Mapping[str, Any], in_parts: bool
    ) -> Program:
        variant = operation.variant(values)

        def make() -> tuple[FastProgram | Program, int]:
            conditions = dict(zip(operation.conditions, variant, strict=True))
            planned = self.plan(operation, conditions, in_parts=in_parts)
            program = compile_program(planned, operation, self._schema, self._ownership, self._guards)
            return program, program.size

        program = self._programs.get((query, name, variant, "in parts" if in_parts else "careful"), make)
        assert isinstance(program, Program)  # noqa: S101 - for the type checker
        return program
