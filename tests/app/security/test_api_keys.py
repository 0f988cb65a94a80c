"""Keys are random, kept as hashes, and found by the whole of them only."""

import pytest

from app.security.api_keys import ApiKey, find_key, hash_key, key_entry, new_key, parse_api_keys


def test_a_key_is_long_and_new_each_time() -> None:
    keys = {new_key() for _ in range(50)}
    assert len(keys) == 50
    assert all(len(key) >= 43 for key in keys)


def test_the_entry_holds_the_hash_and_not_the_key() -> None:
    key = new_key()
    entry = key_entry("ci", "acme", key)
    assert key not in entry
    assert parse_api_keys(entry) == (ApiKey("ci", "acme", hash_key(key)),)


def test_an_entry_may_end_in_the_groups_of_its_holder() -> None:
    entry = key_entry("ci", "acme", new_key(), ["hr", "board", "hr"])
    assert entry.endswith(":board+hr")
    assert parse_api_keys(entry)[0].groups == frozenset({"board", "hr"})
    with pytest.raises(ValueError, match="the group 'a b' is not allowed"):
        key_entry("ci", "acme", new_key(), ["a b"])


def test_an_entry_may_say_what_its_holder_may_do() -> None:
    key = new_key()
    entry = key_entry("ci", "acme", key, scopes=["query", "ingest"])
    assert entry == f"ci:acme:{hash_key(key)}::ingest+query"
    assert parse_api_keys(entry)[0].scopes == {"ingest", "query"}
    both = parse_api_keys(key_entry("ci", "acme", key, ["hr"], ["query"]))[0]
    assert (both.groups, both.scopes) == ({"hr"}, {"query"})


def test_a_key_without_scopes_may_do_everything() -> None:
    for entry in (key_entry("ci", "acme", new_key()), key_entry("ci", "acme", new_key(), ["hr"])):
        assert parse_api_keys(entry)[0].scopes == {"query", "ingest", "admin"}


def test_an_unknown_scope_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match="the scope 'querry' is not known; the scopes are query, ingest, admin"):
        parse_api_keys(f"ci:acme:{hash_key('x')}::querry")


def test_only_the_whole_key_opens_its_tenant() -> None:
    key, other = new_key(), new_key()
    keys = (ApiKey("a", "acme", hash_key(key)), ApiKey("b", "globex", hash_key(other)))
    assert find_key(keys, other) == keys[1]
    assert find_key(keys, key[:-1]) is None
    assert find_key(keys, hash_key(key)) is None
    assert find_key(keys, "schlüssel") is None


@pytest.mark.parametrize("name", ["", "a b", "a:b", "-a", "a" * 65, "ä"])
def test_a_name_that_would_break_an_entry_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="is not allowed"):
        key_entry(name, "acme", new_key())
