"""What tests of several rooms need: a real PostgreSQL server, databases of the services, an emulated AWS."""

import os
import secrets
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadFileScheduling

from infra.local.postgres.binaries import reachable_by_others, server_account
from infra.local.postgres.cluster import APPLICATION_ROLE, Cluster
from infra.local.shared import exclusive, shared_ministack, shared_postgres


class _ModulesWhole(LoadFileScheduling):
    """Modules stay whole on one worker, for what they set up once; the journeys all share one platform."""

    def _split_scope(self, nodeid: str) -> str:
        return "tests/journeys" if nodeid.startswith("tests/journeys/") else str(super()._split_scope(nodeid))


# Not xdist's marks for groups: they rename the tests, which pytest no longer lets them do, and nobody is told.
@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> _ModulesWhole:
    return _ModulesWhole(config, log)


@pytest.fixture(scope="session")
def test_run_directory(testrun_uid: str) -> Path:
    """One folder per test run, the same in all of its xdist workers, reachable by PostgreSQL's account."""
    place = Path(tempfile.gettempdir())
    if server_account() is not None and not reachable_by_others(place):
        place = Path("/var/tmp")
    return place / f"bilhetagem-tests-{os.getuid()}-{testrun_uid}"


@pytest.fixture(scope="session")
def _postgres(test_run_directory: Path) -> Iterator[tuple[Cluster, int, str]]:
    directory = test_run_directory / "postgres"
    with shared_postgres(directory) as state:
        address = urlsplit(state["url"])
        assert address.port is not None
        cluster = Cluster(directory / "data", Path(state["programs"]), server_account(), address.password or "")
        yield cluster, address.port, state["application_url"]


@pytest.fixture(scope="session")
def postgres_url(_postgres: tuple[Cluster, int, str]) -> str:
    """The superuser's DSN (postgresql://…/postgres) of the server that the whole test run shares."""
    cluster, port, _ = _postgres
    return cluster.url(port)


@pytest.fixture(scope="session")
def _database_template(_postgres: tuple[Cluster, int, str], test_run_directory: Path) -> Callable[[str], str]:
    cluster, port, application_url = _postgres

    def template(service: str) -> str:
        name = f"template_{service}"
        with exclusive(test_run_directory / f"{name}.lock"):
            if not cluster.run_sql(port, f"SELECT 1 FROM pg_database WHERE datname = '{name}';"):
                making = f"{name}_{secrets.token_hex(4)}"
                cluster.ensure_databases(port, (making,))
                environment = {**os.environ, "DATABASE_URL": application_url + making}
                migration = subprocess.run(
                    [sys.executable, "-m", "subgraphs.chassis.migrate", service],
                    env=environment,
                    capture_output=True,
                    text=True,
                    timeout=120,
                    check=False,
                )
                assert migration.returncode == 0, f"migrations of {service} failed:\n{migration.stderr[-4000:]}"
                cluster.run_sql(port, f"ALTER DATABASE {making} RENAME TO {name};")
        return name

    return template


@pytest.fixture(scope="session")
def _create_database(
    _postgres: tuple[Cluster, int, str], _database_template: Callable[[str], str]
) -> Iterator[Callable[[str], str]]:
    cluster, port, application_url = _postgres

    def create(service: str) -> str:
        template = _database_template(service)
        name = f"{service}_{secrets.token_hex(6)}"
        cluster.run_sql(port, f"CREATE DATABASE {name} TEMPLATE {template} OWNER {APPLICATION_ROLE};")
        return application_url + name

    return create


@pytest.fixture(scope="module")
def database(
    _postgres: tuple[Cluster, int, str], _create_database: Callable[[str], str]
) -> Iterator[Callable[[str], str]]:
    """`database("ticketing")` → postgresql+asyncpg URL of a migrated, empty copy; one per service and test module."""
    yield from _dropping_afterwards(_postgres, _create_database)


@pytest.fixture
def fresh_database(
    _postgres: tuple[Cluster, int, str], _create_database: Callable[[str], str]
) -> Iterator[Callable[[str], str]]:
    """The same as `database`, with a copy of its own for every test."""
    yield from _dropping_afterwards(_postgres, _create_database)


def _dropping_afterwards(
    postgres: tuple[Cluster, int, str], create: Callable[[str], str]
) -> Iterator[Callable[[str], str]]:
    cluster, port, _ = postgres
    made: dict[str, str] = {}

    def url_of(service: str) -> str:
        if service not in made:
            made[service] = create(service)
        return made[service]

    yield url_of
    for url in made.values():
        cluster.run_sql(port, f"DROP DATABASE IF EXISTS {url.rpartition('/')[2]} WITH (FORCE);")


@pytest.fixture(scope="session")
def aws_endpoint(test_run_directory: Path) -> Iterator[str]:
    """The endpoint of an emulated AWS with nothing deployed, shared by the whole test run: name things uniquely.

    Region sa-east-1, credentials test/test.
    """
    with shared_ministack(test_run_directory / "ministack") as state:
        yield state["endpoint"]
