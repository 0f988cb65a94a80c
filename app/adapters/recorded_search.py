"""Searches published versions only, in an index that also contains staged and replaced ones."""

from app.adapters.recorded_index import FoundChunk, RecordState, TenantIndex, Wanted
from app.ports import Hit
from app.rag.access import may_read

MAX_FETCH = 1000
"""Most candidates that a search examines while too many of them belong to unpublished versions."""
MAX_REPEATS = 10
"""How often a search is repeated because of concurrent publishes; even a second time is rare."""


async def search_published(index: TenantIndex, wanted: Wanted, limit: int) -> list[Hit]:
    """Return at most `limit` chunks of published versions.

    A publish between the search and the look-up of the records would hide the old version from a search that could not
    yet see the new one. So the search is repeated if a record names a version that was not known before it began: all
    chunks of that version were written before its record.
    """
    known: dict[str, str] = {}
    hits: list[Hit] = []
    for _ in range(MAX_REPEATS):
        hits, replaced_by = await _search_once(index, wanted, limit)
        if replaced_by.items() <= known.items():
            break
        known |= replaced_by
    return hits[:limit]


async def _search_once(index: TenantIndex, wanted: Wanted, limit: int) -> tuple[list[Hit], dict[str, str]]:
    """Return the published hits, and the published version of each document of which an older version was found."""
    fetch = min(limit, MAX_FETCH)  # usually no chunk is hidden
    while True:
        found = await index.find(wanted, fetch)
        states = await index.states({item.hit.chunk.doc_id for item in found})
        hits = [
            item.hit
            for item in found
            if _published_version(states, item) == item.hit.chunk.version
            and may_read(wanted.scope, states[item.hit.chunk.doc_id].record.groups)
        ]
        if len(hits) >= limit or len(found) < fetch or fetch == MAX_FETCH:
            return hits, _replaced_by(states, found)
        fetch = min(4 * fetch + 10, MAX_FETCH)


def _published_version(states: dict[str, RecordState], item: FoundChunk) -> str | None:
    state = states.get(item.hit.chunk.doc_id)
    return state.record.version if state and not state.deleted else None


def _replaced_by(states: dict[str, RecordState], found: list[FoundChunk]) -> dict[str, str]:
    replaced: dict[str, str] = {}
    for item in found:
        doc_id, version = item.hit.chunk.doc_id, _published_version(states, item)
        if version and version != item.hit.chunk.version and item.revision <= states[doc_id].record.revision:
            replaced[doc_id] = version
    return replaced
