from infra.config.load import from_file, stack_files
from tests.contract.leaf_flip import Leaf, flipped, leaves

CONFIG = from_file(stack_files()["prod-gcp-europe-west4"])
LEAVES = {leaf.key: leaf for leaf in leaves(CONFIG)}


def leaf(key: str) -> Leaf:
    return LEAVES[f"ragspan:{key}"]


def test_leaves_lie_in_every_pool_and_every_capacity_entry():
    assert leaf("cluster.pools[2].capacity[1].max_nodes").field == "Spot.max_nodes"
    assert leaf("cluster.zones").value == ("europe-west4-a", "europe-west4-b", "europe-west4-c")


def test_discriminators_and_the_stacks_name_are_no_leaves():
    assert not [key for key in LEAVES if key.endswith(".kind") or key == "ragspan:name"]


def test_a_flip_changes_one_value_and_nothing_else():
    other = flipped(CONFIG, leaf("app.top_k"))
    assert other
    assert other.app.top_k != CONFIG.app.top_k
    assert {**other.model_dump(), "app": None} == {**CONFIG.model_dump(), "app": None}
    assert other.app.model_copy(update={"top_k": CONFIG.app.top_k}) == CONFIG.app


def test_true_and_false_flip_without_being_told():
    other = flipped(CONFIG, leaf("vector_store.protect"))
    assert other
    assert other.vector_store.protect is not CONFIG.vector_store.protect


def test_the_first_alternative_that_is_valid_is_taken():
    low = Leaf("OnDemand.min_nodes", ("cluster", "pools", 0, "capacity", 0, "min_nodes"), 3, (3, 7, 2))
    other = flipped(CONFIG, low)
    assert other
    assert other.cluster.kind == "gke"
    assert other.cluster.pools[0].capacity[0].min_nodes == 2


def test_a_leaf_without_a_valid_alternative_is_not_flipped():
    assert flipped(CONFIG, leaf("cluster.region")) is None
    assert flipped(CONFIG, leaf("app.image.version")) is None
