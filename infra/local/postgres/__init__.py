"""A real PostgreSQL server from a PyPI wheel, as child process, in a folder of ours."""

from infra.local.postgres.cluster import APPLICATION_ROLE, Cluster, prepare_cluster
from infra.local.postgres.server import PostgresServer, start_postgres

__all__ = ["APPLICATION_ROLE", "Cluster", "PostgresServer", "prepare_cluster", "start_postgres"]
