"""The parameters of a GraphQL request, from a JSON body or from a URL (GraphQL over HTTP draft, "Request")."""

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import parse_qsl

import msgspec

from gateway.http.refusals import HttpRefusal

_NAMES: Final = ("query", "operationName", "variables", "extensions")


class Parameters(msgspec.Struct, frozen=True):
    query: str
    operation_name: str | None = msgspec.field(default=None, name="operationName")
    variables: dict[str, Any] | None = None
    extensions: dict[str, Any] | None = None


_decode = msgspec.json.Decoder().decode
_decode_parameters = msgspec.json.Decoder(Parameters).decode


def read_json(body: bytes) -> Parameters:
    """Raises HttpRefusal (400) for what is no JSON object with a query, and for a batch."""
    try:
        return _decode_parameters(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return _explain(body)


def _explain(body: bytes) -> Parameters:
    """What is wrong with a body, in our words."""
    try:
        values = _decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as exc:
        raise HttpRefusal(400, "The request body is not JSON.") from exc
    if isinstance(values, list):
        raise HttpRefusal(400, "Batched requests are not answered here: send one operation for each request.")
    if not isinstance(values, dict):
        raise HttpRefusal(400, "The request body is not a JSON object.")
    return check_parameters(values)


def read_url(query_string: bytes) -> Parameters:
    """Raises HttpRefusal (400). Parameters with other names are left alone."""
    try:
        pairs = parse_qsl(
            query_string.decode("ascii"),
            keep_blank_values=True,
            encoding="utf-8",
            errors="strict",
            max_num_fields=50,
        )
    except ValueError as exc:
        raise HttpRefusal(400, "The URL's parameters cannot be read.") from exc
    values: dict[str, Any] = {}
    for name, value in pairs:
        if name not in _NAMES:
            continue
        if name in values:
            raise HttpRefusal(400, f"The parameter {name} is given twice.")
        values[name] = value
    for name in ("variables", "extensions"):
        if name in values:
            values[name] = _read_map(name, values[name])
    if values.get("operationName") == "":
        del values["operationName"]
    return check_parameters(values)


def _read_map(name: str, text: str) -> Any:
    if not text:
        return None
    try:
        return _decode(text)
    except (msgspec.DecodeError, RecursionError) as exc:
        raise HttpRefusal(400, f"The parameter {name} is not JSON.") from exc


def check_parameters(values: Mapping[str, Any]) -> Parameters:
    """Raises HttpRefusal (400) for a parameter that is missing or of a wrong type."""
    query = values.get("query")
    if not isinstance(query, str):
        raise HttpRefusal(400, "The parameter query must be a string.")
    operation_name = values.get("operationName")
    if operation_name is not None and not isinstance(operation_name, str):
        raise HttpRefusal(400, "The parameter operationName must be a string.")
    for name in ("variables", "extensions"):
        if values.get(name) is not None and not isinstance(values[name], dict):
            raise HttpRefusal(400, f"The parameter {name} must be a JSON object.")
    return Parameters(query, operation_name, values.get("variables"), values.get("extensions"))
