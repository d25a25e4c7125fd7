"""The engine: one public schema answered from many subgraphs.

engine = Engine(sdl, transports={"products": HttpTransport("http://127.0.0.1:4001/graphql", ...)})
print(engine.plan("{ products { name reviews { body } } }"))
body = await engine.execute(GraphQLRequest(query="{ products { name } }"))
"""

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing, suppress
from functools import partial
from typing import Any, Literal

import msgspec
from graphql import GraphQLSchema, print_schema
from graphql.execution.values import get_variable_values

from gateway.federation.api_schema import derive_api_schema
from gateway.federation.compiler import Program, introspect
from gateway.federation.complete import complete_data
from gateway.federation.errors import PlanningFailed, RequestRefused, SubgraphFailure, SupergraphError
from gateway.federation.executor import Execution, Runtime, read_answer
from gateway.federation.fast import Asked, FastProgram, FastRun, Watch
from gateway.federation.guards import Guards
from gateway.federation.incremental import FORMATS, IncrementalFormat, IncrementalRun
from gateway.federation.operation.document import Operation
from gateway.federation.planner.ownership import Ownership
from gateway.federation.planner.plan import Plan
from gateway.federation.policy import Policies
from gateway.federation.programs import Programs
from gateway.federation.project import Unexpected, materialise
from gateway.federation.report import Report
from gateway.federation.request import EngineResponse, GraphQLRequest, Transport
from gateway.federation.settings import EngineSettings
from gateway.federation.sharing import InFlight, SharedCalls
from gateway.federation.supergraph import read_supergraph

OperationKind = Literal["query", "mutation", "subscription"]
_encode = msgspec.json.Encoder().encode


