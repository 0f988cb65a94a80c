from infra.clusters.existing import ExistingCluster, ExistingClusterArgs
from infra.config.cluster import ExistingCluster as Config
from infra.contracts import KubernetesCluster, Placement
from tests.support.recording import only, recorded

CONFIG = Config(kind="existing", context="k3d-ragspan", storage_class="local-path")


def build() -> ExistingCluster:
    return ExistingCluster("cluster", ExistingClusterArgs(config=CONFIG))


def test_it_is_reached_by_context_without_a_kubeconfig():
    provider = only(build, "pulumi:providers:kubernetes")
    assert provider.inputs["context"] == "k3d-ragspan"
    assert "kubeconfig" not in provider.inputs


def test_a_new_kubeconfig_replaces_nothing_in_the_cluster():
    assert only(build, "pulumi:providers:kubernetes").inputs["clusterIdentifier"] == "k3d-ragspan"


def test_it_offers_the_storage_class_of_its_config():
    assert only(build, "ragspan:clusters:ExistingCluster").outputs == {"storage_class": "local-path"}


def test_it_satisfies_the_contract_and_places_pods_anywhere():
    placements: list[Placement] = []

    def program() -> None:
        cluster: KubernetesCluster = build()
        placements.append(cluster.place_on_system_pool())

    recorded(program)
    assert placements == [Placement()]
