"""Executions of one answer: the whole operation, and again the fetches below a streamed list for its later items."""

import asyncio
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from gateway.federation.compiler import Step
from gateway.federation.executor import Execution
from gateway.federation.join import find_objects
from gateway.federation.planner.plan import Streamed
from gateway.federation.report import find_paths


@dataclass(slots=True, eq=False)
class Tail:
    """The items of a list that follow later, the first of them at `first`; `place` is the internal path to the list."""

    streamed: Streamed
    place: list[Any]
    first: int
    items: list[Any]


class Scope:
    """One execution, and which parts of the answer it has fetched. `changed` is called when there may be news."""

    def __init__(self, execution: Execution, counts: dict[Streamed, int], changed: Callable[[], None]) -> None:
        self.execution = execution
        # By the list that was shortened: it stays in the data, so that its identity is its own.
        self.tails: dict[int, Tail] = {}
        self._counts = counts
        self._changed = changed
        self._open = Counter(step.fetch.phase for step in execution.steps)
        self._task: asyncio.Task[None] | None = None
        execution.after_step = self._after_step

    def start(self) -> None:
        self._task = asyncio.ensure_future(self.execution.run())
        self._task.add_done_callback(lambda _: self._changed())

    @property
    def is_idle(self) -> bool:
        return self._task is None or self._task.done()

    def has_fetched(self, phase: int) -> bool:
        """Whether nothing more is fetched for a part of the answer. Raises what has ended the execution."""
        if self._task is not None and self._task.done():
            self._task.result()
        return not self._open[phase]

    async def stop(self) -> None:
        if self._task is not None and not self._task.done():
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def _after_step(self, step: Step) -> None:
        for streamed, count in self._counts.items():
            if streamed.source == step.fetch.id:
                self._shorten(streamed, count)
        self._open[step.fetch.phase] -= 1
        if not self._open[step.fetch.phase]:
            self._changed()

    def _shorten(self, streamed: Streamed, count: int) -> None:
        *above, name = streamed.path
        parents = list(find_objects(self.execution.data, tuple(above)))
        for parent, place in zip(parents, find_paths(self.execution.data, tuple(above), []), strict=True):
            items = parent.get(name)
            if isinstance(items, list) and len(items) > count and id(items) not in self.tails:
                self.tails[id(items)] = Tail(streamed, [*place, name], count, items[count:])
                del items[count:]


def graft_tails(data: dict[str, Any], tails: list[Tail]) -> dict[str, Any]:
    """The later items of lists where the lists stand, in a tree of nothing else but what types are told by."""
    root: dict[str, Any] = {}
    for tail in tails:
        here: Any = root
        original: Any = data
        for step, following in zip(tail.place, [*tail.place[1:], None], strict=True):
            original = original[step]
            if following is None:
                break
            if isinstance(here, list):
                here.extend([None] * (step + 1 - len(here)))
            known = here.get(step) if isinstance(here, dict) else here[step]
            if known is None:
                known = here[step] = [] if isinstance(following, int) else {}
                if isinstance(known, dict) and "__typename" in original:
                    known["__typename"] = original["__typename"]
            here = known
        here[tail.place[-1]] = [*([None] * tail.first), *tail.items]
    return root
