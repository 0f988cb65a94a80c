"""Where PostgreSQL is, the parameters of every connection to it (session, TLS, keepalive), and how rows are read."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

import psycopg
from psycopg.sql import SQL

Connection: TypeAlias = psycopg.AsyncConnection[tuple[Any, ...]]

CONNECT_TIMEOUT_S = 5
SESSION = {
    "plan_cache_mode": "force_custom_plan",  # a plan that suits one tenant's size may not suit another's
    "hnsw.iterative_scan": "strict_order",  # a filter must not leave fewer hits than there are
    "hnsw.ef_search": "100",
    "client_connection_check_interval": "1000",  # a killed writer's transaction ends with it, and frees its lock
}
KEEPALIVE = {"keepalives_idle": 10, "keepalives_interval": 5, "keepalives_count": 3, "tcp_user_timeout": 15_000}
"""A peer that vanished is detected within 25 seconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PgvectorConnection:
    """Where PostgreSQL is. Without TLS the server is not authenticated: for loopback and private sockets only."""

    host: str
    port: int
    database: str
    user: str
    password: str | None = field(default=None, repr=False)
    tls: bool = True
    ca_file: Path | None = None
    """Certificate of the authority that signed the server's; None: those of the system."""
    schema: str


def arguments(there: PgvectorConnection) -> dict[str, Any]:
    """Return libpq's connection arguments."""
    tls = {"sslmode": "verify-full", "sslrootcert": str(there.ca_file or "system")} if there.tls else {}
    session = SESSION | {"search_path": f'"{there.schema}",public,extensions'}
    return {
        "host": there.host,
        "port": there.port,
        "dbname": there.database,
        "user": there.user,
        "password": there.password,
        "connect_timeout": CONNECT_TIMEOUT_S,
        "application_name": "ragspan",
        "options": " ".join(f"-c {name}={value}" for name, value in session.items()),
        **KEEPALIVE,
        **(tls or {"sslmode": "disable"}),
    }


async def one_row(connection: Connection, statement: SQL, values: tuple[Any, ...]) -> Any:
    return await (await connection.execute(statement, values)).fetchone()


async def all_rows(connection: Connection, statement: Any, values: Any) -> list[tuple[Any, ...]]:
    return await (await connection.execute(statement, values)).fetchall()
