import json

from infra.clusters.kubeconfig import exec_kubeconfig


def test_no_kubeconfig_holds_a_credential():
    text = exec_kubeconfig(
        name="c", server="https://host", command="aws", arguments=["eks", "get-token"], install_hint="install it"
    )
    (user,) = json.loads(text)["users"]
    assert list(user["user"]) == ["exec"]
    assert user["user"]["exec"]["args"] == ["eks", "get-token"]


def test_a_cluster_that_signs_its_own_certificate_is_trusted_by_its_authority():
    text = exec_kubeconfig(name="c", server="https://h", command="aws", arguments=[], install_hint="", ca_data="Q0E=")
    assert json.loads(text)["clusters"][0]["cluster"] == {"server": "https://h", "certificate-authority-data": "Q0E="}


def test_its_one_context_is_the_current_one():
    config = json.loads(exec_kubeconfig(name="c", server="https://h", command="x", arguments=[], install_hint=""))
    assert config["current-context"] == "c"
    assert config["contexts"] == [{"name": "c", "context": {"cluster": "c", "user": "c"}}]
