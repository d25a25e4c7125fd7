"""Typed settings from the environment, without the start-up time of a settings library."""

from collections.abc import Mapping
from typing import TypeVar

import msgspec

from workers.runtime.errors import Misconfigured

SettingsT = TypeVar("SettingsT", bound=msgspec.Struct)


def read_settings(shape: type[SettingsT], environment: Mapping[str, str]) -> SettingsT:
    """Field `ticketing_url` is read from `TICKETING_URL`. Raises Misconfigured, naming what is absent or wrong."""
    names = {field.name: field.name.upper() for field in msgspec.structs.fields(shape)}
    found = {field: environment[name] for field, name in names.items() if environment.get(name)}
    try:
        return msgspec.convert(found, shape, strict=False)
    except msgspec.ValidationError as exc:
        raise Misconfigured(f"The environment does not fit {shape.__name__}: {exc}") from exc
