"""Runs a fast program: no task, no future for each fetch; what answers arrive drive the run from the event loop.

Everything that was asked and answered stays in `asked`, so that the careful way can start over without asking twice.
"""

import asyncio
import contextvars
from collections.abc import Mapping
from typing import Any

import msgspec

from gateway.federation.errors import SubgraphFailure, SubgraphUnavailable
from gateway.federation.fast.program import NOTHING, FastProgram, FastStep, Surprise
from gateway.federation.planner.plan import Selected, asked_of
from gateway.federation.policy import Policies
from gateway.federation.request import Call, GraphQLRequest, SubgraphRequest
from gateway.federation.sharing import InFlight, SharedCalls, sharing_key

_encode = msgspec.json.Encoder().encode
# For each representation the objects that it stands for; the representations where they are needed again.
_Found = tuple[list[list[Any]], list[Any] | tuple[()]]
_EMPTY = (b"", b"null", b"[]")
# What ends the process is not for the careful way to judge: it is raised on, after the request was told.
_ENDINGS = (KeyboardInterrupt, SystemExit)


class Asked:
    """One request of a step and what became of it: `answer`, `failure`, or still under way.

    It refers to its run only as long as it is under way, so that nothing is left for the cycle collector.
    """

    __slots__ = ("answer", "call", "failure", "objects", "request", "run", "step", "task", "waiter")

    def __init__(self, run: "FastRun", step: FastStep, request: SubgraphRequest, objects: list[_Found]) -> None:
        self.run: FastRun | None = run
        self.step = step
        self.request = request
        self.objects = objects
        self.call: Call | None = None
        self.task: asyncio.Task[bytes] | None = None
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

    def told(self, answer: bytes | None, failure: BaseException | None) -> None:
        """How a call that was begun has ended."""
        self.call = None
        if answer is None:
            # It failed, or nothing was sent after all: the ordinary way goes on.
            if self.run is not None:
                self.run.ask_again(self, failure)
        else:
            self._end(answer, None)

    def follow(self, task: asyncio.Task[bytes]) -> None:
        """The ordinary way to a subgraph: with waiting, retries and hedges, in a task of its own."""
        self.task = task
        task.add_done_callback(self._asked)

    def _asked(self, task: asyncio.Task[bytes]) -> None:
        self.task = None
        if task.cancelled():
            # By the run itself, which waits for nothing any more, or by somebody behind the guard.
            self._end(None, SubgraphUnavailable("was given up"))
            return
        failure = task.exception()
        if failure is not None and not isinstance(failure, SubgraphFailure):
            # A fault of ours behind the guard costs what was asked for, and nothing else of the answer.
            unavailable = SubgraphUnavailable("failed")
            unavailable.__cause__ = failure
            failure = unavailable
        self._end(task.result() if failure is None else None, failure)

    def _end(self, answer: bytes | None, failure: BaseException | None) -> None:
        run, self.run = self.run, None
        self.answer, self.failure = answer, failure
        if self.waiter is not None and not self.waiter.done():
            self.waiter.set_result(None)
        if run is not None:
            run.ended(self)

    def fail(self, failure: BaseException) -> None:
        """It was not sent and will not be."""
        self._end(None, failure)

    def cancel(self) -> None:
        self.run = None
        if self.call is not None:
            self.call.cancel()
            self.call = None
        if self.task is not None:
            self.task.cancel()