class Engine:
    """Plans, compiles and runs operations over one supergraph.

    `transports` are keyed by subgraph name as in `join__graph(name:)`; a subgraph without one is unavailable to
    requests but can be planned for. Raises SupergraphError for an SDL that cannot be served.
    """

    def __init__(
        self,
        supergraph_sdl: str,
        *,
        transports: Mapping[str, Transport],
        policies: Policies | None = None,
        settings: EngineSettings | None = None,
    ) -> None:
        self.settings = settings or EngineSettings()
        supergraph = read_supergraph(supergraph_sdl, self.settings.override_labels)
        self.api_schema: GraphQLSchema = derive_api_schema(supergraph.document)
        ownership = Ownership(supergraph, frozenset(self.api_schema.type_map))
        policies = policies or Policies()
        names = {graph.name for graph in supergraph.graphs.values()}
        unknown = set(transports) - names
        if unknown:
            raise SupergraphError(f"no such subgraphs: {', '.join(sorted(unknown))}")
        self._served = frozenset(transports)
        policies.check(names, supergraph.types)
        self._watch = Watch()
        sharing = self.settings.share_in_flight
        self._runtime = Runtime(policies, InFlight() if sharing else None, SharedCalls() if sharing else None)
        self._programs = Programs(
            self.api_schema, ownership, Guards(names, transports, policies), policies, self.settings
        )

    @property
    def api_sdl(self) -> str:
        """The public schema as SDL."""
        return print_schema(self.api_schema)

    # -- planning ---------------------------------------------------------------------------------------------

    def plan(self, query: str, operation_name: str | None = None, variables: Mapping[str, Any] | None = None) -> Plan:
        """The plan of an operation. Without variables every `@skip`/`@include` on one counts as selecting.

        Raises RequestRefused for an invalid operation and PlanningFailed when a field cannot be reached.
        """
        programs = self._programs
        operation = programs.operation(query, operation_name)
        in_parts = operation.incremental and operation.kind != "subscription"
        if variables is None and operation.conditions:
            return programs.plan(operation, {}, in_parts=in_parts).plan
        values = self._coerce(operation, dict(variables or {})) if operation.conditions else {}
        find = programs.in_parts if in_parts else programs.quick
        return find(query, operation_name, operation, values).plan

    def operation_kind(self, query: str, operation_name: str | None = None) -> OperationKind:
        """Raises RequestRefused when the document is invalid or has no such operation."""
        return self._programs.operation(query, operation_name).kind  # type: ignore[return-value]

    def is_incremental(self, query: str, operation_name: str | None = None) -> bool:
        """Whether an answer may come in parts (`@defer`, `@stream`). Raises RequestRefused as `operation_kind` does."""
        operation = self._programs.operation(query, operation_name)
        return operation.incremental and operation.kind != "subscription"

    # -- requests ---------------------------------------------------------------------------------------------

    async def execute(self, request: GraphQLRequest) -> bytes:
        """The whole response body. Errors of clients and of subgraphs are in it; only cancellation is raised."""
        return (await self.execute_detailed(request)).body

    async def execute_detailed(self, request: GraphQLRequest) -> EngineResponse:
        """The response with how far the request came."""
        try:
            program, variables, again = self._prepare(request)
        except RequestRefused as refused:
            return EngineResponse(refused.body, "request_error", complete=False)
        except PlanningFailed as failed:
            return self._failed_to_plan(failed, request)
        if program.kind == "subscription":
            refusal = RequestRefused.because("Subscriptions need a streaming transport.", "BAD_REQUEST")
            return EngineResponse(refusal.body, "request_error", complete=False)
        loop = asyncio.get_running_loop()
        deadline = self._deadline(request, loop)
        if isinstance(program, Program):
            execution = self._execution(program, request, variables, deadline)
            await execution.run()
            return self._respond(execution, variables)
        runtime = self._runtime
        fast = FastRun(program, request, variables, runtime.shared, runtime.in_flight, runtime.policies, deadline, loop)
        data = await fast.run(self._watch)
        if data is not None:
            return EngineResponse(b'{"data":' + data + self._closing(program.plan), "data")
        try:
            execution = self._execution(again(), request, variables, deadline, fast.asked)
            await execution.run()
        except BaseException:
            fast.cancel()
            raise
        return self._respond(execution, variables)

    async def execute_in_parts(
        self, request: GraphQLRequest, form: IncrementalFormat = "current"
    ) -> AsyncGenerator[bytes]:
        """Response bodies: several where the operation has `@defer` or `@stream`, else the one of `execute`."""
        try:
            operation = self._programs.operation(request.query, request.operation_name)
            if not operation.incremental or operation.kind == "subscription":
                yield await self.execute(request)
                return
            variables = _read_variables(request.variables)
            coerced = self._coerce(operation, variables)
            operation.cost.check(coerced)
            program = self._programs.in_parts(request.query, request.operation_name, operation, coerced)
            self._require_transports(program)
        except RequestRefused as refused:
            yield refused.body
            return
        except PlanningFailed as failed:
            yield self._failed_to_plan(failed, request).body
            return
        deadline = self._deadline(request, asyncio.get_running_loop())
        report = self._report(request)
        run = IncrementalRun(
            lambda data, only: Execution(
                program, request, variables, self._runtime, deadline, report, data=data, only=only
            ),
            program.phases,
            {streamed: streamed.count(coerced) for streamed in program.plan.streamed},
        )
        write = FORMATS[form]
        async with aclosing(run.parts(lambda execution: self._introspect(execution, variables))) as parts:
            async for part in parts:
                if part.first and self.settings.expose_plan:
                    part.extensions["plan"] = str(program.plan)
                yield write(part)

    def _closing(self, plan: Plan) -> bytes:
        """What stands behind the data of an answer in which all went well."""
        if not self.settings.expose_plan:
            return b"}"
        return b',"extensions":' + _encode({"plan": str(plan)}) + b"}"

    async def subscribe(self, request: GraphQLRequest) -> AsyncGenerator[bytes]:
        """One response body for each event. Raises RequestRefused before the first when the request is invalid."""
        try:
            program, variables, _ = self._prepare(request)
        except PlanningFailed as failed:
            yield self._failed_to_plan(failed, request).body
            return
        if isinstance(program, FastProgram) or program.kind != "subscription":
            async with aclosing(self.execute_in_parts(request)) as bodies:
                async for body in bodies:
                    yield body
            return
        first = program.steps[0]
        opening = self._execution(program, request, variables, self._deadline(request, asyncio.get_running_loop()))
        outgoing = opening.subscription_request(first)
        try:
            async with aclosing(first.guard.subscribe(outgoing)) as events:
                async for event in events:
                    execution = self._execution(
                        program, request, variables, self._deadline(request, asyncio.get_running_loop())
                    )
                    try:
                        await execution.absorb_event(first, read_answer(event))
                    except SubgraphFailure as failure:
                        await execution.fail_event(first, failure)
                    yield self._respond(execution, variables).body
        except SubgraphFailure as failure:
            await opening.fail_event(first, failure)
            yield self._respond(opening, variables).body

    def _prepare(self, request: GraphQLRequest) -> tuple[FastProgram | Program, dict[str, Any], Callable[[], Program]]:
        """The program, the variables as given, and how to have the careful program."""
        operation = self._programs.operation(request.query, request.operation_name)
        provided = _read_variables(request.variables)
        coerced = self._coerce(operation, provided) if operation.node.variable_definitions else {}
        operation.cost.check(coerced)
        program = self._programs.quick(request.query, request.operation_name, operation, coerced)
        self._require_transports(program)
        return (
            program,
            provided,
            lambda: self._programs.careful(request.query, request.operation_name, operation, coerced),
        )

    def _require_transports(self, program: FastProgram | Program) -> None:
        if not program.services <= self._served:
            missing = min(program.services - self._served)
            raise PlanningFailed(f"subgraph {missing!r} has no transport")

    def _coerce(self, operation: Operation, provided: dict[str, Any]) -> dict[str, Any]:
        if operation.plain is not None and operation.plain(provided):
            return provided
        result = get_variable_values(
            self.api_schema, tuple(operation.node.variable_definitions), provided, max_errors=10
        )
        if isinstance(result, list):
            raise RequestRefused([operation.checks.locate(error) for error in result])
        errors = operation.checks.errors(result) if operation.checks else []
        if errors:
            raise RequestRefused(errors)
        return result

    def _deadline(self, request: GraphQLRequest, loop: asyncio.AbstractEventLoop) -> float:
        latest = loop.time() + self.settings.request_timeout
        return latest if request.deadline is None else min(request.deadline, latest)

    def _execution(
        self,
        program: Program,
        request: GraphQLRequest,
        variables: dict[str, Any],
        deadline: float,
        asked: Mapping[int, Asked] | None = None,
    ) -> Execution:
        report = self._report(request)
        return Execution(program, request, variables, self._runtime, deadline, report, asked)

    def _report(self, request: GraphQLRequest) -> Report:
        say = partial(self.settings.messages, headers=request.headers)
        return Report(self.settings.mask_errors, self.settings.limits.errors, say)

    def _failed_to_plan(self, failed: PlanningFailed, request: GraphQLRequest) -> EngineResponse:
        code, masked = "PLANNING_FAILED", self.settings.mask_errors
        message = self.settings.messages(code, request.headers) if masked else f"No plan: {failed}."
        error = {"message": message, "extensions": {"code": code}}
        return EngineResponse(_encode({"data": None, "errors": [error]}), "data", complete=False)

    def _introspect(self, execution: Execution, variables: dict[str, Any]) -> None:
        """Adds what the operation asks of the schema itself."""
        introspected = introspect(execution.program, self.api_schema, variables)
        if introspected is not None:
            execution.data.update(introspected.data or {})
            for error in introspected.errors or ():
                execution.report.add(error.message, tuple(error.path or ()), {"code": "INTROSPECTION_FAILED"})

    def _respond(self, execution: Execution, variables: dict[str, Any]) -> EngineResponse:
        program, report = execution.program, execution.report
        self._introspect(execution, variables)
        response: dict[str, Any] = {"data": _answer(execution)}
        if report.errors:
            response["errors"] = report.errors
        extensions: dict[str, Any] = {}
        if report.degraded:
            extensions["degraded"] = report.degraded
        if self.settings.expose_plan:
            extensions["plan"] = str(program.plan)
        if extensions:
            response["extensions"] = extensions
        return EngineResponse(_encode(response), "data", complete=not report.errors)


def _answer(execution: Execution) -> Any:
    """The response's `data`: quickly when all went well, else with every value judged."""
    program, report = execution.program, execution.report
    if not report.errors and not report.hidden_failures:
        with suppress(Unexpected, KeyError, TypeError, AttributeError):
            return program.project(execution.data)
    return complete_data(program.shape, materialise(execution.data), report)


def _read_variables(variables: dict[str, Any] | bytes | None) -> dict[str, Any]:
    if isinstance(variables, bytes):
        try:
            variables = msgspec.json.decode(variables)
        except (msgspec.DecodeError, RecursionError) as error:
            raise RequestRefused.because("The variables are not JSON.", "BAD_REQUEST") from error
    if variables is None:
        return {}
    if not isinstance(variables, dict):
        raise RequestRefused.because("The variables are not a JSON object.", "BAD_REQUEST")
    return variables
