"""What every vector store must do, as a class to inherit: a subclass brings the fixture `make_store`.

`make_store()` returns a store, not opened; all stores of one test share one index, empty at first.
"""

import asyncio
import random
import threading
from collections.abc import AsyncGenerator, Callable
from dataclasses import replace
from typing import TypeAlias

import numpy as np
import pytest

from app.adapters.batches import BATCH
from app.ingest.identity import chunk_id
from app.ports import (
    EVERYTHING,
    Chunk,
    DependencyUnavailable,
    DocumentRecord,
    DocumentVersion,
    IndexIdentity,
    IndexMismatch,
    Matrix,
    Scope,
    ServiceError,
    StaleVersion,
    UnknownPosition,
    Vector,
    VectorStore,
)
from tests.contract.isolation import check_isolation
from tests.contract.pages import check_pages, every_document

MakeStore: TypeAlias = Callable[[], VectorStore]
IDENTITY = IndexIdentity(model="test-model", dimensions=4, chunker="test-1")
TENANT = "acme"
EAST: Vector = np.array([1, 0, 0, 0], dtype=np.float32)
NORTH: Vector = np.array([0, 1, 0, 0], dtype=np.float32)


def version(
    doc_id: str = "report",
    name: str = "v1",
    revision: int = 1,
    *,
    groups: tuple[str, ...] = (),
    tags: tuple[str, ...] = (),
) -> DocumentVersion:
    return DocumentVersion(
        doc_id=doc_id, version=name, revision=revision, source_uri=f"upload:///{doc_id}.txt", title=f"About {doc_id}",
        groups=groups, tags=tags,
    )  # fmt: skip


def chunks_of(document: DocumentVersion, *texts: str) -> list[Chunk]:
    return [
        Chunk(
            chunk_id=chunk_id(TENANT, document.doc_id, document.version, ordinal),
            doc_id=document.doc_id,
            version=document.version,
            ordinal=ordinal,
            title=document.title,
            text=text,
            source_uri=document.source_uri,
            location=f"page {ordinal + 1}",
        )
        for ordinal, text in enumerate(texts)
    ]


def vectors_of(count: int, vector: Vector = EAST) -> Matrix:
    return np.tile(vector, (count, 1))


async def put(store: VectorStore, document: DocumentVersion, *texts: str, tenant: str = TENANT) -> None:
    await store.stage(tenant, document, chunks_of(document, *texts), vectors_of(len(texts)))
    await store.publish(tenant, document, len(texts))


async def texts_found(
    store: VectorStore, question: str = "apple", tenant: str = TENANT, limit: int = 10, scope: Scope = EVERYTHING
) -> set[str]:
    return {hit.chunk.text for hit in await store.search(tenant, question, EAST, limit, scope)}


def of_groups(*groups: str) -> Scope:
    return Scope(groups=frozenset(groups))


def tagged(*sets: set[str]) -> Scope:
    return Scope(tags=tuple(frozenset(tags) for tags in sets))


