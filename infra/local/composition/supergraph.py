"""The inputs of the composition, the composition itself, and where its two outputs are kept."""

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from graphql import print_ast

from gateway.federation import INCREMENTAL_DIRECTIVES
from infra.local.faults import LocalFault
from infra.local.node import install_packages, node_program

CHECKOUT: Final = Path(__file__).resolve().parents[3]
SUPERGRAPH: Final = CHECKOUT / "gateway" / "supergraph.graphql"
SCHEMA: Final = CHECKOUT / "schema.graphql"
SUBGRAPHS: Final = ("ticketing", "concessions", "customers", "suggestions", "payments", "notifications")
EXPERIENCE: Final = "experience"

_FOLDER: Final = Path(__file__).parent
_COMPOSE_SECONDS: Final = 60
_HEADER: Final = "# Composed from the subgraphs by `bilhetagem schema compose`; not edited by hand.\n\n"


class CompositionFailed(LocalFault):
    """The subgraphs do not fit together; the message has every reason."""


@dataclass(frozen=True, slots=True)
class Composed:
    """Both as they are kept in the repository."""

    supergraph: str
    schema: str


def sdl_files() -> dict[str, Path]:
    """Where each subgraph's SDL is kept, by name."""
    files = {name: CHECKOUT / "subgraphs" / name / "schema.graphql" for name in SUBGRAPHS}
    return {**files, EXPERIENCE: CHECKOUT / "gateway" / "experience" / "schema.graphql"}


def printed_sdl(name: str) -> str:
    """What the code of a subgraph says now."""
    if name == EXPERIENCE:
        from gateway.experience.schema import build_schema

        return build_schema().as_str().strip() + "\n"
    from subgraphs.chassis.sdl import sdl

    return sdl(name)


def compose(sdls: dict[str, str]) -> Composed:
    """Compose SDL by subgraph name. Raises ``CompositionFailed``; ``LocalFault`` when Node or its packages are missing.

    Addresses in the supergraph are names only: the gateway is told by its environment where a subgraph is.
    """
    install_packages(_FOLDER)
    services = [
        {
            "name": name,
            "url": f"inproc:{name}" if name == EXPERIENCE else f"http://{name}/graphql",
            "sdl": text,
        }
        for name, text in sdls.items()
    ]
    ran = subprocess.run(  # noqa: S603 (our own arguments)
        [node_program(), str(_FOLDER / "compose.mjs")],
        input=json.dumps(services),
        capture_output=True,
        text=True,
        timeout=_COMPOSE_SECONDS,
        check=False,
    )
    if ran.returncode != 0:
        raise LocalFault(f"The composition tool failed: {ran.stderr.strip()[-1000:]}")
    answer = json.loads(ran.stdout)
    if "errors" in answer:
        raise CompositionFailed("The subgraphs do not compose:\n" + "\n".join(f"  {one}" for one in answer["errors"]))
    # The gateway serves these whatever the subgraphs do: clients' tools look for them in the schema.
    public = "\n\n".join([*map(print_ast, INCREMENTAL_DIRECTIVES), answer["schema"].strip()])
    return Composed(_HEADER + answer["supergraph"].strip() + "\n", _HEADER + public + "\n")
