"""The public audits of GraphQL over HTTP (npm's graphql-http) against the door behind a real server."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from gateway.federation import Engine, InProcessTransport
from gateway.http import GraphQLDoor
from infra.local.node import install_packages, node_program
from tests.gateway.http.conftest import LIMITS, SUPERGRAPH, Behind, authenticate
from tests.gateway.serving import serve

_AUDITS = Path(__file__).parent / "audits"
_SECONDS = 60
# fmt: off
IDS = (
    "22EB", "4655", "47DE", "80D8", "82A3", "BF61", "78D5", "2C94", "5A70", "9C48", "9ABE", "03D4",
    "A5BF", "423L", "LKJ0", "LKJ1", "LKJ2", "LKJ3", "34A2", "13EE", "6C00", "6C01", "6C02", "6C03",
    "8161", "B8B3", "94B0", "0220", "94B1", "0221", "94B2", "0222", "4760", "4761", "4762", "4763",
    "2EA1", "28B9", "D6D5", "6A70", "58B0", "58B1", "58B2", "58B3", "428F", "1B7A", "B6DC", "BCF8",
    "B7N8", "8764", "3E3A", "572B", "FDE2", "7B9B", "865D", "556A", "D586", "51FE", "74FF", "5E5B",
    "86EE",
)
# fmt: on


async def run_audits() -> list[dict[str, Any]]:
    behind = Behind()
    engine = Engine(SUPERGRAPH, transports={"a": InProcessTransport(behind.answer, behind.events)})
    async with serve(GraphQLDoor(engine, authenticate, limits=LIMITS), lifespan="off") as address:
        process = await asyncio.create_subprocess_exec(
            node_program(),
            str(_AUDITS / "audit.mjs"),
            f"http://{address}/graphql",
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        try:
            async with asyncio.timeout(_SECONDS):
                out, told = await process.communicate()
        except TimeoutError:
            process.kill()
            await process.wait()
            raise
    assert process.returncode == 0, told.decode()
    found: list[dict[str, Any]] = json.loads(out)
    return found


@pytest.fixture(scope="module")
def verdicts() -> dict[str, dict[str, Any]]:
    """What each audit found, by its id; all are run once."""
    install_packages(_AUDITS)
    with asyncio.Runner() as runner:
        return {audit["id"]: audit for audit in runner.run(run_audits())}


def test_every_audit_is_known(verdicts: dict[str, dict[str, Any]]) -> None:
    """Sixty-one, each with a test of its own below: a new release cannot bring one that nobody looks at."""
    assert len(verdicts) == 61
    assert set(verdicts) == set(IDS)


@pytest.mark.parametrize("audit", IDS)
def test_the_audit_passes(verdicts: dict[str, dict[str, Any]], audit: str) -> None:
    """`ok` only: what the specification merely recommends (`warn`, `notice`) is held to as well."""
    found = verdicts[audit]
    assert found["status"] == "ok", f"{audit} {found['name']}: {found['reason']}"
