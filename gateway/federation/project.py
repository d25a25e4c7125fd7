"""The quick way to an answer: nothing went wrong, so only names and order are left to see to.

Whatever is not as it should be (a field that never came, a null where the schema allows none) raises `Unexpected`, and
the careful path (`complete.py`) takes over.
"""

from collections.abc import Callable
from operator import itemgetter
from typing import Any

import msgspec

from gateway.federation.join import merge_values
from gateway.federation.planner.ownership import TYPENAME
from gateway.federation.shape import FieldShape, ObjectShape

Projector = Callable[[Any], Any]


class Unexpected(Exception):
    """The answer needs the careful path."""


def make_projector(shape: ObjectShape) -> Projector:
    """A function from a joined object to the client's. It raises Unexpected, KeyError, TypeError or AttributeError."""
    if shape.typename is None and shape.needs_type:
        by_type = {name: _of_fields(shape.by_type.get(name, shape.common)) for name in shape.possible}

        def abstract(value: Any) -> Any:
            project = by_type.get(value[TYPENAME])
            if project is None:
                raise Unexpected
            return project(value)

        return abstract
    return _of_fields(shape.common, shape.typename)


def _of_fields(fields: list[FieldShape], typename: str | None = None) -> Projector:
    constant = [(index, typename) for index, field in enumerate(fields) if field.name == TYPENAME and typename]
    keys = tuple(field.key for field in fields)
    conversions = [(index, _converter(field)) for index, field in enumerate(fields) if _needs_conversion(field)]
    if any(field.also for field in fields) or (constant and len(constant) == len(fields)):
        return _careful(fields, typename)
    internals = [field.internal for field in fields if not (field.name == TYPENAME and typename)]
    if not internals:
        return lambda value: {}
    single = len(internals) == 1
    get = itemgetter(*internals)

    def project(value: Any) -> Any:
        got = [get(value)] if single else list(get(value))
        for index, name in constant:
            got.insert(index, name)
        for index, convert in conversions:
            got[index] = convert(got[index])
        return dict(zip(keys, got, strict=True))

    return project


def _careful(fields: list[FieldShape], typename: str | None) -> Projector:
    plans = [(field, _converter(field) if _needs_conversion(field) else None) for field in fields]

    def project(value: Any) -> Any:
        out: dict[str, Any] = {}
        for field, convert in plans:
            if field.name == TYPENAME and typename is not None:
                out[field.key] = typename
                continue
            part = value[field.internal]
            for other in field.also:
                part = merge_values(part, value.get(other))
            out[field.key] = part if convert is None else convert(part)
        return out

    return project


def _needs_conversion(field: FieldShape) -> bool:
    return field.child is not None or field.judged or field.wrappers[:1] == ("!",)


def _converter(field: FieldShape) -> Projector:
    convert: Projector
    if field.child is not None:
        convert = _passing(make_projector(field.child))
    elif field.judged:
        convert = _judging(field.values or frozenset())
    else:
        return _not_null
    for wrapper in reversed(field.wrappers):
        convert = _required(convert) if wrapper == "!" else _listed(convert)
    return convert


def _not_null(value: Any) -> Any:
    if value is None:
        raise Unexpected
    return value


def _passing(project: Projector) -> Projector:
    def convert(value: Any) -> Any:
        if value is None:
            return None
        return _opened(value, b"{") if type(value) is msgspec.Raw else project(value)

    return convert


def _opened(raw: Any, bracket: bytes) -> Any:
    """A subtree that goes out as it came, if it at least begins as it should."""
    text = memoryview(raw)
    if text[:1] == bracket:
        return raw
    if bytes(text[:4]) == b"null":
        return None
    raise Unexpected


def _judging(values: frozenset[str]) -> Projector:
    def convert(value: Any) -> Any:
        if value is not None and value not in values:
            raise Unexpected
        return value

    return convert


def _required(inner: Projector) -> Projector:
    def convert(value: Any) -> Any:
        done = inner(value)
        if done is None:
            raise Unexpected
        return done

    return convert


def _listed(inner: Projector) -> Projector:
    def convert(value: Any) -> Any:
        if value is None:
            return None
        if type(value) is msgspec.Raw:
            return _opened(value, b"[")
        if type(value) is not list:
            raise Unexpected
        return [inner(item) for item in value]

    return convert


def materialise(value: Any) -> Any:
    """The same tree with every `Raw` decoded, changed in place where it can be."""
    kind = type(value)
    if kind is msgspec.Raw:
        return msgspec.json.decode(value)
    if kind is dict or kind is list:
        for key, part in value.items() if kind is dict else enumerate(value):
            if type(part) in _DEEP:
                value[key] = materialise(part)
    return value


_DEEP = {dict, list, msgspec.Raw}
