"""The index's tables in PostgreSQL, in a schema of their own, and the statements that change and search them."""

from psycopg.sql import SQL, Composed, Literal, Placeholder

MAX_INDEXED_DIMENSIONS = 4000
"""The limit of pgvector's HNSW index on half-precision numbers; longer vectors are compared one by one."""

TABLES = SQL("""
CREATE TABLE document (
  tenant text, doc_id text, version text NOT NULL, revision bigint NOT NULL, source_uri text NOT NULL,
  title text NOT NULL, chunks integer NOT NULL, deleted boolean NOT NULL,
  groups text[] NOT NULL, tags text[] NOT NULL, PRIMARY KEY (tenant, doc_id)
);
CREATE TABLE chunk (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, tenant text NOT NULL, published boolean NOT NULL DEFAULT false,
  revision bigint NOT NULL, groups text[] NOT NULL DEFAULT '{{}}', tags text[] NOT NULL DEFAULT '{{}}',
  chunk_id text NOT NULL, doc_id text NOT NULL, version text NOT NULL, ordinal integer NOT NULL,
  title text NOT NULL, text text NOT NULL, source_uri text NOT NULL, location text NOT NULL,
  embedding halfvec({dimensions}) NOT NULL,
  keywords tsvector GENERATED ALWAYS AS (
    setweight(to_tsvector('english', title), 'A') || setweight(to_tsvector('english', text), 'D')
  ) STORED,
  UNIQUE (tenant, doc_id, version, ordinal)
);
CREATE INDEX ON chunk (tenant) WHERE published;
CREATE INDEX ON chunk USING gin (keywords) WHERE published;
CREATE TABLE corpus (
  tenant text PRIMARY KEY, chunks bigint NOT NULL, version uuid NOT NULL DEFAULT gen_random_uuid()
);
CREATE TABLE built_with (identity jsonb NOT NULL);
""")
"""A tombstone is a document with `deleted`. The indexes contain published chunks only; a chunk's `groups` and `tags`
are set when it is published. `corpus` counts a tenant's published chunks, which word weights need; every change gives
it a new version."""
VECTOR_INDEX = SQL("CREATE INDEX ON chunk USING hnsw (embedding halfvec_cosine_ops) WHERE published")

EXTENSION_VERSION = SQL("SELECT extversion FROM pg_extension WHERE extname = 'vector'")
LOCK = SQL("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))")
SET_IDENTITY = SQL("INSERT INTO built_with VALUES (%s)")
IDENTITY = SQL("SELECT identity FROM built_with")

STATE_OF_DOCUMENT = SQL("SELECT revision, deleted, chunks FROM document WHERE tenant = %s AND doc_id = %s")
FORGET_STAGED = SQL("DELETE FROM chunk WHERE tenant = %s AND doc_id = %s AND version = %s AND NOT published")
STAGE = SQL("""
INSERT INTO chunk
  (tenant, revision, embedding, chunk_id, doc_id, version, ordinal, title, text, source_uri, location)
  VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING
""")
COUNT_STAGED = SQL("SELECT count(*) FROM chunk WHERE tenant = %s AND doc_id = %s AND version = %s")
REMOVE_OTHER_VERSIONS = SQL("""
DELETE FROM chunk WHERE tenant = %s AND doc_id = %s AND version <> %s AND (published OR revision <= %s)
""")
"""Keeps a version that is being staged with a newer revision. No version is named ''."""
SHOW_VERSION = SQL("""
UPDATE chunk SET published = true, groups = %s, tags = %s WHERE tenant = %s AND doc_id = %s AND version = %s
""")
SET_DOCUMENT = SQL("""
INSERT INTO document VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s) ON CONFLICT (tenant, doc_id) DO UPDATE SET
  version = excluded.version, revision = excluded.revision, source_uri = excluded.source_uri, title = excluded.title,
  chunks = excluded.chunks, deleted = excluded.deleted, groups = excluded.groups, tags = excluded.tags
""")
CHANGE_CORPUS = SQL("""
INSERT INTO corpus VALUES (%s, %s) ON CONFLICT (tenant) DO UPDATE SET
  chunks = corpus.chunks + excluded.chunks, version = excluded.version
""")
CORPUS_VERSION = SQL("SELECT version::text FROM corpus WHERE tenant = %s")

_READABLE = SQL("(%(groups)s::text[] IS NULL OR groups = '{}' OR groups && %(groups)s)")
_DOCUMENTS = SQL("""
SELECT doc_id, version, revision, source_uri, title, chunks, groups, tags FROM document
  WHERE tenant = %(tenant)s AND NOT deleted AND {which}
""")
DOCUMENT = _DOCUMENTS.format(which=SQL("doc_id = %(doc_id)s"))
DOCUMENTS = _DOCUMENTS.format(
    which=SQL("doc_id > %(after)s AND {readable} ORDER BY doc_id LIMIT %(limit)s").format(readable=_READABLE)
)

COUNT_DOCUMENTS = SQL("SELECT count(*) FROM document WHERE tenant = %s AND NOT deleted")

_SEARCH = SQL("""
WITH word AS (
  SELECT DISTINCT plainto_tsquery('english', word) AS query FROM unnest(%(words)s::text[]) AS word
), held AS (
  SELECT id, ts_rank({weights}, keywords, query) AS weight, count(*) OVER (PARTITION BY query) AS holders
    FROM word JOIN chunk ON keywords @@ query WHERE tenant = %(tenant)s AND published {scope}
), by_keyword AS (
  SELECT id, sum(weight * ln(1 + (greatest(corpus.chunks - holders, 0) + 0.5) / (holders + 0.5))) AS score
    FROM held, corpus WHERE corpus.tenant = %(tenant)s GROUP BY id ORDER BY score DESC, id LIMIT {limit}
), by_vector AS (
  SELECT id, 1 - (embedding <=> %(vector)s::halfvec) AS score
    FROM chunk WHERE %(has_vector)s AND tenant = %(tenant)s AND published {scope}
    ORDER BY embedding <=> %(vector)s::halfvec LIMIT {limit}
)
SELECT by_keyword.score, by_vector.score,
  chunk_id, doc_id, version, ordinal, title, text, source_uri, location
  FROM by_keyword FULL JOIN by_vector USING (id) JOIN chunk USING (id) ORDER BY id
""")
_WEIGHTS = SQL("'{0.25, 0.5, 0.75, 1.0}'::real[]")
"""Weights from a word in a passage to one in a title: four times as much, as in the embedded store."""


def search(limit: int, tag_sets: int) -> Composed:
    """Return a search as one statement, so that both legs see one state of the index. A row has one chunk's scores.

    Parameters: tenant, words, vector, has_vector, groups, and `tags0`, `tags1` … for each set of tags.
    """
    tags = [SQL("AND tags && ") + Placeholder(f"tags{number}") for number in range(tag_sets)]
    scope = SQL(" ").join([SQL("AND"), _READABLE, *tags])
    return _SEARCH.format(weights=_WEIGHTS, scope=scope, limit=Literal(limit))
