"""Stripe's form encoding: ``metadata[payment_id]=1&expand[0]=latest_charge`` as nested dictionaries and lists."""

from __future__ import annotations

import re
from typing import Any, Final
from urllib.parse import parse_qsl

_NAME: Final = re.compile(r"([^\[\]]+)((?:\[[^\[\]]*\])*)")
MAX_FIELDS: Final = 200


class MalformedForm(ValueError):
    pass


def read_form(text: str) -> dict[str, Any]:
    """Raises ``MalformedForm``. Every value is a string; ``a[]`` and ``a[0]`` make lists."""
    result: dict[str, Any] = {}
    try:
        pairs = parse_qsl(text, keep_blank_values=True, max_num_fields=MAX_FIELDS)
    except ValueError as exc:
        raise MalformedForm("too many fields") from exc
    for name, value in pairs:
        found = _NAME.fullmatch(name)
        if found is None:
            raise MalformedForm(f"{name!r} is not a parameter's name")
        _put(result, [found[1], *re.findall(r"\[([^\[\]]*)\]", found[2])], value)
    return {name: _with_lists(value) for name, value in result.items()}


def _put(target: dict[str, Any], path: list[str], value: str) -> None:
    for step in path[:-1]:
        target = target.setdefault(step, {})
        if not isinstance(target, dict):
            raise MalformedForm("a parameter is both a value and a group")
    last = path[-1] or str(len(target))
    target[last] = value


def _with_lists(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    inner = {name: _with_lists(item) for name, item in value.items()}
    return list(inner.values()) if inner and all(name.isdigit() for name in inner) else inner
