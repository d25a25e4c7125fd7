"""A data folder of PostgreSQL: made whole or not at all, checked before use, prepared again as often as wanted."""

import contextlib
import os
import secrets
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from infra.local.faults import DataFolderHalfMade, HomeUnusable, ProcessDied
from infra.local.postgres.binaries import Account, programs, reachable_by_others, server_account

APPLICATION_ROLE = "bilhetagem"
_SUPERUSER = "postgres"
_STATUS_LINE = 7  # of postmaster.pid
# Every folder that `initdb` makes early and that a usable cluster has; PG_VERSION alone appears before the rest.
_MARKS_OF_A_WHOLE_CLUSTER = ("PG_VERSION", "global/pg_control", "base/1", "postgresql.conf", "pg_hba.conf")
# Losing a test's database in a power cut is no loss; losing a person's demo orders would be.
_SPEED_OVER_DURABILITY = ("fsync=off", "synchronous_commit=off", "full_page_writes=off")


@dataclass(frozen=True, slots=True)
class Cluster:
    """`data` is the server's own folder; `password` is the superuser's (role `postgres`)."""

    data: Path
    programs: Path
    account: Account | None
    password: str
    durable: bool = True

    def command(self, port: int) -> list[str]:
        """The server in the foreground, on 127.0.0.1 only and without a Unix socket (paths of sockets are limited)."""
        settings = [
            f"port={port}",
            "listen_addresses=127.0.0.1",
            "unix_socket_directories=",
            "max_connections=200",
            "shared_buffers=64MB",
            "jit=off",
            "log_timezone=UTC",
            "timezone=UTC",
            *(() if self.durable else _SPEED_OVER_DURABILITY),
        ]
        return [str(self.programs / "postgres"), "-D", str(self.data), *(part for s in settings for part in ("-c", s))]

    def url(self, port: int, database: str = "postgres", *, scheme: str = "postgresql") -> str:
        """The superuser's address of a database."""
        return f"{scheme}://{_SUPERUSER}:{self.password}@127.0.0.1:{port}/{database}"

    def accepts_connections(self) -> bool:
        """Whether the server of this folder says that it is ready."""
        lines = self._lock_file_lines()
        return len(lines) > _STATUS_LINE and lines[_STATUS_LINE].strip() == "ready"

    def run_sql(self, port: int, sql: str, database: str = "postgres") -> str:
        """Runs statements as superuser through `psql` and returns its unaligned output; any error stops it.

        Raises ProcessDied with the server's message.
        """
        result = subprocess.run(  # noqa: S603 (our own programs)
            [
                str(self.programs / "psql"),
                *("--no-psqlrc", "--quiet", "--no-align", "--tuples-only", "--set=ON_ERROR_STOP=1"),
                *("--host=127.0.0.1", f"--port={port}", f"--username={_SUPERUSER}", f"--dbname={database}"),
            ],
            env={"PGPASSWORD": self.password, "PGCONNECT_TIMEOUT": "10", "PATH": os.defpath},
            input=sql,
            text=True,
            capture_output=True,
            timeout=60,
            check=False,
        )
        if result.returncode != 0:
            raise ProcessDied(f"PostgreSQL refused a statement: {result.stderr.strip() or result.returncode}.")
        return result.stdout.strip()

    def ensure_role(self, port: int, password: str) -> None:
        """The role the services sign in with; it owns their databases and is no superuser."""
        literal = "'" + password.replace("'", "''") + "'"
        self.run_sql(
            port,
            f"""DO $$ BEGIN CREATE ROLE {APPLICATION_ROLE} LOGIN; EXCEPTION WHEN duplicate_object THEN NULL; END $$;
            ALTER ROLE {APPLICATION_ROLE} WITH LOGIN PASSWORD {literal};""",
        )

    def ensure_databases(self, port: int, names: tuple[str, ...]) -> None:
        """Creates the databases that are missing, owned by the application's role."""
        present = set(self.run_sql(port, "SELECT datname FROM pg_database;").splitlines())
        statements = [f'CREATE DATABASE "{name}" OWNER {APPLICATION_ROLE};' for name in names if name not in present]
        if statements:
            self.run_sql(port, "\n".join(statements))

    def end_leftover_server(self) -> None:
        """Clears what an earlier run left in the folder: a server still running, or a lock file without one.

        Only for whoever owns the folder now. PostgreSQL by itself refuses to start when the recorded pid has been
        given to another process since, which is usual in containers.
        """
        lines = self._lock_file_lines()
        pid = int(lines[0]) if lines and lines[0].strip().isdigit() else 0
        if pid and self._is_our_server(pid):
            os.kill(pid, signal.SIGINT)  # fast shutdown
            if not _comes_true(lambda: not self._is_our_server(pid), 20):
                raise HomeUnusable(f"An earlier PostgreSQL server (process {pid}) of {self.data} does not end.")
        self._end_orphans()
        (self.data / "postmaster.pid").unlink(missing_ok=True)

    def _end_orphans(self) -> None:
        """Ends the connections' processes of a server that was killed: its data must have one server only.

        They are in sessions of their own, so that no signal to the server's group reaches them, and they notice its
        death only between two statements. They work in the data folder, by which they are known (on Linux; elsewhere
        the new server waits for them, and is started again until they are gone).
        """
        for number, patience in ((signal.SIGQUIT, 5), (signal.SIGKILL, 5)):
            for pid in self._inhabitants():
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, number)
            if _comes_true(lambda: not self._inhabitants(), patience):
                return
        raise HomeUnusable(f"Processes of an earlier PostgreSQL server of {self.data} do not end.")

    def _inhabitants(self) -> list[int]:
        """The processes whose working folder is the data folder, but zombies."""
        found = []
        for process in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                if (process / "cwd").readlink() == self.data.resolve():
                    found.append(int(process.name))
        return found

    def _is_our_server(self, pid: int) -> bool:
        try:
            command = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except FileNotFoundError:
            if Path("/proc/self").exists():
                return False
            listing = subprocess.run(  # noqa: S603
                ["/bin/ps", "-p", str(pid), "-o", "command="], capture_output=True, text=True, timeout=5, check=False
            )
            command = listing.stdout
        return "postgres" in command and str(self.data) in command

    def _lock_file_lines(self) -> list[str]:
        try:
            return (self.data / "postmaster.pid").read_text().splitlines()
        except FileNotFoundError:
            return []


