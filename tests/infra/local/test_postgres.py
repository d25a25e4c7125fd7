"""A PostgreSQL server in a folder of ours: it survives restarts, and unusable folders are told in one sentence."""

import asyncio
import os
import secrets
import signal
import stat
import subprocess
from collections.abc import Callable
from pathlib import Path

import asyncpg
import pytest

from infra.local.faults import DataFolderHalfMade, HomeUnusable, ProcessDied
from infra.local.postgres import PostgresServer, start_postgres
from infra.local.postgres.binaries import server_account

PASSWORD = secrets.token_hex(8)


def start(place: Path) -> PostgresServer:
    return start_postgres(place, password=PASSWORD, durable=False)


def test_data_survive_a_restart(place: Path) -> None:
    with start(place) as server:
        server.cluster.ensure_databases(server.port, ("ticketing",))
        server.cluster.run_sql(server.port, "CREATE TABLE t (x int); INSERT INTO t VALUES (42);", "ticketing")
    with start(place) as server:
        server.cluster.ensure_databases(server.port, ("ticketing",))
        assert server.cluster.run_sql(server.port, "SELECT x FROM t;", "ticketing") == "42"


async def test_the_services_role_owns_its_database_and_nothing_else(place: Path) -> None:
    with start(place) as server:
        server.cluster.ensure_databases(server.port, ("ticketing",))
        connection = await asyncpg.connect(server.application_url("ticketing").replace("+asyncpg", ""))
        try:
            await connection.execute("CREATE TABLE mine (x int)")
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await connection.execute("CREATE DATABASE another")
        finally:
            await connection.close()


async def test_nobody_comes_in_without_the_password(place: Path) -> None:
    with start(place) as server, pytest.raises(asyncpg.InvalidPasswordError):
        await asyncpg.connect(server.url().replace(PASSWORD, "guess"))


def test_no_folder_of_others_is_opened_up(place: Path) -> None:
    place.mkdir(mode=0o711)
    before = {folder: stat.S_IMODE(folder.stat().st_mode) for folder in (place, *place.parents)}
    with start(place / "postgres") as server:
        assert stat.S_IMODE(server.cluster.data.stat().st_mode) == 0o700
    assert {folder: stat.S_IMODE(folder.stat().st_mode) for folder in (place, *place.parents)} == before


@pytest.mark.skipif(server_account() is None, reason="only root lends PostgreSQL another account")
def test_a_folder_behind_a_closed_one_is_refused_rather_than_opened(place: Path) -> None:
    place.mkdir(mode=0o700)
    with pytest.raises(HomeUnusable, match="cannot enter"):
        start(place / "postgres")
    assert stat.S_IMODE(place.stat().st_mode) == 0o700


@pytest.mark.parametrize("missing", ["PG_VERSION", "global/pg_control", "pg_hba.conf"])
def test_a_half_made_data_folder_is_told_in_one_sentence(place: Path, missing: str) -> None:
    with start(place):
        pass
    (place / "data" / missing).unlink()
    with pytest.raises(DataFolderHalfMade, match="bilhetagem up --fresh") as refusal:
        start(place)
    assert "\n" not in str(refusal.value)


def test_an_empty_data_folder_is_half_made_too(place: Path) -> None:
    (place / "data").mkdir(parents=True)
    with pytest.raises(DataFolderHalfMade):
        start(place)


def test_data_of_another_version_are_not_touched(place: Path) -> None:
    with start(place):
        pass
    (place / "data" / "PG_VERSION").write_text("12\n")
    with pytest.raises(DataFolderHalfMade, match="PostgreSQL 12"):
        start(place)


def test_what_an_interrupted_initialisation_left_is_cleared(place: Path) -> None:
    (place / "data.partial-dead").mkdir(parents=True)
    with start(place):
        assert not (place / "data.partial-dead").exists()


def test_a_lock_file_whose_pid_is_another_process_now_is_ignored(place: Path) -> None:
    with start(place) as server:
        lines = (server.cluster.data / "postmaster.pid").read_text().splitlines()
    with subprocess.Popen(["/bin/sleep", "60"]) as other:
        stale = place / "data" / "postmaster.pid"
        stale.write_text("\n".join([str(other.pid), *lines[1:]]) + "\n")
        with start(place) as server:
            assert server.cluster.run_sql(server.port, "SELECT 1;") == "1"
        assert other.poll() is None
        other.kill()


def test_a_server_that_a_killed_run_left_is_ended_first(place: Path, gone: Callable[[int, float], bool]) -> None:
    leftover = start(place)
    with start(place) as server:
        assert leftover.process.wait(60) == 0
        assert server.cluster.run_sql(server.port, "SELECT 1;") == "1"
    assert gone(server.process.pid, 60)


def test_a_refused_statement_tells_the_servers_reason(place: Path) -> None:
    with start(place) as server, pytest.raises(ProcessDied, match="syntax error"):
        server.cluster.run_sql(server.port, "SELEC 1;")


def test_a_server_that_cannot_start_leaves_nothing_running(place: Path) -> None:
    with start(place) as server:
        with pytest.raises(ProcessDied, match="PostgreSQL ended while starting"):
            start_postgres(place.with_name(place.name + "-b"), password=PASSWORD, port=server.port, durable=False)
        other = place.with_name(place.name + "-b")
        assert not (other / "data" / "postmaster.pid").exists()
        os.kill(server.process.pid, signal.SIGCONT)
    subprocess.run(["rm", "-r", str(other)], check=True)


async def test_after_a_killed_server_no_orphan_meets_the_next_one(
    place: Path, gone: Callable[[int, float], bool]
) -> None:
    """A connection's process outlives its server while it works: it is ended before the next server starts."""
    with start(place) as server:
        server.cluster.ensure_databases(server.port, ("ticketing",))
        server.cluster.run_sql(server.port, "CREATE TABLE t (x int); INSERT INTO t VALUES (42);", "ticketing")
        busy = await asyncpg.connect(server.application_url("ticketing").replace("+asyncpg", ""))
        pid = await busy.fetchval("SELECT pg_backend_pid()")
        working = asyncio.create_task(busy.execute("SELECT sum(x) FROM generate_series(1, 1000000000000) AS s(x)"))
        await asyncio.sleep(0.2)
        os.kill(server.process.pid, signal.SIGKILL)
        server.process.wait()
        assert not gone(pid, 0)
        with start(place) as next_server:
            assert gone(pid, 0)
            assert next_server.cluster.run_sql(next_server.port, "SELECT x FROM t;", "ticketing") == "42"
        await asyncio.gather(working, return_exceptions=True)
        busy.terminate()
