"""Pages of published documents, out of an index whose records are also of deleted ones, and of documents of others."""

from app.adapters.recorded_index import TenantIndex
from app.ports import DocumentPage, DocumentRecord, Scope
from app.rag.access import may_read

MAX_READS = 20
"""Of the index for one page: with more to leave out than that, the page is shorter than it could be."""


async def list_published(index: TenantIndex, limit: int, after: str, groups: frozenset[str] | None) -> DocumentPage:
    """At most `limit` documents after a position that a reader of these groups may read."""
    found: list[DocumentRecord] = []
    position: str | None = after
    for _ in range(MAX_READS):
        states, position = await index.page(limit - len(found), position)
        published = [state.record for state in states if not state.deleted]
        found += [record for record in published if may_read(Scope(groups=groups), record.groups)]
        if position is None or len(found) == limit:
            break
    return DocumentPage(documents=tuple(found), next=position)