def _comes_true(what: Callable[[], bool], seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while not (true := what()) and time.monotonic() < deadline:
        time.sleep(0.05)
    return true


def prepare_cluster(directory: Path, password: str, *, durable: bool = True) -> Cluster:
    """Makes the data folder below `directory`, or checks the one that is there; about 1 s the first time.

    Raises DataFolderHalfMade when something unusable lies there, HomeUnusable when the server's account could not get
    there: no permission of an existing folder is ever changed.
    """
    cluster = Cluster(directory / "data", programs(), server_account(), password, durable)
    if cluster.account is not None and not reachable_by_others(directory.parent):
        raise HomeUnusable(
            f"The account that PostgreSQL runs as cannot enter {directory.parent}: choose another --home."
        )
    try:
        directory.mkdir(mode=0o711, parents=True, exist_ok=True)
        if cluster.data.exists():
            _check(cluster.data, cluster.programs)
        else:
            _initialise(cluster)
    except PermissionError as exc:
        raise HomeUnusable(f"{exc.filename or directory} cannot be written: choose another --home.") from exc
    return cluster


def _check(data: Path, programs_folder: Path) -> None:
    missing = [mark for mark in _MARKS_OF_A_WHOLE_CLUSTER if not (data / mark).exists()]
    if missing:
        raise DataFolderHalfMade(
            f"The data folder {data} is only half made (no {missing[0]}): begin anew with `bilhetagem up --fresh`."
        )
    there = (data / "PG_VERSION").read_text().strip()
    ours = _major_version(programs_folder)
    if there != ours:
        raise DataFolderHalfMade(
            f"The data folder {data} was made by PostgreSQL {there}, and this is {ours}: "
            "begin anew with `bilhetagem up --fresh`."
        )


def _major_version(programs_folder: Path) -> str:
    # The server's headers and libraries carry the version too, but only this file is read by the server itself.
    sample = programs_folder.parent / "share"
    for candidate in (sample / "postgres.bki", sample / "postgresql" / "postgres.bki"):
        if candidate.exists():
            with candidate.open() as lines:
                return lines.readline().split()[-1]
    raise HomeUnusable(f"{programs_folder} holds no whole PostgreSQL.")


def _initialise(cluster: Cluster) -> None:
    """`initdb` works in a folder of its own that gets its name when it is whole, so that no crash leaves half a one."""
    directory = cluster.data.parent
    for leftover in directory.glob("data.partial-*"):
        shutil.rmtree(leftover, ignore_errors=True)
    partial = directory / f"data.partial-{secrets.token_hex(4)}"
    partial.mkdir(mode=0o700)
    password_file = directory / f"{partial.name}.password"
    password_file.touch(mode=0o600)
    password_file.write_text(cluster.password)
    if cluster.account is not None:
        os.chown(partial, cluster.account.uid, cluster.account.gid)
        os.chown(password_file, cluster.account.uid, cluster.account.gid)
    try:
        result = subprocess.run(  # noqa: S603 (our own programs)
            [
                str(cluster.programs / "initdb"),
                f"--pgdata={partial}",
                f"--username={_SUPERUSER}",
                f"--pwfile={password_file}",
                *("--auth=scram-sha-256", "--encoding=UTF8", "--no-instructions"),
                # The same order and case folding on every machine, whatever locales it has.
                *("--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C"),
                *(() if cluster.durable else ("--no-sync",)),
            ],
            cwd="/",
            text=True,
            capture_output=True,
            timeout=120,
            check=False,
            start_new_session=True,
            **credentials(cluster.account),
        )
    finally:
        password_file.unlink(missing_ok=True)
    if result.returncode != 0:
        shutil.rmtree(partial, ignore_errors=True)
        raise HomeUnusable(f"PostgreSQL could not make its data folder: {result.stderr.strip().splitlines()[-1]}")
    partial.rename(cluster.data)


def credentials(account: Account | None) -> dict[str, Any]:
    """What `subprocess` takes to start a child as another account; nothing for one's own."""
    return {} if account is None else {"user": account.uid, "group": account.gid, "extra_groups": []}
