"""What every vector store refuses says what is wrong."""

import re
from dataclasses import asdict

import pytest

from app.ports import IndexIdentity, IndexMismatch
from app.rag.index_rules import require_identity

IDENTITY = IndexIdentity(model="m", dimensions=3, query_prefix="", passage_prefix="", chunker="sections-2")


@pytest.mark.parametrize(
    ("found", "sentence"),
    [
        (
            {**asdict(IDENTITY), "chunker": "sections-1"},
            "with chunker 'sections-1', this program uses chunker 'sections-2';",
        ),
        ({**asdict(IDENTITY), "more": 1}, "with more 1, this program uses more None;"),
        (None, "with model None, dimensions None, query_prefix None, passage_prefix None, chunker None, this"),
    ],
)
def test_an_index_of_another_identity_is_refused_by_what_differs(found: object, sentence: str) -> None:
    with pytest.raises(IndexMismatch, match=re.escape(f"There was built {sentence}")):
        require_identity(found, IDENTITY, "There")
    require_identity(asdict(IDENTITY), IDENTITY, "There")
