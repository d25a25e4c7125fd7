"""``python -m subgraphs.chassis.event_schema SERVICE`` prints the JSON Schema of its events; ``--write`` keeps it.

The service's ``events.py`` declares ``EVENTS: dict[str, type[msgspec.Struct]]``, event type to the shape of its data.
"""

from __future__ import annotations

import json
import sys
from importlib import import_module
from pathlib import Path

from subgraphs.chassis.events import schema_document


def event_schema(service: str) -> str:
    """What ``subgraphs/<service>/events.schema.json`` must hold."""
    types = import_module(f"subgraphs.{service}.events").EVENTS
    return json.dumps(schema_document(service, types), indent=2, ensure_ascii=False) + "\n"


def event_schema_path(service: str) -> Path:
    """Where it is committed."""
    return Path(__file__).parent.parent / service / "events.schema.json"


if __name__ == "__main__":
    services = [argument for argument in sys.argv[1:] if argument != "--write"]
    if not services:
        sys.exit(__doc__)
    for name in services:
        if "--write" in sys.argv:
            event_schema_path(name).write_text(event_schema(name), encoding="utf-8")
        else:
            sys.stdout.write(event_schema(name))
