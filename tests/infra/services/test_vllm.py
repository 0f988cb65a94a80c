"""The model server gets whole GPUs, room for its weights, and time to load them."""

from tests.infra.services.samples import (
    VLLM,
    changed,
    controller,
    environment,
    manifest,
    pod,
    secret,
    secret_environment,
    vllm,
)


def test_a_replica_takes_whole_gpus_on_its_pool() -> None:
    spec = pod(vllm(changed(VLLM, gpus=2)), "llm")
    container = spec["containers"][0]
    assert container["resources"]["limits"]["nvidia.com/gpu"] == "2"
    assert "--tensor-parallel-size=2" in container["args"]
    assert spec["nodeSelector"] == {"pool": "gpu"}
    taint = {"key": "nvidia.com/gpu", "operator": "Equal", "value": "present", "effect": "NoSchedule"}
    assert spec["tolerations"] == [taint]


def test_it_tells_the_autoscaler_what_its_pool_says() -> None:
    template = controller(vllm(), "llm")["spec"]["template"]
    assert template["metadata"]["annotations"] == {"stays": "true"}


def test_the_model_is_served_under_its_own_name() -> None:
    container = pod(vllm(), "llm")["containers"][0]
    assert container["command"] == ["vllm", "serve"]
    assert container["args"][:2] == ["Qwen/Qwen3-8B", "--served-model-name=Qwen/Qwen3-8B"]
    assert "--max-model-len=8192" in container["args"]


def test_start_up_may_take_as_long_as_the_config_says() -> None:
    probe = pod(vllm(), "llm")["containers"][0]["startupProbe"]
    assert probe["periodSeconds"] * probe["failureThreshold"] == 1210, "1205 s, rounded up to whole periods"
    deployment = vllm().named("llm-deployment")
    assert deployment.inputs["spec"]["progressDeadlineSeconds"] > 1210
    assert deployment.options["customTimeouts"]["create"] == f"{900 + 2 * (1210 + 120)}s"


def test_weights_and_caches_have_writable_bounded_folders() -> None:
    stack = vllm()
    container = pod(stack, "llm")["containers"][0]
    paths = {mount["name"]: mount["mountPath"] for mount in container["volumeMounts"]}
    sizes = {paths[volume["name"]]: volume["emptyDir"] for volume in pod(stack, "llm")["volumes"]}
    env = environment(stack, "llm")
    assert sizes[env["HF_HUB_CACHE"]] == {"sizeLimit": "20Gi"}
    assert sizes[env["HOME"]] == {"sizeLimit": "20Gi"}
    assert sizes["/dev/shm"] == {"medium": "Memory", "sizeLimit": "2Gi"}
    assert container["resources"]["limits"]["ephemeral-storage"] == "42Gi"


def test_gated_weights_need_a_token_and_others_none() -> None:
    assert secret_environment(vllm(), "llm") == {"VLLM_API_KEY": ("llm-api-key", "key")}
    gated = vllm(changed(VLLM, hugging_face_token=secret("hugging-face").model_dump()))
    assert secret_environment(gated, "llm")["HF_TOKEN"] == ("hugging-face", "key")


def test_an_update_asks_for_no_gpu_more_than_the_replicas() -> None:
    rolling = controller(vllm(), "llm")["spec"]["strategy"]["rollingUpdate"]
    assert rolling == {"maxSurge": 0, "maxUnavailable": 1}


def test_it_reaches_the_internet_for_weights_and_no_private_address() -> None:
    spec = manifest(vllm(), "NetworkPolicy", "llm")["spec"]
    (internet,) = spec["egress"]
    assert internet["ports"] == [{"port": 443, "protocol": "TCP"}]
    block = internet["to"][0]["ipBlock"]
    assert block["cidr"] == "0.0.0.0/0"
    assert {"10.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.168.0.0/16"} <= set(block["except"])
