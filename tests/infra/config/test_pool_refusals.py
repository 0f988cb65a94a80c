"""What is refused of pools, each with its key and its remedy."""

import pytest

from tests.infra.config.conftest import Refusal

GKE, H100, EKS = "prod-gcp-europe-west4", "prod-gcp-us-central1", "prod-aws-us-east-1"
L4 = "accelerator: nvidia-l4\n"
ZONES = "[europe-west4-a, europe-west4-b, europe-west4-c]"
MACHINE = "machine_type: g2-standard-12"
RESERVATION = "{kind: reservation, name: replace-me-h100, zone: us-central1-a, min_nodes: 1, max_nodes: 2}"
SPOT = "{kind: spot, min_nodes: 0, max_nodes: 2}"

REFUSED = {
    "spot for the system pool": (
        GKE,
        [("{kind: on_demand, min_nodes: 3", "{kind: spot, min_nodes: 3")],
        "ragspan:cluster.pools[0].capacity: the system pool carries stateful services",
    ),
    "a reservation without its name": (
        H100,
        [("name: replace-me-h100, ", "")],
        "ragspan:cluster.pools[2].capacity[0].name: missing; add it",
    ),
    "a reservation in a zone where the cluster is not": (
        H100,
        [("zone: us-central1-a", "zone: us-central1-f")],
        "ragspan:cluster.pools[2].capacity[0].zone: the reservation is in none of the cluster's zones",
    ),
    "a reservation in a zone without its accelerator": (
        GKE,
        [
            (MACHINE, "machine_type: a3-highgpu-8g"),
            (L4, "accelerator: nvidia-h100-80gb\n"),
            (
                "- {kind: on_demand, min_nodes: 2",
                "- {kind: reservation, name: ours, zone: europe-west4-a, min_nodes: 2",
            ),
        ],
        "ragspan:cluster.pools[2].capacity[0].zone: europe-west4-a has no nvidia-h100-80gb",
    ),
    "a reservation behind other capacity": (
        H100,
        [(RESERVATION, SPOT), (SPOT, SPOT), (f"- {SPOT}\n          - {SPOT}", f"- {SPOT}\n          - {RESERVATION}")],
        "ragspan:cluster.pools[2].capacity: a reservation is paid for whether it is used or not",
    ),
    "spot twice": (
        H100,
        [(RESERVATION, SPOT)],
        "ragspan:cluster.pools[2].capacity: a kind of capacity is listed twice",
    ),
    "partitions of a GPU that has none": (
        GKE,
        [(L4, L4 + "        sharing: {kind: mig, profile: 1g.10gb}\n")],
        "ragspan:cluster.pools[2].sharing.kind: nvidia-l4 cannot be divided into partitions",
    ),
    "partitions of a size that there is not": (
        H100,
        [("1g.20gb", "1g.5gb")],
        "ragspan:cluster.pools[3].sharing.profile: nvidia-h100-80gb has no partitions of this size",
    ),
    "a model server on shared GPUs": (
        GKE,
        [(L4, L4 + "        sharing: {kind: time_slicing, clients: 4}\n")],
        "ragspan:models.llm.pool: the model server takes whole GPUs, and pool l4 shares them by time_slicing",
    ),
    "MPS on EKS": (
        EKS,
        [(L4, L4 + "        sharing: {kind: mps, clients: 4}\n")],
        "ragspan:cluster.pools[2].sharing.kind: pools of eks are not made with it",
    ),
    "an unknown machine without its figures": (
        GKE,
        [(MACHINE, "machine_type: g2-custom-16-65536")],
        "ragspan:cluster.pools[2].machine_type: the machine type is not known",
    ),
    "figures of a machine that the catalogue knows": (
        GKE,
        [(MACHINE, f"{MACHINE}\n        machine: {{vcpus: 12, memory_gib: 48, gpus: 2}} ")],
        "ragspan:cluster.pools[2].machine: the catalogue knows what g2-standard-12 carries",
    ),
    "a GPU machine without a GPU": (
        GKE,
        [(MACHINE, "machine_type: g2-custom-16-65536\n        machine: {vcpus: 16, memory_gib: 64}")],
        "ragspan:cluster.pools[2].machine.gpus: a gpu pool's machine has GPUs",
    ),
    "a model server that is larger than its machine": (
        GKE,
        [("memory_gib: 32", "memory_gib: 64")],
        "ragspan:models.llm.memory_gib: a replica cannot span nodes; found 64.0; allowed: up to 48",
    ),
    "head-room without a GPU in a gpu pool": (
        GKE,
        [(L4, L4 + "        headroom: {pods: 1, cpu_cores: 8, memory_gib: 32}\n")],
        "ragspan:cluster.pools[2].headroom.gpus: a pod must fit on a node of g2-standard-12; found 0; allowed: 1",
    ),
    "head-room that is larger than its machine": (
        EKS,
        [(L4, L4 + "        headroom: {pods: 1, cpu_cores: 8, memory_gib: 65, gpus: 1}\n")],
        "ragspan:cluster.pools[2].headroom.memory_gib: a pod must fit on a node of g6.4xlarge; found 65.0",
    ),
    "several shared GPUs for one pod of head-room": (
        H100,
        [("1g.20gb}", "1g.20gb}\n        headroom: {pods: 1, cpu_cores: 1, memory_gib: 1, gpus: 2} ")],
        "ragspan:cluster.pools[3].headroom.gpus: a pod must fit on a node of a3-highgpu-1g; found 2; allowed: 1",
    ),
    "head-room for batch work": (
        GKE,
        [("name: batch\n", "name: batch\n        headroom: {pods: 1, cpu_cores: 1, memory_gib: 1}\n")],
        "ragspan:cluster.pools[1].headroom: interruptible work waits for its nodes",
    ),
    "more local SSDs than the machine takes": (
        GKE,
        [(L4, L4 + "        local_ssds: 2\n")],
        "ragspan:cluster.pools[2].local_ssds: g2-standard-12 does not take so many local SSDs; found 2; allowed: 0, 1",
    ),
    "local SSDs for a machine that brings its own": (
        H100,
        [("1g.20gb}", "1g.20gb}\n        local_ssds: 16 ")],
        "ragspan:cluster.pools[3].local_ssds: a3-highgpu-1g does not take so many local SSDs; found 16; allowed: 0",
    ),
    "an accelerator that nobody knows": (
        GKE,
        [(L4, "accelerator: nvidia-l5\n")],
        "ragspan:cluster.pools[2].accelerator: the accelerator is not known",
    ),
    "zones without the accelerator": (
        H100,
        [("[us-central1-a, us-central1-b, us-central1-c]", "[us-central1-f]")],
        "ragspan:cluster.pools[2].capacity[0].zone",
    ),
    "a key of EKS in a GKE cluster": (
        GKE,
        [("kind: gke\n", 'kind: gke\n    account_id: "111111111111"\n')],
        "ragspan:cluster.account_id: unknown key; allowed: kind, project_id, ",
    ),
    "a key of GKE in an EKS cluster": (
        EKS,
        [("kind: eks\n", "kind: eks\n    release_channel: REGULAR\n")],
        "ragspan:cluster.release_channel: unknown key; allowed: kind, account_id, ",
    ),
    "a Kubernetes minor that GKE no longer offers": (
        GKE,
        [('"1.35"', '"1.33"')],
        "ragspan:cluster.kubernetes_minor: this Kubernetes minor is older than any that is supported",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_pool_that_cannot_be_is_refused_by_its_key(case: str, refusal: Refusal):
    stack, changes, expected = REFUSED[case]
    message = refusal(stack, *changes)
    assert expected in message
    assert "allowed: " in message or "add it" in message


def test_a_key_of_the_other_cloud_is_told_from_a_misspelt_one(refusal: Refusal):
    foreign = refusal(GKE, ("kind: gke\n", 'kind: gke\n    account_id: "111111111111"\n'))
    misspelt = refusal(GKE, ("project_id:", "project_idd:"))
    purpose = refusal(GKE, (L4, L4 + "        purpose: batch\n"))
    assert foreign.endswith("; remove it: it is a key of kind eks")
    assert "did you mean project_id?" in misspelt
    assert purpose.endswith("; remove it: it is a key of kind cpu")


def test_a_region_without_l4_is_refused(refusal: Refusal):
    message = refusal(GKE, ("region: europe-west4", "region: europe-west9"), (ZONES, ZONES.replace("west4", "west9")))
    assert "ragspan:cluster.pools[2].accelerator: europe-west9 has no nvidia-l4" in message
    assert "allowed: this accelerator in asia-east1, " in message


def test_a_region_without_the_accelerator_is_refused_with_the_regions_that_have_it(refusal: Refusal):
    pool = "machine_type: a2-ultragpu-1g\n        accelerator: nvidia-a100-80gb"
    text = f"{MACHINE} # one L4\n        accelerator: nvidia-l4"
    message = refusal(GKE, (text, pool), ("europe-west4-a, europe-west4-b, ", "europe-west4-b, "))
    assert "ragspan:cluster.zones: no zone of the cluster has nvidia-a100-80gb" in message
    assert "at least one of europe-west4-a" in message
