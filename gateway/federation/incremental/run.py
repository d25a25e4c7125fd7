"""Runs an operation with `@defer` or `@stream`: the first part of its answer, then what follows as it is fetched.

Fields that stand in the same deferred fragments are completed together, object by object. A fragment is delivered
when all its fields are there, and never before the fragment around it. (Draft, section "Incremental Delivery".)
"""

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from gateway.federation.complete import Completion, LaterFields, LaterItems
from gateway.federation.executor import Execution
from gateway.federation.incremental.parts import Completed, Errors, Increment, Part, Pending
from gateway.federation.incremental.placing import lies_within, place_in, survives
from gateway.federation.incremental.scope import Scope, Tail, graft_tails
from gateway.federation.operation.incremental import DeferUse
from gateway.federation.planner.plan import Streamed
from gateway.federation.project import materialise
from gateway.federation.report import Path

# Makes an execution of some steps over data that is there already; of all steps, over none, when neither is given.
Execute = Callable[[dict[str, object] | None, frozenset[int] | None], Execution]


@dataclass(slots=True, eq=False)
class _Fragment:
    """A deferred fragment at one place of the answer."""

    use: DeferUse
    path: Path
    groups: "list[_Group]" = field(default_factory=list)
    pending: Pending | None = None
    over: bool = False
    failed: bool = False

    @property
    def is_complete(self) -> bool:
        return self.pending is not None and all(group.data is not None for group in self.groups)


@dataclass(slots=True, eq=False)
class _Group:
    """Fields of one object that belong to the same fragments."""

    later: LaterFields
    scope: Scope
    fragments: list[_Fragment]
    data: dict[str, Any] | None = None
    errors: Errors = field(default_factory=list)
    lists: "list[_Stream]" = field(default_factory=list)
    sent: bool = False


@dataclass(slots=True, eq=False)
class _Stream:
    """Later items of one list, with the execution that fetches what is below them."""

    found: LaterItems
    tail: Tail
    phase: int
    scope: Scope
    pending: Pending | None = None


