"""Runs a fast program: no task, no future for each fetch; what answers arrive drive the run from the event loop.

Everything that was asked and answered stays in `asked`, so that the careful way can start over without asking twice.
"""

import asyncio
from collections.abc import Coroutine, Hashable, Mapping
from typing import Any, Protocol

import msgspec

from gateway.federation.fast.program import FastProgram, FastStep, Surprise
from gateway.federation.planner.plan import Selected
from gateway.federation.request import Call, GraphQLRequest, SubgraphRequest
from gateway.federation.resilience import Guard, InFlight
from gateway.federation.sharing import SharedCalls, sharing_key

_encode = msgspec.json.Encoder().encode
# For each representation the objects that it stands for; the representations where they are needed again.
_Found = tuple[list[list[Any]], list[Any] | tuple[()]]
_EMPTY = (b"", b"null", b"[]")
_SURPRISES = (Surprise, msgspec.MsgspecError, RecursionError, AttributeError, TypeError, ValueError)


class Memory(Protocol):
    """Takes the last good values of fields; `representation` is the object's key fields, None at the root."""

    def keep(
        self, service: str, field: Selected, identity: Hashable, representation: bytes | None, value: Any
    ) -> None: ...


class Asked:
    """One request of a step and what became of it: `answer`, `failure`, or still under way."""

    __slots__ = ("answer", "body", "call", "failure", "waiter")

    def __init__(self, body: bytes) -> None:
        self.body = body
        self.call: Call | None = None
        self.answer: bytes | None = None
        self.failure: BaseException | None = None
        self.waiter: asyncio.Future[None] | None = None

    async def result(self) -> bytes:
        """The answer, when it has come. Raises SubgraphFailure."""
        while self.answer is None and self.failure is None:
            self.waiter = asyncio.get_running_loop().create_future()
            await self.waiter
        if self.failure is not None:
            raise self.failure
        assert self.answer is not None  # noqa: S101 - for the type checker
        return self.answer


