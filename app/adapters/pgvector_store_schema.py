"""Creates the index's schema in PostgreSQL, with pgvector, and reads the identity that it was built with."""

from dataclasses import asdict

import psycopg
from psycopg.sql import SQL, Identifier, Literal
from psycopg.types.json import Jsonb

from app.adapters import pgvector_store_sql as sql
from app.adapters.pgvector_store_connection import Connection, one_row
from app.ports import DependencyUnavailable, IndexIdentity

OLDEST_PGVECTOR = (0, 8)


async def create_and_identify(connection: Connection, schema: str, identity: IndexIdentity) -> object:
    """Create the index if there is none, in one transaction, and return the identity that it was built with."""
    async with connection.transaction():
        await connection.execute(sql.LOCK, (schema,))
        found = await one_row(connection, SQL("SELECT to_regclass(%s)"), (f'"{schema}".built_with',))
        if found == (None,):
            await _require_pgvector(connection)
            await connection.execute(SQL("CREATE SCHEMA IF NOT EXISTS {}").format(Identifier(schema)))
            await connection.execute(sql.TABLES.format(dimensions=Literal(identity.dimensions)))
            if identity.dimensions <= sql.MAX_INDEXED_DIMENSIONS:
                await connection.execute(sql.VECTOR_INDEX)
            await connection.execute(sql.SET_IDENTITY, (Jsonb(asdict(identity)),))
        (stored,) = await one_row(connection, sql.IDENTITY, ())
        return stored


async def _require_pgvector(connection: Connection) -> None:
    try:
        async with connection.transaction():
            await connection.execute(SQL("CREATE EXTENSION IF NOT EXISTS vector"))
    except psycopg.Error as error:
        raise DependencyUnavailable(
            "vector_store",
            f"PostgreSQL has no pgvector in this database and refused to add it ({type(error).__name__}); "
            "an administrator can: CREATE EXTENSION vector.",
        ) from None
    (version,) = await one_row(connection, sql.EXTENSION_VERSION, ())
    if tuple(int(part) for part in version.split(".")[:2]) < OLDEST_PGVECTOR:
        oldest = ".".join(map(str, OLDEST_PGVECTOR))
        raise DependencyUnavailable("vector_store", f"pgvector is {version}; ragspan needs {oldest} or newer.")
