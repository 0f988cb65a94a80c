"""Each message names the file, the key, what was found, what is allowed and what to write."""

import pytest

from tests.infra.config.conftest import Refusal

PROD = "prod-gcp-europe-west4"
API_KEY = "api_key: {name: weaviate, key: api-key}"

REFUSED = {
    "an unknown key": (
        [("zones:", "zoness:")],
        ["ragspan:cluster.zoness: unknown key", "allowed: kind, project_id, project_number", "did you mean zones?"],
    ),
    "a misspelt section": (
        [("ragspan:models:", "ragspan:model:")],
        ["ragspan:model: unknown section", "did you mean ragspan:models?", "ragspan:models: missing; add it"],
    ),
    "a missing key": (
        [("      gpus: 1\n", "")],
        ["ragspan:models.llm.gpus: missing; add it"],
    ),
    "a number where text belongs": (
        [('"1.35"', "1.30")],
        ["ragspan:cluster.kubernetes_minor: wrong type; found 1.3; allowed: text; put it in quotes", '"1.34"'],
    ),
    "text where a number belongs": (
        [("max_nodes: 6", "max_nodes: '6'")],
        ['ragspan:cluster.pools[0].capacity[0].max_nodes: wrong type; found "6"', "whole number; remove the quotes"],
    ),
    "a word of YAML 1.1 where true or false belongs": (
        [("protect: true", "protect: yes")],
        ['ragspan:vector_store.protect: wrong type; found "yes"; allowed: true or false'],
    ),
    "text where a list belongs": (
        [("hosts: [replace-me.example.com]", "hosts: rag.example.com")],
        ["ragspan:app.hosts: wrong type", "allowed: a list; write each entry on a line of its own, after `- `"],
    ),
    "a value out of bounds": (
        [("max_model_len: 16384", "max_model_len: 3")],
        ["ragspan:models.llm.max_model_len: out of bounds; found 3; allowed: 1024 or more", "for example 4096"],
    ),
    "a moving tag": (
        [("digest: sha256:", "version: latest # sha256:")],
        ['ragspan:app.image.version: not of the right form; found "latest"', 'for example "9.9.9"'],
    ),
    "an unknown variant": (
        [("kind: gke", "kind: gek")],
        ['ragspan:cluster.kind: unknown kind; found "gek"; allowed: gke, eks, existing; did you mean gke?'],
    ),
    "a variant without its kind": (
        [("kind: gpu", "sort: gpu")],
        ["ragspan:cluster.pools[2].kind: missing; allowed: cpu, gpu; add it"],
    ),
    "two replicas of Weaviate": (
        [("replicas: 3", "replicas: 2")],
        ["ragspan:vector_store.replicas: wrong value; found 2; allowed: 1, 3, 5; write one of these"],
    ),
    "one replica in production": (
        [("replicas: 3", "replicas: 1")],
        ["ragspan:vector_store.replicas: one replica loses the index of prod", "found 1", "write replicas: 3"],
    ),
    "a machine without the pool's accelerator": (
        [("machine_type: g2-standard-12", "machine_type: n2-standard-8")],
        [
            "ragspan:cluster.pools[2].machine_type: it carries no accelerator, the pool says nvidia-l4",
            'found "n2-standard-8"; allowed: g2-standard-4, ',
            "write one of these, or say what the machine carries: machine: {vcpus, memory_gib, gpus}",
        ],
    ),
    "two pools of one name": (
        [("name: batch", "name: system")],
        ['ragspan:cluster.pools[1].name: two pools have one name; found "system"', "rename one of them"],
    ),
    "a model server on a pool that is not there": (
        [("pool: l4", "pool: h100")],
        ['ragspan:models.llm.pool: the model server runs on a GPU pool of its cluster; found "h100"; allowed: l4'],
    ),
    "networks that overlap": (
        [("10.4.0.0/14", "10.0.0.0/14")],
        ["ragspan:cluster.pods_cidr: the network overlaps nodes_cidr (10.0.0.0/20)", "move one of them"],
    ),
    "contents of another stack": (
        [("environment: prod", "environment: dev")],
        ["ragspan:environment: the file is named for 'prod-gcp-europe-west4'", "Pulumi.dev-gcp-europe-west4.yaml"],
    ),
    "a provider's own configuration": (
        [("config:\n", "config:\n  gcp:project: other\n")],
        ["gcp:project: not a section of this program", "remove it: providers are configured by ragspan:cluster alone"],
    ),
    "a secret value": (
        [(API_KEY, "api_key: {secure: AAABBBCCC}")],
        ["ragspan:vector_store.api_key: a stack file holds no secret values", "write its name and key here"],
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_bad_input_is_refused_with_its_remedy(case: str, refusal: Refusal):
    changes, expected = REFUSED[case]
    message = refusal(PROD, *changes)
    assert f"Pulumi.{PROD}.yaml: " in message
    for part in expected:
        assert part in message
    for jargon in ("Input should", "pydantic", "Traceback", "type=", ".gke.", ".gpu.", ".vllm."):
        assert jargon not in message


def test_every_problem_of_a_file_is_told_at_once(refusal: Refusal):
    message = refusal(PROD, ("zones:", "zoness:"), ("replicas: 3", "replicas: 2"), ("gpus: 1", "gpus: one"))
    keys = [line.split(": ")[1] for line in message.splitlines()]
    assert keys == [
        "ragspan:cluster.zones",
        "ragspan:cluster.zoness",
        "ragspan:vector_store.replicas",
        "ragspan:models.llm.gpus",
    ]


def test_a_list_is_not_called_short_because_its_entries_are_wrong(refusal: Refusal):
    message = refusal(PROD, ("max_nodes: 6", "max_nodes: six"))
    assert len(message.splitlines()) == 1


@pytest.mark.parametrize("value", ["hunter2-hunter2", "{name: Hunter2-Hunter2, key: api-key}", "{secure: hunter2}"])
def test_what_stands_in_place_of_a_secrets_name_is_never_shown(value: str, refusal: Refusal):
    message = refusal(PROD, (API_KEY, f"api_key: {value}"))
    assert "ragspan:vector_store.api_key" in message
    assert "hunter2" not in message.lower()


def test_a_whole_section_is_never_echoed(refusal: Refusal):
    message = refusal(PROD, ("model: Qwen/Qwen3-8B", "model: {name: Qwen/Qwen3-8B}"))
    assert "ragspan:models.llm.model: wrong type; found a mapping; allowed: text" in message


def test_an_existing_cluster_has_no_pool_for_a_model_server(refusal: Refusal):
    server = "kind: vllm\n      model: m\n      pool: l4\n      replicas: 1\n      gpus: 1\n      cpu_cores: 1\n"
    server += "      memory_gib: 1\n      max_model_len: 4096\n      weights_gib: 8\n      start_timeout_s: 60\n"
    server += "      max_answer_tokens: 64\n      api_key: {name: llm, key: api-key}\n"
    message = refusal("local", ("kind: extractive", server))
    assert "ragspan:models.llm.pool" in message
    assert "nothing here: the cluster has no GPU pool; name a pool of kind gpu, or write kind: extractive" in message


@pytest.mark.parametrize(
    ("url", "beside", "sentence"),
    [
        (
            "http://nim.nim.svc:8000/v1",
            "",
            "models.llm.url: the network policy would not let the answer service reach it",
        ),
        (
            "https://api.example:8443/v1",
            "",
            "allowed: https:// at port 443, or namespace or cidr beside it; add namespace",
        ),
        (
            "https://api.example/v1",
            "namespace: nim\n      cidr: 10.7.0.0/24",
            "models.llm.cidr: the server runs in this",
        ),
        ("api.example/v1", "", "models.llm.url: not of the right form"),
    ],
)
def test_a_model_server_that_could_not_be_reached_is_refused(
    refusal: Refusal, url: str, beside: str, sentence: str
) -> None:
    server = f"kind: endpoint\n      url: {url}\n      model: m\n      max_answer_tokens: 64\n      {beside}\n"
    assert sentence in refusal("local", ("kind: extractive", server))
