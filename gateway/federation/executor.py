"""Runs a program: fetches as soon as what they need is there, joins, and completes the answer."""

import asyncio
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import msgspec

from gateway.federation.compiler import Program, Step
from gateway.federation.errors import SubgraphFailure, SubgraphMalformed
from gateway.federation.fallbacks import NEVER_HIDDEN, FallbackContext, name_as_asked, read_arguments
from gateway.federation.fast.run import Asked
from gateway.federation.join import copy_tree, find_objects, merge_object, represent
from gateway.federation.planner.plan import EntityPart, Fetch, Selected, asked_of
from gateway.federation.policy import Policies
from gateway.federation.report import Path, Report, client_path, find_paths, locate
from gateway.federation.request import GraphQLRequest, SubgraphRequest
from gateway.federation.shape import FieldShape
from gateway.federation.sharing import InFlight, SharedCalls, sharing_key

_encode = msgspec.json.Encoder().encode
_NULL = msgspec.Raw(b"null")
_decode: Callable[[bytes], Any] = msgspec.json.Decoder().decode


@dataclass(slots=True, eq=False)
class Runtime:
    """What requests share: policies, and queries in flight."""

    policies: Policies
    in_flight: InFlight | None
    shared: SharedCalls | None


@dataclass(slots=True, eq=False)
class _Batch:
    """The objects that one `_entities` selection completes: `found[i]` are those of representation `i`."""

    part: EntityPart
    representations: list[bytes]
    found: list[list[tuple[dict[str, Any], int, int]]]


