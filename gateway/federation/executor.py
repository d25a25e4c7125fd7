"""Runs a program: fetches as soon as what they need is there, joins, and completes the answer."""

import asyncio
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import msgspec

from gateway.federation.batch import Batch
from gateway.federation.compiler import Program, Step
from gateway.federation.errors import SubgraphFailure, SubgraphMalformed, SubgraphTimeout
from gateway.federation.fast.run import Asked
from gateway.federation.join import find_objects, merge_object
from gateway.federation.policy import Policies
from gateway.federation.recovery import Recovery
from gateway.federation.report import Report
from gateway.federation.request import GraphQLRequest, SubgraphRequest
from gateway.federation.sharing import InFlight, SharedCalls, sharing_key

_encode = msgspec.json.Encoder().encode
_NULL = msgspec.Raw(b"null")
_decode: Callable[[bytes], Any] = msgspec.json.Decoder().decode
# Guards end their calls by the deadline. Should one not, the request goes on without it this much later.
_GRACE_SECONDS = 0.25


@dataclass(slots=True, eq=False)
class Runtime:
    """What requests share: policies, and queries in flight."""

    policies: Policies
    in_flight: InFlight | None
    shared: SharedCalls | None


class Execution:
    """One request. `data` grows as fetches answer; afterwards `report` says what went wrong.

    `only` are the steps to run where it is not all of them, on objects that are in `data` already. `after_step` is
    told of each step when its answer has been joined, before any other step reads it.
    """

    def __init__(
        self,
        program: Program,
        request: GraphQLRequest,
        variables: Mapping[str, Any],
        runtime: Runtime,
        deadline: float,
        report: Report,
        asked: Mapping[int, Asked] | None = None,
        data: dict[str, Any] | None = None,
        only: frozenset[int] | None = None,
    ) -> None:
        """`asked` is what another run of this request has sent already: it is not sent again."""
        self._asked = asked or {}
        self.program = program
        self.data: dict[str, Any] = {} if data is None else data
        self.report = report
        self.steps = [step for step in program.steps if only is None or step.index in only]
        self.after_step: Callable[[Step], None] = _nothing
        self._request = request
        self._variables = variables
        self._runtime = runtime
        self._deadline = deadline
        self._recovery = Recovery(program.whole, self.data, report, runtime.policies, request, variables)
        ids = {step.fetch.id for step in self.steps}
        self._waiting = {step.index: sum(dep in ids for dep in step.fetch.after) for step in self.steps}

    async def run(self) -> None:
        """Runs every fetch. Failures of subgraphs end up in the report."""
        ready = [step for step in self.steps if not self._waiting[step.index]]
        await self._run_all(ready)

    async def _run_all(self, steps: list[Step]) -> None:
        if len(steps) == 1:
            await self._run_step(steps[0])
        elif steps:
            tasks = [asyncio.ensure_future(self._run_step(step)) for step in steps]
            try:
                await asyncio.gather(*tasks)
            finally:
                for task in tasks:
                    task.cancel()

    async def _release(self, step: Step) -> None:
        ready = []
        self.after_step(step)
        for index in step.releases:
            if index not in self._waiting:
                continue
            self._waiting[index] -= 1
            if not self._waiting[index]:
                ready.append(self.program.steps[index])
        await self._run_all(ready)

    async def _run_step(self, step: Step) -> None:
        batches = [Batch.collect(part, self.data) for part in step.fetch.entities]
        wanted = not batches or any(batch.representations for batch in batches) or bool(step.fetch.fields)
        if wanted:
            try:
                answer, typed = self._read(step, await self._send(step, batches))
            except SubgraphFailure as failure:
                await self._recovery.note_failure(step, batches, failure)
            else:
                await self._absorb(step, batches, answer)
                if typed:
                    self._recovery.remember(step, batches)
        await self._release(step)

    def _encode_variables(self, step: Step, batches: list[Batch]) -> bytes:
        entries = [
            _encode(name) + b":" + _encode(self._variables[name])
            for name in step.fetch.variables
            if name in self._variables
        ]
        entries += [
            b'"' + batch.part.variable.encode() + b'":[' + b",".join(batch.representations) + b"]" for batch in batches
        ]
        return b"{" + b",".join(entries) + b"}"

    async def _send(self, step: Step, batches: list[Batch]) -> bytes:
        """The response's bytes, by the request's deadline whatever the guard does. Raises SubgraphFailure."""
        try:
            async with asyncio.timeout_at(self._deadline + _GRACE_SECONDS):
                return await self._ask(step, batches)
        except TimeoutError as error:
            raise SubgraphTimeout("did not answer in time") from error

    async def _ask(self, step: Step, batches: list[Batch]) -> bytes:
        fetch = step.fetch
        variables = self._encode_variables(step, batches)
        body = step.prefix + variables + b"}"
        asked = self._asked.get(step.index)
        if asked is not None and (asked.request.body == body or fetch.kind == "mutation"):
            return await asked.result()
        guard = step.guard
        outgoing = SubgraphRequest(
            service=fetch.service,
            body=body,
            query=fetch.operation,
            variables=variables,
            kind=fetch.kind,  # type: ignore[arg-type]
            identity=self._request.identity,
            headers=self._request.headers,
        )
        if fetch.kind != "query" or self._runtime.in_flight is None:
            return await guard.execute(outgoing, self._deadline)
        return await self._runtime.in_flight.share(
            sharing_key(outgoing), lambda: guard.execute(outgoing, self._deadline)
        )

    def _read(self, step: Step, body: bytes) -> tuple[dict[str, Any], bool]:
        """The response, passed through as far as it can be, and whether it is in the expected shape."""
        with suppress(msgspec.MsgspecError, RecursionError):
            return step.decode(body), True
        return read_answer(body), False

    # -- subscriptions ----------------------------------------------------------------------------------------

    def subscription_request(self, step: Step) -> SubgraphRequest:
        """The request that opens the stream of a subscription's first step."""
        variables = self._encode_variables(step, [])
        return SubgraphRequest(
            service=step.fetch.service,
            body=step.prefix + variables + b"}",
            query=step.fetch.operation,
            variables=variables,
            kind="subscription",
            identity=self._request.identity,
            headers=self._request.headers,
        )

    async def absorb_event(self, step: Step, answer: dict[str, Any]) -> None:
        """Takes an event of the stream as the first step's answer and runs the others on it."""
        await self._absorb(step, [], answer)
        await self._release(step)

    async def fail_event(self, step: Step, failure: SubgraphFailure) -> None:
        await self._recovery.note_failure(step, [], failure)

    # -- what came back ---------------------------------------------------------------------------------------

    async def _absorb(self, step: Step, batches: list[Batch], answer: dict[str, Any]) -> None:
        data = answer.get("data")
        errors = answer.get("errors")
        self._recovery.note_degraded(step, batches, answer)
        if errors:
            self._recovery.note_errors(step, batches, errors)
            await self._recovery.fall_back_on_errors(step, batches, errors)
        if data is None:
            if not errors:
                await self._recovery.note_failure(step, batches, SubgraphMalformed("answered neither data nor errors"))
            return
        if not batches:
            for target in find_objects(self.data, step.fetch.at):
                merge_object(target, data)
        for batch in batches:
            entities = data.get(batch.part.alias)
            if entities is None:
                continue
            if not isinstance(entities, list) or len(entities) != len(batch.representations):
                await self._recovery.note_failure(
                    step, [batch], SubgraphMalformed("answered another number of entities")
                )
                continue
            for index, entity in enumerate(entities):
                if isinstance(entity, dict):
                    batch.give(index, entity)


def _nothing(_: Step) -> None:
    """What is done after a step when nobody asks for more."""


def read_answer(body: bytes) -> dict[str, Any]:
    """A subgraph's response. Raises SubgraphMalformed when it is none."""
    try:
        answer = _decode(body)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise SubgraphMalformed("answered what is not JSON") from error
    if not isinstance(answer, dict):
        raise SubgraphMalformed("answered JSON that is no GraphQL response")
    data, errors = answer.get("data"), answer.get("errors")
    if (data is not None and not isinstance(data, dict)) or (errors is not None and not isinstance(errors, list)):
        raise SubgraphMalformed("answered JSON that is no GraphQL response")
    return answer
