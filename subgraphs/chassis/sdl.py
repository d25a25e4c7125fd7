"""``python -m subgraphs.chassis.sdl SERVICE`` prints its SDL; ``--write`` keeps it in its ``schema.graphql``."""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path


def sdl(service: str) -> str:
    """The SDL of ``subgraphs.<service>.schema.schema``, as composition takes it."""
    printed: str = import_module(f"subgraphs.{service}.schema").schema.as_str()
    return printed.strip() + "\n"


def sdl_path(service: str) -> Path:
    """Where the SDL is committed."""
    return Path(__file__).parent.parent / service / "schema.graphql"


if __name__ == "__main__":
    services = [argument for argument in sys.argv[1:] if argument != "--write"]
    if not services:
        sys.exit(__doc__)
    for name in services:
        if "--write" in sys.argv:
            sdl_path(name).write_text(sdl(name), encoding="utf-8")
        else:
            sys.stdout.write(sdl(name))
