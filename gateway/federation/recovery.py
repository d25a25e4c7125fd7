"""What did not come as it should: errors in their places, fallbacks instead, and good values kept for such times."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from gateway.federation.batch import Batch
from gateway.federation.compiler import Step
from gateway.federation.errors import SubgraphFailure
from gateway.federation.fallbacks import NEVER_HIDDEN, FallbackContext, name_as_asked, read_arguments
from gateway.federation.join import find_objects, merge_object
from gateway.federation.planner.plan import Fetch, Selected, asked_of
from gateway.federation.policy import Policies
from gateway.federation.report import Path, Report, client_path, find_paths
from gateway.federation.request import GraphQLRequest
from gateway.federation.shape import FieldShape, ObjectShape

_NULL = msgspec.Raw(b"null")
# A fallback has its value at hand, as a rule; where it has not, the answer does not wait for it any longer.
_FALLBACK_SECONDS = 2.0


@dataclass(slots=True, eq=False)
class _Place:
    """Where fields of a fetch belong: an object, the plan's path to it, and how it was asked for (None at the root)."""

    found: dict[str, Any]
    path: tuple[str, ...]
    alias: str | None = None
    representation: bytes | None = None


class Recovery:
    """For one request: `data` is its answer as it grows, of the shape `whole`."""

    def __init__(
        self,
        whole: ObjectShape,
        data: dict[str, Any],
        report: Report,
        policies: Policies,
        request: GraphQLRequest,
        variables: Mapping[str, Any],
    ) -> None:
        self._whole = whole
        self._data = data
        self._report = report
        self._policies = policies
        self._identity = request.identity
        self._variables = variables

    def note_errors(self, step: Step, batches: list[Batch], errors: list[Any]) -> None:
        for error in errors:
            raw = error.get("path") if isinstance(error, dict) else None
            paths = list(self._client_paths(step, batches, raw)) if isinstance(raw, list) and raw else []
            places: list[Path | None] = [*paths] or [self._place_of(step, batches)]
            for path in places:
                self._report.add_from_subgraph(error, path or None, step.fetch.service)

    def _place_of(self, step: Step, batches: list[Batch]) -> Path | None:
        """Where an error without a path belongs: the only field that the fetch brings, if it is one."""
        if not batches and len(step.fetch.fields) == 1 and not step.fetch.at:
            return client_path(self._whole, [step.fetch.fields[0].internal])
        return None

    def _client_paths(self, step: Step, batches: list[Batch], raw: list[Any]) -> list[Path]:
        batch = next((batch for batch in batches if batch.part.alias == raw[0]), None)
        shape = self._whole
        if batch is None:
            places = find_paths(self._data, step.fetch.at, []) if step.fetch.at else iter([[]])
            return [client_path(shape, [*place, *raw]) for place in places]
        if len(raw) < 2 or not isinstance(raw[1], int) or not 0 <= raw[1] < len(batch.found):
            return []
        return [client_path(shape, [*place, *raw[2:]]) for place, _, _ in batch.places(raw[1], self._data)]

    def note_degraded(self, step: Step, batches: list[Batch], answer: dict[str, Any]) -> None:
        extensions = answer.get("extensions")
        entries = extensions.get("degraded") if isinstance(extensions, dict) else None
        for entry in entries if isinstance(entries, list) else ():
            if isinstance(entry, dict) and isinstance(entry.get("path"), list) and entry["path"]:
                for path in self._client_paths(step, batches, entry["path"]):
                    self._report.degrade(path, str(entry.get("source")), str(entry.get("reason")))

    async def note_failure(self, step: Step, batches: list[Batch], failure: SubgraphFailure) -> None:
        """Every visible field that did not come gets its fallback, or its error."""
        service = step.fetch.service
        extensions = {**failure.extensions, "service": service}
        message = self._report.describe(failure, service)
        shape = self._whole
        blamed = False
        if step.fetch.fields:
            for target in find_objects(self._data, step.fetch.at):
                for selected in step.fetch.fields:
                    path = client_path(shape, [*step.fetch.at, selected.internal])
                    at = _Place(target, step.fetch.at)
                    if not await self._fall_back(step.fetch, selected, at, failure.code, path):
                        self._report.add(message, path, dict(extensions))
                    blamed = True
        for batch in batches:
            for index, representation in enumerate(batch.representations):
                for place, source, number in batch.places(index, self._data):
                    at = _Place(source, batch.part.targets[number].path, batch.part.alias, representation)
                    for selected in batch.part.targets[number].fields:
                        if not _applies(selected, source, shape.at(at.path)):
                            continue
                        path = client_path(shape, [*place, selected.internal])
                        if not await self._fall_back(step.fetch, selected, at, failure.code, path):
                            self._report.add(message, path, dict(extensions))
                        blamed = True
        if not blamed and (not batches or any(batch.representations for batch in batches)):
            self._report.add(message, None, extensions)

    async def _fall_back(self, fetch: Fetch, selected: Selected, at: _Place, code: str, path: Path) -> bool:
        if code in NEVER_HIDDEN or fetch.kind == "mutation":
            return False
        coordinate, policies = f"{selected.type}.{selected.name}", self._policies
        fallback = policies.fallback(fetch.service, coordinate)
        if fallback is None:
            return False
        asked = asked_of(fetch, at.alias, selected, self._variables)
        arguments = read_arguments(fetch, at.alias, selected, self._variables)
        context = FallbackContext(coordinate, self._identity, at.representation, code, asked, arguments)
        try:
            async with asyncio.timeout(_FALLBACK_SECONDS):
                value = await fallback.value(context)
        except (LookupError, TimeoutError):
            return False
        if not policies.keeps(fetch.service, coordinate):
            value = name_as_asked(value, self._field(selected, at))
        merge_object(at.found, {selected.internal: value})
        self._report.degrade(path, fallback.source, code)
        return True

    async def fall_back_on_errors(self, step: Step, batches: list[Batch], errors: list[Any]) -> None:
        """A subgraph that answers with errors of its own making is as good as down for those fields."""
        if not self._policies.coordinates:
            return
        for error in errors:
            path = error.get("path") if isinstance(error, dict) else None
            code = (error.get("extensions") or {}).get("code") if isinstance(error, dict) else None
            if not isinstance(path, list) or code in NEVER_HIDDEN:
                continue
            if len(path) >= 1 and not batches and not step.fetch.at:
                for selected in step.fetch.fields:
                    if selected.internal == path[0]:
                        await self._replace(step, selected, _Place(self._data, ()), code, [path[0]])
            batch = next((batch for batch in batches if path and batch.part.alias == path[0]), None)
            if batch is None or len(path) < 3 or not isinstance(path[1], int) or path[1] >= len(batch.found):
                continue
            for place, source, number in batch.places(path[1], self._data):
                target, representation = batch.part.targets[number], batch.representations[path[1]]
                at = _Place(source, target.path, batch.part.alias, representation)
                for selected in target.fields:
                    if selected.internal == path[2]:
                        await self._replace(step, selected, at, code, [*place, path[2]])

    async def _replace(self, step: Step, selected: Selected, at: _Place, code: Any, place: list[Any]) -> None:
        path = client_path(self._whole, place)
        reason = str(code or "SUBGRAPH_ERROR")
        if await self._fall_back(step.fetch, selected, at, reason, path):
            self._report.withdraw(path)

    def remember(self, step: Step, batches: list[Batch]) -> None:
        for selected in step.fetch.fields:
            self._remember_field(step.fetch, selected, _Place(self._data, ()))
        for batch in batches:
            for representation, targets in zip(batch.representations, batch.found, strict=True):
                source, number, _ = targets[0]
                target = batch.part.targets[number]
                at = _Place(source, target.path, batch.part.alias, representation)
                for selected in target.fields:
                    self._remember_field(step.fetch, selected, at)

    def _remember_field(self, fetch: Fetch, selected: Selected, at: _Place) -> None:
        policies = self._policies
        if not policies.keeps(fetch.service, f"{selected.type}.{selected.name}"):
            return
        value = at.found.get(selected.internal)
        field = self._field(selected, at)
        if value is not None and value != _NULL and field is not None and _begins_well(value, field):
            asked = asked_of(fetch, at.alias, selected, self._variables)
            policies.keep(fetch.service, selected, self._identity, at.representation, value, asked)

    def _field(self, selected: Selected, at: _Place) -> FieldShape | None:
        """How the client sees a field."""
        shapes = self._whole.at(at.path)
        return next((variant for shape in shapes for variant in shape.variants(selected.internal)), None)


def _begins_well(value: Any, field: FieldShape) -> bool:
    """Whether what passes through is an object or a list where the schema has one."""
    if type(value) is not msgspec.Raw or field.child is None:
        return True
    return bytes(memoryview(value)[:1]) == (b"[" if "[" in field.wrappers else b"{")


def _applies(selected: Selected, source: dict[str, Any], shapes: list[ObjectShape]) -> bool:
    """Whether a field is one of the object's type."""
    typename = source.get("__typename")
    if typename is None or not shapes:
        return True
    return any(selected.type in {typename, shape.declared} or selected.type not in shape.by_type for shape in shapes)