class FastRun:
    """One request. `run` gives the encoded `data`, or None when the careful way has to take over."""

    def __init__(
        self,
        program: FastProgram,
        request: GraphQLRequest,
        variables: Mapping[str, Any],
        guards: Mapping[str, Guard],
        shared: SharedCalls | None,
        in_flight: InFlight | None,
        memory: Memory,
        deadline: float,
    ) -> None:
        self.asked: dict[int, Asked] = {}
        self._program = program
        self._request = request
        self._variables = variables
        self._guards = guards
        self._shared = shared
        self._in_flight = in_flight
        self._memory = memory
        self._deadline = deadline
        self._root = program.make_root()
        self._state: list[Any] = [()] * program.slots
        self._waits = list(program.waits)
        self._left = len(program.steps)
        self._over = False
        self._tasks: set[asyncio.Task[bytes]] = set()

    async def run(self) -> bytes | None:
        """None on a surprise. On cancellation nothing stays under way."""
        if not self._left:
            return _encode(self._root)
        loop = asyncio.get_running_loop()
        self._loop = loop
        self._done: asyncio.Future[bool] = loop.create_future()
        try:
            self._begin_all(self._program.first)
            if not await self._done:
                return None
        except asyncio.CancelledError:
            self.cancel()
            raise
        return _encode(self._root)

    def cancel(self) -> None:
        """Gives up what is under way."""
        self._over = True
        for asked in self.asked.values():
            if asked.call is not None and asked.answer is None and asked.failure is None:
                asked.call.cancel()
        for task in self._tasks:
            task.cancel()

    def _begin_all(self, steps: tuple[FastStep, ...] | list[FastStep]) -> None:
        try:
            for step in steps:
                self._begin(step)
        except _SURPRISES:
            self._stop(False)

    def _begin(self, step: FastStep) -> None:
        objects: list[_Found] = []
        entries = []
        for name, prefix in step.variables:
            if name in self._variables:
                entries.append(prefix + _encode(self._variables[name]))
        wanted = not step.parts
        for part in step.parts:
            same, representations = part.collect(self._state)
            objects.append((same, representations if part.kept else ()))
            wanted = wanted or bool(representations)
            entries.append(part.name + _encode(representations))
        if not wanted:
            self._release(step)
            return
        variables = b"{" + b",".join(entries) + b"}"
        asked = self.asked[step.index] = Asked(step.prefix + variables + b"}")
        fetch, request = step.fetch, self._request
        outgoing = SubgraphRequest(
            service=fetch.service,
            body=asked.body,
            query=fetch.operation,
            variables=variables,
            kind=fetch.kind,  # type: ignore[arg-type]
            identity=request.identity,
            headers=request.headers,
        )
        guard = self._guards[fetch.service]

        def done(answer: bytes | None, failure: BaseException | None) -> None:
            if answer is None and failure is None:
                # Nothing was sent after all: the ordinary way does it.
                self._ask(step, objects, asked, guard.execute(outgoing, self._deadline))
            elif failure is not None:
                self._ask(step, objects, asked, guard.execute(outgoing, self._deadline, failure))
            else:
                self._answered(step, objects, asked, answer)

        if self._shared is not None and fetch.kind == "query":
            asked.call = self._shared.begin(guard, outgoing, self._deadline, done)
        else:
            asked.call = guard.begin(outgoing, self._deadline, done)
        if asked.call is not None:
            return
        if self._in_flight is not None and fetch.kind == "query":
            share = self._in_flight.share
            work = share(sharing_key(outgoing), lambda: guard.execute(outgoing, self._deadline))
        else:
            work = guard.execute(outgoing, self._deadline)
        self._ask(step, objects, asked, work)

    def _ask(self, step: FastStep, objects: list[_Found], asked: Asked, work: Coroutine[Any, Any, bytes]) -> None:
        """The ordinary way to a subgraph: with waiting, retries and hedges, in a task of its own."""
        asked.call = None
        if self._over and self._done.cancelled():
            work.close()
            return
        task: asyncio.Task[bytes] = self._loop.create_task(work)
        self._tasks.add(task)

        def done(task: asyncio.Task[bytes]) -> None:
            self._tasks.discard(task)
            if task.cancelled():
                return
            failure = task.exception()
            if failure is not None:
                asked.failure = failure
                self._resolve(asked)
                self._stop(False)
            else:
                self._answered(step, objects, asked, task.result())

        task.add_done_callback(done)

    def _answered(self, step: FastStep, objects: list[_Found], asked: Asked, answer: bytes | None) -> None:
        asked.answer = answer
        self._resolve(asked)
        if self._over or answer is None:
            return
        try:
            self._absorb(step, objects, step.decode(answer))
            self._release(step)
        except _SURPRISES:
            self._stop(False)

    def _absorb(self, step: FastStep, objects: list[_Found], response: Any) -> None:
        if bytes(response.errors) not in _EMPTY or b'"degraded"' in bytes(response.extensions):
            raise Surprise
        data = response.data
        if step.take is not None:
            step.take(self._state, self._root, data)
            if step.kept:
                self._keep(step, step.kept, (None,), (data,))
            return
        for part, (same, representations) in zip(step.parts, objects, strict=True):
            entities = getattr(data, part.alias)
            if len(entities) != len(same):
                raise Surprise
            part.apply(same, entities)
            self._state[part.slot] = entities
            if part.kept:
                self._keep(step, part.kept, [_encode(rep) for rep in representations], entities)

    def _keep(self, step: FastStep, fields: tuple[Selected, ...], keys: Any, objects: Any) -> None:
        for key, found in zip(keys, objects, strict=True):
            for field in fields:
                value = getattr(found, f"f_{field.internal}")
                if bytes(value) != b"null":
                    # A copy: what was decoded refers to the whole answer.
                    self._memory.keep(step.fetch.service, field, self._request.identity, key, value.copy())

    def _release(self, step: FastStep) -> None:
        self._left -= 1
        if not self._left:
            if self._program.finish is not None:
                self._program.finish(self._state, self._root)
            self._stop(True)
            return
        for index in step.releases:
            self._waits[index] -= 1
            if not self._waits[index]:
                self._begin(self._program.steps[index])

    def _resolve(self, asked: Asked) -> None:
        if asked.waiter is not None and not asked.waiter.done():
            asked.waiter.set_result(None)

    def _stop(self, well: bool) -> None:
        self._over = True
        if not self._done.done():
            self._done.set_result(well)