@dataclass(slots=True, eq=False)
class _Place:
    """Where fields of a fetch belong: an object, the plan's path to it, and how it was asked for (None at the root)."""

    found: dict[str, Any]
    path: tuple[str, ...]
    alias: str | None = None
    representation: bytes | None = None


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
        batches = [self._collect(part) for part in step.fetch.entities]
        wanted = not batches or any(batch.representations for batch in batches) or bool(step.fetch.fields)
        if wanted:
            try:
                answer, typed = self._read(step, await self._send(step, batches))
            except SubgraphFailure as failure:
                await self._note_failure(step, batches, failure)
            else:
                await self._absorb(step, batches, answer)
                if typed:
                    self._remember(step, batches)
        await self._release(step)

    def _collect(self, part: EntityPart) -> _Batch:
        batch = _Batch(part, [], [])
        known: dict[bytes, int] = {}
        for number, target in enumerate(part.targets):
            for ordinal, source in enumerate(find_objects(self.data, target.path)):
                fields = represent(source, target.representation)
                if fields is None or _lacks_key(fields):
                    continue
                encoded = _encode({"__typename": target.typename, **fields})
                index = known.get(encoded)
                if index is None:
                    index = known[encoded] = len(batch.representations)
                    batch.representations.append(encoded)
                    batch.found.append([])
                batch.found[index].append((source, number, ordinal))
        return batch

    def _encode_variables(self, step: Step, batches: list[_Batch]) -> bytes:
        entries = [
            _encode(name) + b":" + _encode(self._variables[name])
            for name in step.fetch.variables
            if name in self._variables
        ]
        entries += [
            b'"' + batch.part.variable.encode() + b'":[' + b",".join(batch.representations) + b"]" for batch in batches
        ]
        return b"{" + b",".join(entries) + b"}"

    async def _send(self, step: Step, batches: list[_Batch]) -> bytes:
        fetch = step.fetch
        variables = self._encode_variables(step, batches)
        body = step.prefix + variables + b"}"
        asked = self._asked.get(step.index)
        if asked is not None and (asked.body == body or fetch.kind == "mutation"):
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
        await self._note_failure(step, [], failure)

    # -- what came back ---------------------------------------------------------------------------------------

    async def _absorb(self, step: Step, batches: list[_Batch], answer: dict[str, Any]) -> None:
        data = answer.get("data")
        errors = answer.get("errors")
        self._note_degraded(step, batches, answer)
        if errors:
            self._note_errors(step, batches, errors)
            await self._fall_back_on_errors(step, batches, errors)
        if data is None:
            if not errors:
                await self._note_failure(step, batches, SubgraphMalformed("answered neither data nor errors"))
            return
        if not batches:
            for target in find_objects(self.data, step.fetch.at):
                merge_object(target, data)
        for batch in batches:
            entities = data.get(batch.part.alias)
            if entities is None:
                continue
            if not isinstance(entities, list) or len(entities) != len(batch.representations):
                await self._note_failure(step, [batch], SubgraphMalformed("answered another number of entities"))
                continue
            for entity, targets in zip(entities, batch.found, strict=True):
                if isinstance(entity, dict):
                    _give(entity, targets)

    def _note_errors(self, step: Step, batches: list[_Batch], errors: list[Any]) -> None:
        for error in errors:
            raw = error.get("path") if isinstance(error, dict) else None
            paths = list(self._client_paths(step, batches, raw)) if isinstance(raw, list) and raw else []
            places: list[Path | None] = [*paths] or [self._place_of(step, batches)]
            for path in places:
                self.report.add_from_subgraph(error, path or None, step.fetch.service)

    def _place_of(self, step: Step, batches: list[_Batch]) -> Path | None:
        """Where an error without a path belongs: the only field that the fetch brings, if it is one."""
        if not batches and len(step.fetch.fields) == 1 and not step.fetch.at:
            return client_path(self.program.whole, [step.fetch.fields[0].internal])
        return None

    def _client_paths(self, step: Step, batches: list[_Batch], raw: list[Any]) -> list[Path]:
        batch = next((batch for batch in batches if batch.part.alias == raw[0]), None)
        shape = self.program.whole
        if batch is None:
            places = find_paths(self.data, step.fetch.at, []) if step.fetch.at else iter([[]])
            return [client_path(shape, [*place, *raw]) for place in places]
        if len(raw) < 2 or not isinstance(raw[1], int) or not 0 <= raw[1] < len(batch.found):
            return []
        return [client_path(shape, [*place, *raw[2:]]) for place, _, _ in self._places(batch, raw[1])]

    def _places(self, batch: _Batch, index: int) -> list[tuple[list[Any], dict[str, Any], int]]:
        """Internal path, object and target number of every object that representation `index` stands for."""
        places: dict[int, list[list[Any]]] = {}
        found = []
        for source, number, ordinal in batch.found[index]:
            if number not in places:
                places[number] = list(find_paths(self.data, batch.part.targets[number].path, []))
            found.append((places[number][ordinal], source, number))
        return found

    def _note_degraded(self, step: Step, batches: list[_Batch], answer: dict[str, Any]) -> None:
        extensions = answer.get("extensions")
        entries = extensions.get("degraded") if isinstance(extensions, dict) else None
        for entry in entries if isinstance(entries, list) else ():
            if isinstance(entry, dict) and isinstance(entry.get("path"), list) and entry["path"]:
                for path in self._client_paths(step, batches, entry["path"]):
                    self.report.degrade(path, str(entry.get("source")), str(entry.get("reason")))

    # -- failures ---------------------------------------------------------------------------------------------

    async def _note_failure(self, step: Step, batches: list[_Batch], failure: SubgraphFailure) -> None:
        """Every visible field that did not come gets its fallback, or its error."""
        service = step.fetch.service
        extensions = {"code": failure.code, "service": service}
        message = f"{service!r} {failure}" if str(failure) else f"{service!r} failed"
        shape = self.program.whole
        blamed = False
        if step.fetch.fields:
            for target in find_objects(self.data, step.fetch.at):
                for selected in step.fetch.fields:
                    path = client_path(shape, [*step.fetch.at, selected.internal])
                    at = _Place(target, step.fetch.at)
                    if not await self._fall_back(step.fetch, selected, at, failure.code, path):
                        self.report.add(message, path, dict(extensions))
                    blamed = True
        for batch in batches:
            for index, representation in enumerate(batch.representations):
                for place, source, number in self._places(batch, index):
                    at = _Place(source, batch.part.targets[number].path, batch.part.alias, representation)
                    for selected in batch.part.targets[number].fields:
                        if not _applies(selected, source, locate(shape, at.path)):
                            continue
                        path = client_path(shape, [*place, selected.internal])
                        if not await self._fall_back(step.fetch, selected, at, failure.code, path):
                            self.report.add(message, path, dict(extensions))
                        blamed = True
        if not blamed and (not batches or any(batch.representations for batch in batches)):
            self.report.add(message, None, extensions)

    async def _fall_back(self, fetch: Fetch, selected: Selected, at: _Place, code: str, path: Path) -> bool:
        if code in NEVER_HIDDEN or fetch.kind == "mutation":
            return False
        coordinate, policies = f"{selected.type}.{selected.name}", self._runtime.policies
        fallback = policies.fallback(fetch.service, coordinate)
        if fallback is None:
            return False
        asked = asked_of(fetch, at.alias, selected, self._variables)
        arguments = read_arguments(fetch, at.alias, selected, self._variables)
        context = FallbackContext(coordinate, self._request.identity, at.representation, code, asked, arguments)
        try:
            value = await fallback.value(context)
        except LookupError:
            return False
        if not policies.keeps(fetch.service, coordinate):
            shape = locate(self.program.whole, at.path)
            value = name_as_asked(value, shape.find(selected.internal) if shape is not None else None)
        merge_object(at.found, {selected.internal: value})
        self.report.degrade(path, fallback.source, code)
        return True

    async def _fall_back_on_errors(self, step: Step, batches: list[_Batch], errors: list[Any]) -> None:
        """A subgraph that answers with errors of its own making is as good as down for those fields."""
        if not self._runtime.policies.coordinates:
            return
        for error in errors:
            path = error.get("path") if isinstance(error, dict) else None
            code = (error.get("extensions") or {}).get("code") if isinstance(error, dict) else None
            if not isinstance(path, list) or code in NEVER_HIDDEN:
                continue
            if len(path) >= 1 and not batches and not step.fetch.at:
                for selected in step.fetch.fields:
                    if selected.internal == path[0]:
                        await self._replace(step, selected, _Place(self.data, ()), code, [path[0]])
            batch = next((batch for batch in batches if path and batch.part.alias == path[0]), None)
            if batch is None or len(path) < 3 or not isinstance(path[1], int) or path[1] >= len(batch.found):
                continue
            for place, source, number in self._places(batch, path[1]):
                target, representation = batch.part.targets[number], batch.representations[path[1]]
                at = _Place(source, target.path, batch.part.alias, representation)
                for selected in target.fields:
                    if selected.internal == path[2]:
                        await self._replace(step, selected, at, code, [*place, path[2]])

    async def _replace(self, step: Step, selected: Selected, at: _Place, code: Any, place: list[Any]) -> None:
        path = client_path(self.program.whole, place)
        reason = str(code or "SUBGRAPH_ERROR")
        if await self._fall_back(step.fetch, selected, at, reason, path):
            self.report.withdraw(path)

    def _remember(self, step: Step, batches: list[_Batch]) -> None:
        for selected in step.fetch.fields:
            self._remember_field(step.fetch, selected, _Place(self.data, ()))
        for batch in batches:
            for representation, targets in zip(batch.representations, batch.found, strict=True):
                source, number, _ = targets[0]
                target = batch.part.targets[number]
                at = _Place(source, target.path, batch.part.alias, representation)
                for selected in target.fields:
                    self._remember_field(step.fetch, selected, at)

    def _remember_field(self, fetch: Fetch, selected: Selected, at: _Place) -> None:
        policies = self._runtime.policies
        if not policies.keeps(fetch.service, f"{selected.type}.{selected.name}"):
            return
        value = at.found.get(selected.internal)
        shape = locate(self.program.whole, at.path)
        field = shape.find(selected.internal) if shape is not None else None
        if value is not None and value != _NULL and field is not None and _begins_well(value, field):
            asked = asked_of(fetch, at.alias, selected, self._variables)
            policies.keep(fetch.service, selected, self._request.identity, at.representation, value, asked)


def _give(entity: dict[str, Any], targets: list[tuple[dict[str, Any], int, int]]) -> None:
    """Joins an entity to the objects that it stands for. Different places select different things below: no sharing."""
    parts: dict[int, dict[str, Any]] = {}
    for source, number, _ in targets:
        if number not in parts:
            parts[number] = copy_tree(entity) if parts else entity
        merge_object(source, parts[number])


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


def _begins_well(value: Any, field: FieldShape) -> bool:
    """Whether what passes through is an object or a list where the schema has one."""
    if type(value) is not msgspec.Raw or field.child is None:
        return True
    return bytes(memoryview(value)[:1]) == (b"[" if "[" in field.wrappers else b"{")


def _lacks_key(fields: dict[str, Any]) -> bool:
    """No entity can be asked for by nulls alone."""
    return all(value is None for value in fields.values()) if fields else False


def _applies(selected: Selected, source: dict[str, Any], shape: Any) -> bool:
    typename = source.get("__typename")
    return (
        shape is None
        or typename is None
        or selected.type in {typename, shape.declared}
        or selected.type not in shape.by_type
    )