class IncrementalRun:
    """One request. `phases` are the operation's; `counts` says how many items of each streamed list go ahead."""

    def __init__(self, execute: Execute, phases: list[frozenset[DeferUse]], counts: dict[Streamed, int]) -> None:
        self._execute = execute
        self._phases = phases
        self._counts = counts
        self._root = Scope(execute(None, None), counts, self._wake)
        self._scopes = [self._root]
        self._fragments: dict[tuple[DeferUse, Path], _Fragment] = {}
        # In the order in which they were found; a list of very many objects has as many.
        self._groups: dict[_Group, None] = {}
        self._streams: list[_Stream] = []
        self._news = asyncio.Event()
        self._ids = 0

    async def parts(self, introspect: Callable[[Execution], None]) -> AsyncGenerator[Part]:
        """Every part of the answer. `introspect` adds what is known without any subgraph."""
        try:
            self._root.start()
            await self._until(lambda: self._root.has_fetched(0))
            introspect(self._root.execution)
            part = self._first()
            yield part
            while part.more:
                await self._until(self._has_news)
                part = self._next()
                if part.increments or part.completed or not part.more:
                    yield part
        finally:
            for scope in self._scopes:
                await scope.stop()

    def _wake(self) -> None:
        self._news.set()

    async def _until(self, ready: Callable[[], bool]) -> None:
        while not ready():
            if all(scope.is_idle for scope in self._scopes):
                raise AssertionError("what is announced is fetched by nobody")
            self._news.clear()
            await self._news.wait()

    # -- parts ------------------------------------------------------------------------------------------------

    def _first(self) -> Part:
        execution = self._root.execution
        completion = Completion(execution.report)
        part = Part(first=True)
        part.data = completion.complete_object(execution.program.shape, materialise(execution.data), ())
        streams = self._find(completion, self._root, part.data, (), 0)
        part.errors = self._errors(lambda path: not path or lies_within(path, part.data))
        self._announce(part, streams)
        self._finish(part)
        return part

    def _has_news(self) -> bool:
        return (
            any(self._is_ready(group) for group in self._groups)
            or any(fragment.is_complete for fragment in self._fragments.values())
            or any(stream.scope.has_fetched(stream.phase) for stream in self._streams)
        )

    def _is_ready(self, group: _Group) -> bool:
        announced = any(fragment.pending is not None for fragment in group.fragments)
        return group.data is None and announced and group.scope.has_fetched(group.later.phase)

    def _next(self) -> Part:
        part = Part()
        while self._has_news():
            streams: list[_Stream] = []
            for group in [group for group in self._groups if self._is_ready(group)]:
                self._complete(group, part)
            for fragment in [fragment for fragment in self._fragments.values() if fragment.is_complete]:
                streams += self._deliver(fragment, part)
            for stream in list(self._streams):
                if stream.scope.has_fetched(stream.phase):
                    streams += self._continue(stream, part)
            self._announce(part, streams)
        self._finish(part)
        return part

    def _finish(self, part: Part) -> None:
        report = self._root.execution.report
        if part.increments:
            # What went wrong nobody knows where is told with whatever comes next.
            part.increments[0].errors += self._errors(lambda path: not path)
        if report.degraded:
            part.extensions["degraded"] = report.degraded[:]
            report.degraded.clear()
        part.more = bool(self._streams) or any(each.pending is not None for each in self._fragments.values())

    # -- fragments --------------------------------------------------------------------------------------------

    def _complete(self, group: _Group, part: Part) -> None:
        """Completes the fields of a group; where a null takes the object along, its fragments have failed."""
        later = group.later
        completion = Completion(group.scope.execution.report)
        data = completion.complete_object(later.shape, materialise(later.value), later.path)
        errors = self._errors(lambda path: place_in(path, later.path, data))
        if data is None:
            del self._groups[group]
            for fragment in group.fragments:
                self._fail(fragment, errors, part)
            return
        group.data, group.errors = data, errors
        group.lists = self._find(completion, group.scope, data, later.path, later.phase)

    def _fail(self, fragment: _Fragment, errors: Errors, part: Part) -> None:
        if fragment.pending is not None:
            part.completed.append(Completed(fragment.pending, errors))
        self._forget(fragment)
        fragment.failed = True

    def _forget(self, fragment: _Fragment) -> None:
        fragment.over = True
        fragment.pending = None
        for group in fragment.groups:
            if all(other.over for other in group.fragments):
                self._groups.pop(group, None)

    def _deliver(self, fragment: _Fragment, part: Part) -> list[_Stream]:
        """Sends what a complete fragment consists of. Gives the lists that are now begun."""
        streams: list[_Stream] = []
        for group in fragment.groups:
            if not group.sent:
                group.sent = True
                part.increments.append(self._increment(group))
                streams += group.lists
        part.completed.append(Completed(_given(fragment.pending)))
        self._forget(fragment)
        return streams

    def _increment(self, group: _Group) -> Increment:
        """Told of the innermost of its fragments. (Draft, "GetIncrementalEntry".)"""
        of = max(
            (fragment.pending for fragment in group.fragments if fragment.pending is not None),
            key=lambda pending: len(pending.path),
        )
        return Increment(of, group.later.path[len(of.path) :], data=group.data, errors=group.errors)

    def _announce(self, part: Part, streams: Iterable[_Stream]) -> None:
        """What may follow now: lists that were begun, and fragments within which nothing is deferred any more."""
        for fragment in self._fragments.values():
            if fragment.over or fragment.pending is not None:
                continue
            around = self._around(fragment)
            if any(other.failed for other in around):
                self._forget(fragment)
                fragment.failed = True
            elif all(other.over for other in around):
                fragment.pending = Pending(self._new_id(), fragment.path, fragment.use.label)
                part.pending.append(fragment.pending)
        for stream in streams:
            stream.pending = Pending(self._new_id(), stream.found.path, stream.tail.streamed.label, streamed=True)
            part.pending.append(stream.pending)
            self._streams.append(stream)
            if stream.scope not in self._scopes:
                self._scopes.append(stream.scope)
                stream.scope.start()

    def _around(self, fragment: _Fragment) -> list[_Fragment]:
        found = []
        use = fragment.use.parent
        while use is not None:
            other = self._fragments.get((use, _path_of(use, fragment.path)))
            if other is not None:
                found.append(other)
            use = use.parent
        return found

    def _new_id(self) -> str:
        self._ids += 1
        return str(self._ids - 1)

    # -- lists ------------------------------------------------------------------------------------------------

    def _continue(self, stream: _Stream, part: Part) -> list[_Stream]:
        """Sends the later items of a list."""
        pending, shown, first = _given(stream.pending), stream.found.field, stream.tail.first
        self._streams.remove(stream)
        completion = Completion(stream.scope.execution.report)
        values = [materialise(value) for value in stream.tail.items]
        items, failed = completion.complete_items(shown, values, stream.found.path, first)
        last = first + len(items)

        def is_of(path: Path, end: int) -> bool:
            at = len(stream.found.path)
            return path[:at] == stream.found.path and len(path) > at and first <= int(path[at]) < end

        begun: list[_Stream] = []
        if items:
            errors = self._errors(lambda path: is_of(path, last) and self._shows(path, stream, items))
            part.increments.append(Increment(pending, (), items=items, first=first, errors=errors))
            begun = self._find(completion, stream.scope, items, stream.found.path, stream.phase, first)
        ending = self._errors(lambda path: is_of(path, last + 1)) if failed else []
        part.completed.append(Completed(pending, ending))
        return begun

    def _shows(self, path: Path, stream: _Stream, items: list[object]) -> bool:
        at = len(stream.found.path)
        return lies_within(path[at + 1 :], items[int(path[at]) - stream.tail.first])

    # -- what follows -----------------------------------------------------------------------------------------

    def _find(
        self, completion: Completion, scope: Scope, out: object, base: Path, phase: int, first: int = 0
    ) -> list[_Stream]:
        """Registers what completing a part has found to follow, as far as it stands in what the client was given."""
        for later in completion.fields:
            if not survives(later.path, base, out, first):
                continue
            fragments = []
            for use in sorted(self._phases[later.phase], key=lambda use: use.number):
                key = use, _path_of(use, later.path)
                fragments.append(self._fragments.setdefault(key, _Fragment(*key)))
            group = _Group(later, scope, fragments)
            self._groups[group] = None
            for fragment in fragments:
                fragment.groups.append(group)
        begun: dict[Streamed, list[tuple[LaterItems, Tail]]] = {}
        for items in completion.items:
            tail = scope.tails.get(id(items.value))
            if tail is not None and survives(items.path, base, out, first):
                begun.setdefault(tail.streamed, []).append((items, tail))
        streams = []
        for streamed, found in begun.items():
            below = self._below(streamed, scope, [tail for _, tail in found])
            streams += [_Stream(items, tail, phase, below) for items, tail in found]
        return streams

    def _below(self, streamed: Streamed, scope: Scope, tails: list[Tail]) -> Scope:
        """The execution that fetches what is below the later items of equal lists, all together."""
        steps = scope.execution.program.steps
        only = frozenset(step.index for step in steps if step.fetch.id in streamed.steps)
        data = graft_tails(scope.execution.data, tails)
        return Scope(self._execute(data, only), self._counts, self._wake)

    def _errors(self, belongs: Callable[[Path], bool]) -> Errors:
        return self._root.execution.report.take(belongs)


def _given(pending: Pending | None) -> Pending:
    if pending is None:
        raise AssertionError("nothing is delivered that was not announced")
    return pending


def _path_of(use: DeferUse, path: Path) -> Path:
    """The place of a fragment around an object: response names as the fragment's, with the indices that follow."""
    names = 0
    for length, step in enumerate(path):
        if isinstance(step, str):
            if names == len(use.path):
                return path[:length]
            names += 1
    return path