class FastRun:
    """One request. `run` gives the encoded `data`, or None when the careful way has to take over."""

    def __init__(
        self,
        program: FastProgram,
        request: GraphQLRequest,
        variables: Mapping[str, Any],
        shared: SharedCalls | None,
        in_flight: InFlight | None,
        policies: Policies,
        deadline: float,
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        self.asked: dict[int, Asked] = {}
        self._program = program
        self._request = request
        self._variables = variables
        self._shared = shared
        self._in_flight = in_flight
        self._policies = policies
        self.deadline = deadline
        self._root = program.make_root()
        self._state: list[Any] = [()] * program.slots
        self._memos: list[Any] = [None] * program.memos
        self._waits = list(program.waits)
        self._left = len(program.steps)
        self._over = False
        self._loop = loop
        # Answers come in the context of whoever opened the connection: what follows them belongs to this request.
        self._context = contextvars.copy_context()

    async def run(self, watch: "Watch") -> bytes | None:
        """None on a surprise, and when `watch` finds the deadline past. On cancellation nothing stays under way."""
        if not self._left:
            return _encode(self._root)
        self._done: asyncio.Future[bool] = self._loop.create_future()
        watch.add(self, self._loop)
        try:
            self._begin_all(self._program.first)
            if not await self._done:
                return None
            return _encode(self._root)
        except asyncio.CancelledError:
            self.cancel()
            raise
        except Exception:
            # What cannot be encoded: whatever it is, it can be judged value by value.
            return None
        finally:
            watch.runs.discard(self)

    def cancel(self) -> None:
        """Gives up what is under way."""
        self._over = True
        for asked in self.asked.values():
            asked.cancel()

    def expire(self) -> None:
        """The deadline is past and nobody has noticed: the careful way tells what did not come."""
        self._stop(False)

    def _begin_all(self, steps: tuple[FastStep, ...]) -> None:
        try:
            for step in steps:
                self._begin(step)
        except BaseException as error:
            self._surprised(error)

    def _surprised(self, error: BaseException) -> None:
        """Whatever was raised, the request goes on: unless it is told, it waits for an answer that never comes."""
        self._stop(False)
        if isinstance(error, _ENDINGS):
            raise error

    def _begin(self, step: FastStep) -> None:
        objects: list[_Found] = []
        entries = []
        for name, prefix in step.variables:
            if name in self._variables:
                entries.append(prefix + _encode(self._variables[name]))
        wanted = not step.parts
        for part in step.parts:
            same, representations, encoded = part.collect(self._state, self._memos)
            objects.append((same, representations if part.kept else ()))
            wanted = wanted or bool(representations)
            entries.append(part.name + encoded)
        if not wanted:
            self._release(step)
            return
        variables = b"{" + b",".join(entries) + b"}"
        fetch, request = step.fetch, self._request
        outgoing = SubgraphRequest(
            service=fetch.service,
            body=step.prefix + variables + b"}",
            query=fetch.operation,
            variables=variables,
            kind=fetch.kind,  # type: ignore[arg-type]
            identity=request.identity,
            headers=request.headers,
        )
        asked = self.asked[step.index] = Asked(self, step, outgoing, objects)
        guard = step.guard
        try:
            if self._shared is not None and fetch.kind == "query":
                asked.call = self._shared.begin(guard, outgoing, self.deadline, asked.told, self._loop)
            else:
                asked.call = guard.begin(outgoing, self.deadline, asked.told, self._loop)
            if asked.call is None:
                self.ask(asked, None)
        except BaseException:
            # The careful way waits for what is in `asked`. Whether anything was sent is not known.
            asked.fail(SubgraphUnavailable("could not be asked"))
            raise

    def ask_again(self, asked: Asked, failed: BaseException | None) -> None:
        """As `ask`, for a callback of the event loop: nobody would hear what is raised."""
        try:
            self.ask(asked, failed)
        except BaseException as error:
            asked.fail(SubgraphUnavailable("could not be asked"))
            self._surprised(error)

    def ask(self, asked: Asked, failed: BaseException | None) -> None:
        """The ordinary way; `failed` is how a call that was begun has ended. Equal queries go it together."""
        guard, request, deadline = asked.step.guard, asked.request, self.deadline
        if request.kind == "query" and self._in_flight is not None:
            key = sharing_key(request)
            work = self._in_flight.share(key, lambda: guard.execute(request, deadline, failed))
        else:
            work = guard.execute(request, deadline, failed)
        asked.follow(self._loop.create_task(work, context=self._context))

    def ended(self, asked: Asked) -> None:
        """An answer or a failure has come."""
        if self._over:
            return
        if asked.answer is None:
            self._stop(False)
            return
        self._context.run(self._advance, asked, asked.answer)

    def _advance(self, asked: Asked, answer: bytes) -> None:
        try:
            self._absorb(asked.step, asked.objects, asked.step.decode(answer))
            self._release(asked.step)
        except BaseException as error:
            self._surprised(error)

    def _absorb(self, step: FastStep, objects: list[_Found], response: Any) -> None:
        if response.errors is not NOTHING and bytes(response.errors) not in _EMPTY:
            raise Surprise
        if response.extensions is not NOTHING and b'"degraded"' in bytes(response.extensions):
            raise Surprise
        data = response.data
        if step.take is not None:
            step.take(self._state, self._root, data)
            if step.kept:
                self._keep(step, None, step.kept, (None,), (data,))
            return
        for part, (same, representations), entity_part in zip(step.parts, objects, step.fetch.entities, strict=True):
            entities = getattr(data, part.alias)
            if len(entities) != len(same):
                raise Surprise
            part.apply(same, entities)
            self._state[part.slot] = entities
            if part.kept:
                self._keep(step, entity_part.alias, part.kept, [_encode(rep) for rep in representations], entities)

    def _keep(self, step: FastStep, alias: str | None, fields: tuple[Selected, ...], keys: Any, objects: Any) -> None:
        service, identity = step.fetch.service, self._request.identity
        for key, found in zip(keys, objects, strict=True):
            for field in fields:
                value = getattr(found, f"f_{field.internal}")
                if bytes(value) != b"null":
                    # A copy: what was decoded refers to the whole answer.
                    asked = asked_of(step.fetch, alias, field, self._variables)
                    self._policies.keep(service, field, identity, key, value.copy(), asked)

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

    def _stop(self, well: bool) -> None:
        self._over = True
        if not self._done.done():
            self._done.set_result(well)


# How late a deadline may be noticed here: guards notice theirs before.
_GRACE_SECONDS = 0.25
_LOOK_SECONDS = 0.1


class Watch:
    """Ends runs whose deadline is past: one timer for all, since a timer for each costs more than it is worth."""

    def __init__(self) -> None:
        self.runs: set[FastRun] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    def add(self, run: FastRun, loop: asyncio.AbstractEventLoop) -> None:
        self.runs.add(run)
        if self._timer is None or self._loop is not loop:
            self._loop = loop
            self._timer = loop.call_later(_LOOK_SECONDS, self._look, loop)

    def _look(self, loop: asyncio.AbstractEventLoop) -> None:
        self._timer = loop.call_later(_LOOK_SECONDS, self._look, loop) if self.runs else None
        late = loop.time() - _GRACE_SECONDS
        for run in [run for run in self.runs if run.deadline < late]:
            run.expire()
