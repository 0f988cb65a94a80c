"""Lists published documents from records that also include deleted ones and documents of other groups."""

from app.adapters.recorded_index import TenantIndex
from app.ports import DocumentPage, DocumentRecord, Scope
from app.rag.access import may_read

MAX_READS = 20
"""Reads of the index per page; if more must be skipped than that, the page comes out shorter."""


async def list_published(index: TenantIndex, limit: int, after: str, groups: frozenset[str] | None) -> DocumentPage:
    """Return at most `limit` documents after a position that a reader of these groups may read."""
    found: list[DocumentRecord] = []
    position: str | None = after
    for _ in range(MAX_READS):
        states, position = await index.page(limit - len(found), position)
        published = [state.record for state in states if not state.deleted]
        found += [record for record in published if may_read(Scope(groups=groups), record.groups)]
        if position is None or len(found) == limit:
            break
    return DocumentPage(documents=tuple(found), next=position)
