"""S2: no address of another host leaves, however it is written and however the stream is cut."""

from dataclasses import replace
from importlib import resources

import pytest

from app.ports import Hit
from app.rag.guard import LINK_REMOVED, Guard, Rules
from app.rag.top_level_domains import TOP_LEVEL_DOMAINS
from tests.app.rag.guarding import PASSAGES, corpus, foreign_urls, guarded, splits
from tests.support.fake_ports import hit

GUARD = Guard(Rules(link_hosts=frozenset({"docs.example.org", "wiki.example.net"})))
EXFILTRATION = corpus("exfiltration")
HARMLESS = corpus("harmless")


@pytest.mark.parametrize("text", EXFILTRATION)
def test_no_foreign_address_leaves_at_any_split(text: str) -> None:
    whole = guarded(GUARD, [text])
    assert foreign_urls(whole) == []
    assert LINK_REMOVED in whole
    assert {guarded(GUARD, parts) for parts in splits(text)} | {guarded(GUARD, list(text))} == {whole}


def test_the_oracle_sees_the_corpus_as_it_is() -> None:
    """Else the test above would pass for want of eyes. What it does not see is disguised for other readers."""
    unseen = [text for text in EXFILTRATION if not foreign_urls(text)]
    assert len(unseen) <= len(EXFILTRATION) // 10, unseen


@pytest.mark.parametrize("text", HARMLESS)
def test_what_is_no_foreign_address_stays_at_any_split(text: str) -> None:
    assert {guarded(GUARD, parts) for parts in splits(text)} == {text}


@pytest.mark.parametrize("words", [["The", " sky", " is", " blue"], ["It costs 3", " euros"], ["[1", "] and ", "(so)"]])
def test_text_in_which_no_link_begins_is_not_delayed(words: list[str]) -> None:
    text = GUARD.open(PASSAGES)
    assert [text.feed(word) for word in words] == words


def test_the_end_of_a_sentence_waits_for_the_next_piece_alone() -> None:
    text = GUARD.open(PASSAGES)
    assert [text.feed(piece) for piece in ("It is blue", ".", " Grass")] == ["It is blue", "", ". Grass"]


def test_what_is_held_back_is_bounded() -> None:
    text = GUARD.open(PASSAGES)
    sent = sum(len(text.feed("a/")) for _ in range(5000))
    assert sent > 10_000 - 2 * 2048


def test_cuts_are_counted() -> None:
    text = GUARD.open(PASSAGES)
    text.feed("https://a.example/1 and https://b.example/2")
    text.end()
    assert text.removed == {"link": 2}


@pytest.mark.parametrize(("address", "stays"), [("", True), ("?q=1", False), ("/..", False), ("#f", False)])
def test_a_source_may_be_linked_by_its_exact_address_only(address: str, stays: bool) -> None:
    source = "https://wiki.corp.example/pages/42"
    answer = f"See {source}{address} [1]"
    text = Guard(Rules()).open([_from(source)])
    assert (text.feed(answer) + text.end() == answer) is stays


def test_a_star_allows_every_web_host_and_no_other_scheme() -> None:
    guard = Guard(Rules(link_hosts=frozenset({"*"})))
    assert guarded(guard, ["https://any.example/x"]) == "https://any.example/x"
    assert LINK_REMOVED in guarded(guard, ["[x](javascript:alert(1))"])


def test_a_name_that_a_passage_has_stays_and_one_more_label_does_not() -> None:
    for name, expected in (("corp.wiki.engineering", "corp.wiki.engineering"), ("SECRET.corp.wiki.engineering", None)):
        text = Guard(Rules()).open([hit("Look into corp.wiki.engineering.")])
        assert (text.feed(f"See {name} now") + text.end() == f"See {expected} now") is (expected is not None)


def test_every_top_level_domain_is_known() -> None:
    """Hypothesis brings IANA's list along and renews it; where this fails, renew ours."""
    listed = resources.files("hypothesis.vendor").joinpath("tlds-alpha-by-domain.txt").read_text().lower().split("\n")
    domains = {line for line in listed if line.isalpha()}
    assert len(domains) > 1000
    assert domains - TOP_LEVEL_DOMAINS == set()


def _from(source_uri: str) -> Hit:
    return Hit(chunk=replace(hit("text").chunk, source_uri=source_uri), score=1)
