"""The servers that a test run shares: started once, gone with their last user however it ends."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import asyncpg
import boto3
import pytest

from infra.local.shared import shared_postgres

_HOLDER = """
import pathlib, sys, time
from infra.local.shared import shared_postgres
with shared_postgres(pathlib.Path(sys.argv[1])) as state:
    print(state["url"], flush=True)
    time.sleep(60)
"""


async def test_a_statement_runs_on_the_shared_server(postgres_url: str) -> None:
    connection = await asyncpg.connect(postgres_url)
    try:
        assert await connection.fetchval("SELECT lower('SÃO PAULO')") == "são paulo"
        assert await connection.fetchval("SHOW listen_addresses") == "127.0.0.1"
    finally:
        await connection.close()


def test_the_emulated_aws_answers_with_nothing_deployed(aws_endpoint: str) -> None:
    client = boto3.client(
        "cloudformation",
        endpoint_url=aws_endpoint,
        region_name="sa-east-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )
    assert client.list_stacks()["StackSummaries"] == []


@pytest.fixture
def directory(test_run_directory: Path) -> Path:
    return test_run_directory / f"own-{os.getpid()}-{time.monotonic_ns()}"


def test_the_server_ends_with_its_last_user_even_when_that_is_killed(directory: Path) -> None:
    """Given two users of which one is killed, when the other leaves, then server and folder are gone."""
    holder = subprocess.Popen(
        [
            sys.executable,
            "-c",
            _HOLDER,
            str(directory),
        ],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert holder.stdout is not None
    with holder.stdout as lines:
        url_seen_by_the_other = lines.readline().strip()
        with shared_postgres(directory) as state:
            assert state["url"] == url_seen_by_the_other
            postmaster = int((directory / "data" / "postmaster.pid").read_text().splitlines()[0])
            os.kill(holder.pid, signal.SIGKILL)
            holder.wait()
            os.kill(postmaster, 0)
    deadline = time.monotonic() + 60
    while directory.exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not directory.exists()
    with pytest.raises(ProcessLookupError):
        os.kill(postmaster, 0)
