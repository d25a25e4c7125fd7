"""The demo: who signs in, what the defaults suggest, and which services have data to load."""

import importlib.util
import json

from subgraphs.chassis.demo import demo_id

CUSTOMER_EMAIL = "ana@bilhetagem.example"
OPERATOR_EMAIL = "olivia@bilhetagem.example"

QUERY = (
    '{ events(first: 3, where: { city: "São Paulo" }) { edges { node { name kind '
    "sessions(first: 2) { startsAt sectors { name price { formatted } available } } } } } }"
)


def suggestions_default() -> str:
    """The JSON of the parameter that the gateway answers with while the suggestions service is away."""
    from subgraphs.concessions.demo import DEFAULT_SUGGESTIONS

    items = [{"type": "PRODUCT", "id": str(demo_id("product", slug))} for slug in DEFAULT_SUGGESTIONS]
    return json.dumps({"version": 1, "items": items}, separators=(",", ":"))


def has_demo(service: str) -> bool:
    """Whether the service brings `subgraphs/<service>/demo.py`, which loads through its own room."""
    return importlib.util.find_spec(f"subgraphs.{service}.demo") is not None