@pytest.mark.anyio
class VectorStoreContract:
    random_operations = 300

    @pytest.fixture
    async def store(self, make_store: MakeStore) -> AsyncGenerator[VectorStore]:
        store = make_store()
        await store.open(IDENTITY)
        yield store
        await store.close()

    async def test_a_staged_document_is_invisible_until_published(self, store: VectorStore) -> None:
        document = version()
        await store.stage(TENANT, document, chunks_of(document, "apple"), vectors_of(1))
        assert await store.get(TENANT, "report") is None
        assert await every_document(store, TENANT) == []
        assert await texts_found(store) == set()
        await store.publish(TENANT, document, 1)
        assert await texts_found(store) == {"apple"}

    async def test_a_staged_update_leaves_the_published_version_in_place(self, store: VectorStore) -> None:
        await put(store, version(), "apple one", "apple two")
        update = version(name="v2", revision=2)
        await store.stage(TENANT, update, chunks_of(update, "apple three"), vectors_of(1))
        assert await texts_found(store) == {"apple one", "apple two"}
        await store.publish(TENANT, update, 1)
        assert await texts_found(store) == {"apple three"}

    async def test_a_hit_is_the_chunk_as_it_was_written(self, store: VectorStore) -> None:
        document = version()
        (chunk,) = chunks_of(document, 'A "quoted" apple,\nnaïve 你好 \U0001f600')
        await store.stage(TENANT, document, [chunk], vectors_of(1))
        await store.publish(TENANT, document, 1)
        (hit,) = await store.search(TENANT, "apple", EAST, 5)
        assert hit.chunk == chunk
        assert 0 <= hit.score <= 1

    async def test_repeating_stage_and_publish_changes_nothing(self, store: VectorStore) -> None:
        await put(store, version(), "apple", "pear")
        before = await store.search(TENANT, "apple", EAST, 5), await every_document(store, TENANT)
        await put(store, version(), "apple", "pear")
        assert (await store.search(TENANT, "apple", EAST, 5), await every_document(store, TENANT)) == before

    async def test_an_older_version_is_refused(self, store: VectorStore) -> None:
        await put(store, version(name="new", revision=5), "apple new")
        with pytest.raises(StaleVersion):
            await put(store, version(name="old", revision=4), "apple old")
        assert await texts_found(store) == {"apple new"}

    async def test_equal_content_with_a_newer_revision_moves_the_revision(self, store: VectorStore) -> None:
        await put(store, version(revision=1), "apple")
        await store.publish(TENANT, version(revision=9), 1)
        with pytest.raises(StaleVersion):
            await put(store, version(name="between", revision=5), "pear")
        assert await texts_found(store) == {"apple"}

    async def test_publishing_with_chunks_missing_is_refused(self, store: VectorStore) -> None:
        document = version()
        await store.stage(TENANT, document, chunks_of(document, "apple"), vectors_of(1))
        with pytest.raises(DependencyUnavailable, match="1 of 2 chunks") as refused:
            await store.publish(TENANT, document, 2)
        assert not refused.value.is_to_blame
        assert await texts_found(store) == set()

    async def test_a_later_attempt_removes_what_a_dead_one_staged(self, store: VectorStore) -> None:
        dead = version(name="dead", revision=9)
        await store.stage(TENANT, dead, chunks_of(dead, "apple dead"), vectors_of(1))
        await put(store, version(name="v2", revision=10), "apple alive")
        assert await texts_found(store) == {"apple alive"}
        with pytest.raises(ServiceError):
            await store.publish(TENANT, replace(dead, revision=11), 1)

    async def test_publishing_a_version_leaves_a_newer_one_staged(self, store: VectorStore) -> None:
        newer = version(name="v3", revision=3)
        await store.stage(TENANT, newer, chunks_of(newer, "apple newer"), vectors_of(1))
        await put(store, version(name="v2", revision=2), "apple")
        assert await texts_found(store) == {"apple"}
        await store.publish(TENANT, newer, 1)
        assert await texts_found(store) == {"apple newer"}

    async def test_revisions_are_told_apart_to_the_nanosecond(self, store: VectorStore) -> None:
        now = 1_764_141_234_567_890_123
        newer = version(name="v2", revision=now + 1)
        await store.stage(TENANT, newer, chunks_of(newer, "apple newer"), vectors_of(1))
        await put(store, version(revision=now), "apple")
        with pytest.raises(StaleVersion):
            await store.delete(TENANT, "report", now - 1)
        await store.publish(TENANT, newer, 1)
        assert await texts_found(store) == {"apple newer"}
        with pytest.raises(StaleVersion):
            await store.delete(TENANT, "report", now)

    async def test_staging_fewer_chunks_again_forgets_the_first_attempt(self, store: VectorStore) -> None:
        document = version()
        await store.stage(TENANT, document, chunks_of(document, "apple", "apple pie"), vectors_of(2))
        await put(store, document, "apple")
        assert await texts_found(store) == {"apple"}

    async def test_a_deleted_document_is_gone_and_no_older_event_brings_it_back(self, store: VectorStore) -> None:
        await put(store, version(revision=1), "apple")
        assert await store.delete(TENANT, "report", 5) is True
        assert await texts_found(store) == set()
        assert await store.get(TENANT, "report") is None
        with pytest.raises(StaleVersion):
            await put(store, version(name="v2", revision=5), "apple again")
        await put(store, version(name="v3", revision=6), "apple anew")
        assert await texts_found(store) == {"apple anew"}

    async def test_a_delete_that_comes_first_holds(self, store: VectorStore) -> None:
        assert await store.delete(TENANT, "report", 5) is False
        assert await store.delete(TENANT, "report", 5) is False
        with pytest.raises(StaleVersion):
            await put(store, version(revision=4), "apple")

    async def test_a_delete_older_than_the_document_is_refused(self, store: VectorStore) -> None:
        await put(store, version(revision=5), "apple")
        with pytest.raises(StaleVersion):
            await store.delete(TENANT, "report", 4)
        assert await texts_found(store) == {"apple"}

    async def test_tenants_never_see_each_other(self, store: VectorStore) -> None:
        names = ("acme", "Acme", "acme ", "a/../b", "ü", "acme" * 50)
        for name in names:
            await put(store, version(), f"apple of {name!r}", tenant=name)
        for name in names:
            assert await texts_found(store, tenant=name) == {f"apple of {name!r}"}
        assert await store.delete("acme", "report", 9)
        assert await texts_found(store, tenant="Acme") == {"apple of 'Acme'"}

    async def test_an_unknown_tenant_is_empty(self, store: VectorStore) -> None:
        assert await store.search("nobody", "apple", EAST, 5) == []
        assert await every_document(store, "nobody") == []
        assert await store.count_documents("nobody") == 0
        assert await store.get("nobody", "report") is None

    async def test_documents_are_counted_that_are_neither_deleted_nor_only_staged(self, store: VectorStore) -> None:
        for name in ("ant", "bee", "cow"):
            await put(store, version(name), "a", "b")
        await put(store, version("ant", "v2", 2), "c")
        await put(store, version("ant"), "d", tenant="another")
        assert await store.delete(TENANT, "bee", 9)
        await store.stage(TENANT, version("dog"), chunks_of(version("dog"), "e"), vectors_of(1))
        assert await store.count_documents(TENANT) == 2

    async def test_documents_are_listed_and_told_as_published(self, store: VectorStore) -> None:
        await put(store, version("zebra", revision=3), "a", "b")
        await put(store, version("ant"), "c")
        assert [record.doc_id for record in await every_document(store, TENANT)] == ["ant", "zebra"]
        assert await store.get(TENANT, "zebra") == DocumentRecord(
            doc_id="zebra", version="v1", revision=3, source_uri="upload:///zebra.txt", title="About zebra", chunks=2
        )

    async def test_page_after_page_tells_each_document_once_while_others_come_and_go(self, store: VectorStore) -> None:
        await check_pages(store, TENANT)

    async def test_a_position_that_is_made_up_is_refused_or_between_two_documents(self, store: VectorStore) -> None:
        await put(store, version(), "apple")
        for position in ("report", "x", "0", "a" * 2000, "' OR true --", "é"):
            try:
                page = await store.list_documents(TENANT, 5, position)
            except UnknownPosition:
                continue
            assert {record.doc_id for record in page.documents} <= {"report"}

    async def test_a_reader_lists_what_is_open_and_what_is_of_their_groups(self, store: VectorStore) -> None:
        await put(store, version("open"), "a")
        for number in range(5):
            await put(store, version(f"hr-{number}", groups=("board", "hr")), "b")
        await put(store, version("it", groups=("it",)), "c")
        for groups, names in (({"it"}, ["it", "open"]), ({"HR", "h"}, ["open"]), (set[str](), ["open"])):
            listed = await every_document(store, TENANT, frozenset(groups))
            assert [record.doc_id for record in listed] == names
        assert len(await every_document(store, TENANT, frozenset({"board", "it"}))) == 7

    async def test_what_was_published_survives_a_restart(self, store: VectorStore, make_store: MakeStore) -> None:
        await put(store, version(), "apple")
        again = make_store()
        await again.open(IDENTITY)
        assert await texts_found(again) == {"apple"}
        await again.close()

    @pytest.mark.parametrize(
        "other",
        [
            replace(IDENTITY, model="other"),
            replace(IDENTITY, dimensions=5),
            replace(IDENTITY, passage_prefix="passage: "),
            replace(IDENTITY, chunker="test-2"),
        ],
    )
    async def test_an_index_of_another_identity_is_refused(
        self, store: VectorStore, make_store: MakeStore, other: IndexIdentity
    ) -> None:
        stranger = make_store()
        with pytest.raises(IndexMismatch):
            await stranger.open(other)
        await stranger.close()

    @pytest.mark.parametrize(
        "vectors",
        [
            np.full((1, 4), np.nan, dtype=np.float32),
            np.full((1, 4), np.inf, dtype=np.float32),
            np.ones((1, 5), dtype=np.float32),
            np.ones((2, 4), dtype=np.float32),
        ],
        ids=["nan", "infinite", "too long", "one too many"],
    )
    async def test_vectors_that_would_spoil_the_index_are_refused(self, store: VectorStore, vectors: Matrix) -> None:
        document = version()
        with pytest.raises(ServiceError):
            await store.stage(TENANT, document, chunks_of(document, "apple"), vectors)
        with pytest.raises(ServiceError):
            await store.publish(TENANT, document, 1)

    async def test_search_keeps_to_the_limit_and_ranks_best_first(self, store: VectorStore) -> None:
        document = version()
        texts = ["apple apple apple", *(f"pear number {n}" for n in range(80))]
        vectors = np.stack([EAST, *(NORTH for _ in range(80))])
        await store.stage(TENANT, document, chunks_of(document, *texts), vectors)
        await store.publish(TENANT, document, len(texts))
        for limit in (1, 7, 60):
            hits = await store.search(TENANT, "apple", EAST, limit)
            assert len(hits) == limit
            assert hits[0].chunk.text == "apple apple apple"
            assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)

    async def test_a_reader_finds_what_is_open_and_what_is_of_their_groups(self, store: VectorStore) -> None:
        await put(store, version("open"), "apple for all")
        await put(store, version("hr", groups=("board", "hr")), "apple of hr")
        await put(store, version("it", groups=("it",)), "apple of it")
        assert await texts_found(store) == {"apple for all", "apple of hr", "apple of it"}
        assert await texts_found(store, scope=of_groups("hr")) == {"apple for all", "apple of hr"}
        assert await texts_found(store, scope=of_groups("it", "board")) == await texts_found(store)
        assert await texts_found(store, scope=of_groups("HR", "h", "i t")) == {"apple for all"}
        assert await texts_found(store, scope=of_groups()) == {"apple for all"}

    async def test_a_filter_finds_documents_with_a_tag_of_each_set(self, store: VectorStore) -> None:
        await put(store, version("a", tags=("lang=en", "year=2023")), "apple a")
        await put(store, version("b", tags=("lang=en", "year=2024")), "apple b")
        await put(store, version("c", tags=("lang=Zürich, 你好",), groups=("hr",)), "apple c")
        assert await texts_found(store, scope=tagged({"lang=en"})) == {"apple a", "apple b"}
        assert await texts_found(store, scope=tagged({"lang=en"}, {"year=2024", "year=2025"})) == {"apple b"}
        assert await texts_found(store, scope=tagged({"lang=Zürich, 你好"})) == {"apple c"}
        assert await texts_found(store, scope=tagged({"lang=zürich, 你好"})) == set()
        assert (
            await texts_found(store, scope=Scope(groups=frozenset({"it"}), tags=(frozenset({"lang=Zürich, 你好"}),)))
            == set()
        )

    async def test_a_filtered_search_reaches_past_better_matches_elsewhere(self, store: VectorStore) -> None:
        await put(store, version("much"), *("apple " * 5 for _ in range(120)))
        wanted = version("rare", groups=("hr",), tags=("lang=fi",))
        await store.stage(TENANT, wanted, chunks_of(wanted, "one apple among many words"), vectors_of(1, NORTH))
        await store.publish(TENANT, wanted, 1)
        assert await texts_found(store, limit=1, scope=tagged({"lang=fi"})) == {"one apple among many words"}
        assert await texts_found(store, "zzz", limit=1, scope=tagged({"lang=fi"})) == {"one apple among many words"}

    async def test_groups_and_tags_change_with_the_version_that_carries_them(self, store: VectorStore) -> None:
        await put(store, version(groups=("hr",)), "apple")
        await put(store, version(name="v2", revision=2, groups=("it",), tags=("lang=en",)), "apple")
        assert await texts_found(store, scope=of_groups("hr")) == set()
        assert await texts_found(store, scope=of_groups("it")) == {"apple"}
        for record in (await store.get(TENANT, "report"), *await every_document(store, TENANT)):
            assert record
            assert (record.groups, record.tags) == (("it",), ("lang=en",))
        await put(store, version(name="v3", revision=3), "apple")
        assert await texts_found(store, scope=of_groups("hr")) == {"apple"}

    async def test_no_reader_ever_finds_what_is_not_theirs(self, store: VectorStore) -> None:
        await check_isolation(store, random.Random(2024), self.random_operations)

    async def test_each_leg_finds_what_the_other_cannot(self, store: VectorStore) -> None:
        document = version()
        await store.stage(TENANT, document, chunks_of(document, "keyword here", "other"), np.stack([NORTH, EAST]))
        await store.publish(TENANT, document, 2)
        assert {hit.chunk.text for hit in await store.search(TENANT, "keyword", EAST, 5)} == {"keyword here", "other"}
        assert (await store.search(TENANT, "zzz", EAST, 1))[0].chunk.text == "other"
        nothing = np.zeros(4, np.float32)
        assert [hit.chunk.text for hit in await store.search(TENANT, "keyword", nothing, 5)] == ["keyword here"]

    async def test_a_passage_with_a_zero_vector_is_found_by_its_words_and_spoils_no_score(
        self, store: VectorStore
    ) -> None:
        document, vectors = version(), np.stack([NORTH, np.zeros_like(NORTH), EAST])
        await store.stage(TENANT, document, chunks_of(document, "apple pie", "plum", "pear"), vectors)
        await store.publish(TENANT, document, 3)
        hits = {hit.chunk.text: hit.score for hit in await store.search(TENANT, "plum pear", EAST, 5)}
        assert {"plum", "pear"} <= hits.keys()
        assert all(0 <= score <= 1 for score in hits.values()), hits
        assert max(hits, key=lambda text: hits[text]) == "pear"

    async def test_a_document_is_kept_with_the_longest_names_that_it_may_have(self, store: VectorStore) -> None:
        tags = tuple(f"{'k' * 60}{n:02}=" + "\U0001f600" * 200 for n in range(20))
        groups = tuple(f"{'g' * 60}{n:02}" for n in range(50))
        document = replace(
            version(groups=groups, tags=tags), source_uri="test:" + "\U0001f600" * 2043, title="\U0001f600" * 200
        )
        await put(store, document, "apple")
        record = await store.get(TENANT, "report")
        assert record
        found = (record.source_uri, record.title, record.groups, record.tags)
        assert found == (document.source_uri, document.title, groups, tags)
        assert await texts_found(store, scope=replace(tagged({tags[19]}), groups=frozenset({groups[49]}))) == {"apple"}

    async def test_chunks_are_made_ready_to_write_on_another_thread(self, store: VectorStore) -> None:
        threads: list[int] = []

        class Text(str):
            __slots__ = ()

            def __deepcopy__(self, _memo: object) -> str:
                threads.append(threading.get_ident())
                return str(self)

        document, count = version(), 2 * BATCH + 1
        chunks = [replace(chunk, text=Text(chunk.text)) for chunk in chunks_of(document, *["apple"] * count)]
        await store.stage(TENANT, document, chunks, vectors_of(count))
        await store.publish(TENANT, document, count)
        assert len(await store.search(TENANT, "apple", EAST, count)) == count
        assert len(threads) == count
        assert threading.get_ident() not in threads

    async def test_any_question_is_only_text(self, store: VectorStore) -> None:
        await put(store, version(), "apple")
        words = ("", "   ", '"', "'; DROP TABLE chunk; --", "a AND OR NOT NEAR(", "*", "text: ^x", "\x00", "_ - _")
        for question in (*words, "word " * 10_000, " ".join(map(str, range(10_000)))):
            assert await texts_found(store, question) == {"apple"}, question[:30]

    async def test_readers_see_one_whole_version_while_it_is_replaced(
        self, store: VectorStore, make_store: MakeStore
    ) -> None:
        await put(store, version(name="v0", revision=1), "apple v0 a", "apple v0 b")
        reader = make_store()
        await reader.open(IDENTITY)

        async def replace_it() -> None:
            for n in range(1, 15):
                await put(store, version(name=f"v{n}", revision=1 + n), f"apple v{n} a", f"apple v{n} b")

        writing = asyncio.create_task(replace_it())
        while not writing.done():
            for searched in (store, reader):
                seen = sorted(await texts_found(searched))
                assert [text[-1] for text in seen] == ["a", "b"], seen
                assert len({text.split()[1] for text in seen}) == 1, seen
        await writing
        await reader.close()

    async def test_two_uploads_of_one_document_at_once_leave_the_newer(self, store: VectorStore) -> None:
        attempts = [put(store, version(name=f"v{n}", revision=n), f"apple {n}") for n in (2, 1, 3)]
        outcomes = await asyncio.gather(*attempts, return_exceptions=True)
        assert {type(outcome) for outcome in outcomes} <= {type(None), StaleVersion}
        assert await texts_found(store) == {"apple 3"}

    async def test_the_corpus_version_changes_with_each_publish_and_delete_alone(
        self, store: VectorStore, make_store: MakeStore
    ) -> None:
        other = make_store()
        await other.open(IDENTITY)
        seen = [await store.corpus_version(TENANT)]
        for change in (
            lambda: put(store, version(), "apple"),
            lambda: put(store, version(name="v2", revision=2), "pear"),
            lambda: put(other, version("letter", revision=3), "plum"),
            lambda: other.delete(TENANT, "report", 4),
            lambda: store.delete(TENANT, "report", 5),
        ):
            await change()
            seen.append(await store.corpus_version(TENANT))
            await texts_found(store)
            await every_document(store, TENANT)
            assert seen[-1] == await other.corpus_version(TENANT) == await store.corpus_version(TENANT)
        assert len(set(seen)) == len(seen), seen
        assert [record.doc_id for record in await every_document(store, TENANT)] == ["letter"]
        await other.close()

    async def test_to_publish_what_is_published_changes_no_corpus(self, store: VectorStore) -> None:
        await put(store, version(groups=("hr",), tags=("year=2024",)), "apple")
        before = await store.corpus_version(TENANT)
        await store.publish(TENANT, version(revision=2, groups=("hr",), tags=("year=2024",)), 1)
        assert await store.corpus_version(TENANT) == before
        with pytest.raises(StaleVersion):
            await put(store, version(name="v2", revision=1), "pear")
        await store.publish(TENANT, version(revision=3, groups=("sales",), tags=("year=2024",)), 1)
        assert await store.corpus_version(TENANT) != before

    async def test_a_delete_of_what_never_was_there_changes_no_corpus(self, store: VectorStore) -> None:
        await put(store, version(), "apple")
        before = await store.corpus_version(TENANT)
        assert await store.delete(TENANT, "letter", 9) is False
        assert await store.corpus_version(TENANT) == before
        with pytest.raises(StaleVersion):
            await put(store, version("letter", revision=8), "plum")

    async def test_a_tenant_has_a_corpus_version_of_its_own(self, store: VectorStore) -> None:
        await put(store, version(), "apple")
        before = await store.corpus_version(TENANT)
        assert await store.corpus_version("nobody") == await store.corpus_version("nobody") != before
        await put(store, version(), "apple", tenant="acme-2")
        assert await store.corpus_version(TENANT) == before != await store.corpus_version("acme-2")

    async def test_health_tells_whether_it_is_open(self, store: VectorStore) -> None:
        assert (await store.health()).ok
