"""Tenants are remembered as they come, but not without end."""

from app.security.seen_tenants import MOST_SEEN, SeenTenants


def test_those_with_keys_are_known_and_others_are_remembered_up_to_a_number() -> None:
    tenants = SeenTenants({"acme", "globex"})
    for name in ("acme", *(f"tenant {number % (2 * MOST_SEEN)}" for number in range(4 * MOST_SEEN))):
        tenants.note(name)
    assert {"acme", "globex", "tenant 0"} < set(tenants)
    assert len(set(tenants)) == 2 + MOST_SEEN
