"""Bad input of `ragspan rehearse` ends in words and status 2, before anything is started."""

import base64
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner, Result

from ops.rehearse.command import rehearse


def call(*arguments: str) -> Result:
    return CliRunner().invoke(rehearse, arguments)


@pytest.mark.parametrize("arguments", [(), ("--all", "local")])
def test_stacks_are_named_or_all_are_meant(arguments: tuple[str, ...]) -> None:
    result = call(*arguments)
    assert (result.exit_code, "Name stacks or give --all." in result.output) == (2, True)


@pytest.mark.parametrize("arguments", [("--context", "k3d-ragspan"), ("--disposable",)])
def test_another_cluster_is_touched_only_if_it_is_called_disposable(arguments: tuple[str, ...]) -> None:
    result = call("local", *arguments)
    assert (result.exit_code, "--context and --disposable go together" in result.output) == (2, True)


def test_an_unknown_stack_is_named() -> None:
    result = call("locl")
    assert (result.exit_code, "There is no stack 'locl'" in result.output) == (2, True)


def test_missing_programs_are_named_with_how_to_get_them(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr("ops.rehearse.binaries.CACHE", tmp_path)
    result = call("local")
    assert result.exit_code == 2
    assert (
        "local: etcd, kube-apiserver, kube-scheduler, kube-controller-manager, kwok: neither on PATH" in result.output
    )
    assert "make parts" in result.output


def kubeconfig(folder: Path, user: dict[str, object], cluster: dict[str, object]) -> Path:
    config = {
        "contexts": [{"name": "mine", "context": {"cluster": "mine", "user": "me"}}],
        "clusters": [{"name": "mine", "cluster": {"server": "https://127.0.0.1:1", **cluster}}],
        "users": [{"name": "me", "user": user}],
    }
    path = folder / "config"
    path.write_text(yaml.safe_dump(config))
    return path


AUTHORITY: dict[str, object] = {"certificate-authority-data": base64.b64encode(b"none").decode()}


@pytest.mark.parametrize(
    ("context", "user", "cluster", "words"),
    [
        ("other", {}, AUTHORITY, "The kubeconfig has no 'other' among its contexts; it has mine."),
        ("mine", {"exec": {"command": "gke-gcloud-auth-plugin"}}, AUTHORITY, "signs in by exec"),
        ("mine", {"token": "t"}, {"insecure-skip-tls-verify": True}, "its server could be anyone"),
    ],
)
def test_a_context_that_cannot_be_used_is_refused(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    context: str,
    user: dict[str, object],
    cluster: dict[str, object],
    words: str,
) -> None:
    monkeypatch.setenv("KUBECONFIG", str(kubeconfig(tmp_path, user, cluster)))
    monkeypatch.setattr("ops.rehearse.binaries.CACHE", tmp_path)
    (tmp_path / "kwok").touch(0o755)
    result = call("local", "--context", context, "--disposable")
    assert (result.exit_code, words in result.output) == (2, True), result.output
