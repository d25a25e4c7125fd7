"""A PostgreSQL server of one's own, started and stopped by whoever asked for it: for tests and tools.

The platform itself runs `Cluster.command` under its supervisor instead.
"""

import contextlib
import signal
import socket
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from infra.local.faults import NotReadyInTime, ProcessDied
from infra.local.patience import Patience, cpu_time, log_length
from infra.local.postgres.cluster import APPLICATION_ROLE, Cluster, credentials, prepare_cluster


@dataclass(slots=True)
class PostgresServer:
    cluster: Cluster
    port: int
    process: subprocess.Popen[bytes]
    application_password: str

    def url(self, database: str = "postgres") -> str:
        """The superuser's DSN."""
        return self.cluster.url(self.port, database)

    def application_url(self, database: str) -> str:
        """The SQLAlchemy URL of the services' role."""
        return f"postgresql+asyncpg://{APPLICATION_ROLE}:{self.application_password}@127.0.0.1:{self.port}/{database}"

    def stop(self) -> None:
        """Fast shutdown: open transactions are rolled back, data is written, the process ends."""
        for number, patience in ((signal.SIGINT, 15), (signal.SIGQUIT, 5), (signal.SIGKILL, 5)):
            if self.process.poll() is not None:
                return
            self.process.send_signal(number)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(patience)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def start_postgres(directory: Path, *, password: str, port: int = 0, durable: bool = True) -> PostgresServer:
    """Starts a server whose data lie in `directory`/data (made when absent), on 127.0.0.1; port 0 takes a free one.

    `password` becomes the superuser's when the folder is made, and the application role's at every start.
    Raises a LocalFault; then nothing runs.
    """
    cluster = prepare_cluster(directory, password, durable=durable)
    cluster.end_leftover_server()
    port = port or free_port()
    with (directory / "postgres.log").open("ab") as log:
        process = subprocess.Popen(  # noqa: S603 (our own programs)
            cluster.command(port),
            cwd="/",
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            **credentials(cluster.account),
        )
    server = PostgresServer(cluster, port, process, password)
    try:
        _wait(server, directory / "postgres.log")
        cluster.ensure_role(port, password)
    except BaseException:
        server.stop()
        raise
    return server


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on now."""
    return free_ports(1)[0]


def free_ports(count: int) -> list[int]:
    """Different ports of 127.0.0.1 that nobody listens on now."""
    with contextlib.ExitStack() as held:
        probes = [held.enter_context(socket.socket()) for _ in range(count)]
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [probe.getsockname()[1] for probe in probes]


def _wait(server: PostgresServer, log: Path) -> None:
    patience = Patience(lambda: (log_length(log), cpu_time(server.process.pid)))
    while not server.cluster.accepts_connections():
        if server.process.poll() is not None:
            lines = log.read_text(errors="replace").splitlines() or ["it left no message"]
            raise ProcessDied(f"PostgreSQL ended while starting: {lines[-1]}")
        if patience.is_over():
            raise NotReadyInTime(f"PostgreSQL did not start ({patience.why}): see {log}.")
        time.sleep(0.02)
