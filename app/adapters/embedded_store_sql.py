"""Tables and statements of one tenant's database in the embedded store."""

FORMAT = 3
"""Version of the tables below; raise it when older files no longer fit."""
SCHEMA = """
PRAGMA journal_mode = WAL;
CREATE TABLE IF NOT EXISTS document (
  doc_id TEXT PRIMARY KEY, version TEXT NOT NULL, revision INTEGER NOT NULL, source_uri TEXT NOT NULL,
  title TEXT NOT NULL, chunks INTEGER NOT NULL, deleted INTEGER NOT NULL,
  groups TEXT NOT NULL, tags TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS chunk (
  id INTEGER PRIMARY KEY AUTOINCREMENT, published INTEGER NOT NULL DEFAULT 0, revision INTEGER NOT NULL,
  chunk_id TEXT NOT NULL UNIQUE, doc_id TEXT NOT NULL, version TEXT NOT NULL, ordinal INTEGER NOT NULL,
  title TEXT NOT NULL, text TEXT NOT NULL, source_uri TEXT NOT NULL, location TEXT NOT NULL, vector BLOB NOT NULL
);
CREATE INDEX IF NOT EXISTS chunk_by_document ON chunk (doc_id, version);
CREATE INDEX IF NOT EXISTS chunk_by_visibility ON chunk (published);
CREATE VIRTUAL TABLE IF NOT EXISTS keyword
  USING fts5(title, text, content='chunk', content_rowid='id', tokenize='porter unicode61');
CREATE TABLE IF NOT EXISTS state (generation INTEGER NOT NULL);
INSERT INTO state SELECT 0 WHERE NOT EXISTS (SELECT * FROM state);
CREATE TABLE IF NOT EXISTS origin (id TEXT NOT NULL);
INSERT INTO origin SELECT hex(randomblob(8)) WHERE NOT EXISTS (SELECT * FROM origin);
"""
"""Ids are never reused (AUTOINCREMENT), so a row id always means the same vector. `keyword` contains published chunks
only; a tombstone is a document with `deleted`; `groups` and `tags` are JSON lists. `generation` counts changes to what
is published; `origin` tells a newly created folder from an earlier one."""

FORGET_STAGED = "DELETE FROM chunk WHERE doc_id = ? AND version = ? AND published = 0"
STAGE = """
INSERT OR IGNORE INTO chunk
  (chunk_id, doc_id, version, ordinal, title, text, source_uri, location, revision, vector)
  VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
"""
COUNT_STAGED = "SELECT count(*) FROM chunk WHERE doc_id = ? AND version = ?"
REMOVE_KEYWORDS = """
INSERT INTO keyword (keyword, rowid, title, text)
  SELECT 'delete', id, title, text FROM chunk WHERE doc_id = ? AND published = 1
"""
ADD_KEYWORDS = """
INSERT INTO keyword (rowid, title, text) SELECT id, title, text FROM chunk WHERE doc_id = ? AND published = 1
"""
REMOVE_OTHER_VERSIONS = "DELETE FROM chunk WHERE doc_id = ? AND version <> ? AND (published = 1 OR revision <= ?)"
REMOVE_ALL_VERSIONS = "DELETE FROM chunk WHERE doc_id = ? AND (published = 1 OR revision <= ?)"
"""Keeps a version that is being staged with a newer revision."""
SHOW_VERSION = "UPDATE chunk SET published = 1 WHERE doc_id = ? AND version = ?"
SET_DOCUMENT = "INSERT OR REPLACE INTO document VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
NEXT_GENERATION = "UPDATE state SET generation = generation + 1"

HAS_ORIGIN = "SELECT name FROM sqlite_master WHERE name = 'origin'"
GENERATION = "SELECT generation FROM state"
CORPUS_VERSION = "SELECT id || '-' || generation FROM origin, state"
STATE_OF_DOCUMENT = "SELECT revision, deleted FROM document WHERE doc_id = ?"
DOCUMENT = """
SELECT doc_id, version, revision, source_uri, title, chunks, groups, tags FROM document
  WHERE NOT deleted AND doc_id = ?
"""
DOCUMENTS = """
SELECT doc_id, version, revision, source_uri, title, chunks, groups, tags FROM document
  WHERE NOT deleted AND doc_id > ? {condition} ORDER BY doc_id LIMIT ?
"""
COUNT_DOCUMENTS = "SELECT count(*) FROM document WHERE NOT deleted"
KEYWORD_LEG = """
SELECT rowid, -bm25(keyword, ?, 1) AS score FROM keyword WHERE keyword MATCH ? {scope} ORDER BY score DESC LIMIT ?
"""
IN_SCOPE = "AND rowid IN (SELECT value FROM json_each(?))"
SCOPED_IDS = "SELECT id FROM chunk JOIN document USING (doc_id) WHERE published = 1 {conditions}"
OPEN_OR_OF_GROUP = """
AND (groups = '[]' OR EXISTS (SELECT 1 FROM json_each(groups) WHERE value IN (SELECT value FROM json_each(?))))
"""
HAS_TAG = "AND EXISTS (SELECT 1 FROM json_each(tags) WHERE value IN (SELECT value FROM json_each(?)))"
CHUNK = "SELECT chunk_id, doc_id, version, ordinal, title, text, source_uri, location FROM chunk WHERE id = ?"
PUBLISHED_IDS = "SELECT id FROM chunk WHERE published = 1"
VECTORS = "SELECT vector FROM chunk WHERE id IN (SELECT value FROM json_each(?)) ORDER BY id"
