"""Manifests are files that a person or another tool can read, the same for the same stack."""

from pathlib import Path

import pulumi
import pulumi_kubernetes as k8s
import pytest
import yaml

from ops.plan.graph import RecordedStack
from ops.plan.manifests import NotRendered, render
from tests.support.recording import recorded


def stack() -> RecordedStack:
    def program() -> None:
        k8s.core.v1.Namespace("ns", metadata={"name": "rag"})
        script = {"run.sh": "one\ntwo\n"}
        k8s.core.v1.ConfigMap("script", metadata={"namespace": "rag", "name": "script"}, data=script)
        k8s.core.v1.ConfigMap("generated", data={"key": pulumi.Output.secret("canary")})
        k8s.Provider("cluster", context="kind")

    return recorded(program)


def test_each_object_is_a_file_named_by_kind_namespace_and_name(tmp_path: Path) -> None:
    assert render(stack(), tmp_path) == 3
    assert sorted(file.name for file in (tmp_path / "test").iterdir()) == [
        "ConfigMap-generated.yaml",
        "ConfigMap-rag-script.yaml",
        "Namespace-rag.yaml",
    ]


def test_a_manifest_reads_as_kubernetes_writes_it(tmp_path: Path) -> None:
    render(stack(), tmp_path)
    text = (tmp_path / "test" / "ConfigMap-rag-script.yaml").read_text()

    assert list(yaml.safe_load(text)) == ["apiVersion", "kind", "metadata", "data"]
    assert "run.sh: |\n    one\n    two\n" in text
    assert "key: <secret>" in (tmp_path / "test" / "ConfigMap-generated.yaml").read_text()


def test_rendering_again_replaces_what_was_rendered(tmp_path: Path) -> None:
    render(stack(), tmp_path)
    first = {file.name: file.read_bytes() for file in (tmp_path / "test").iterdir()}
    (tmp_path / "test" / "Gone.yaml").write_bytes(first["Namespace-rag.yaml"])
    render(stack(), tmp_path)

    assert {file.name: file.read_bytes() for file in (tmp_path / "test").iterdir()} == first


def test_a_folder_with_other_files_is_left_alone(tmp_path: Path) -> None:
    render(stack(), tmp_path)
    (tmp_path / "test" / "mine.yaml").write_text("a: 1\n")
    before = sorted((tmp_path / "test").iterdir())

    with pytest.raises(NotRendered, match=r"holds mine\.yaml, which was not rendered here"):
        render(stack(), tmp_path)
    assert sorted((tmp_path / "test").iterdir()) == before


def test_two_objects_of_one_identity_are_refused(tmp_path: Path) -> None:
    def program() -> None:
        for name in ("a", "b"):
            k8s.core.v1.ConfigMap(name, metadata={"namespace": "rag", "name": "same"})

    with pytest.raises(NotRendered, match="share kind, namespace and name"):
        render(recorded(program), tmp_path)
