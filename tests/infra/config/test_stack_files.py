from pathlib import Path

import pytest

from infra.config.errors import ConfigError
from infra.config.load import from_file, placeholders, stack_files
from infra.config.stack import warnings
from ops.plan.program import plan_stack
from tests.infra.config.conftest import refused

SHIPPED = stack_files()


def test_each_kind_of_cluster_has_a_shipped_stack_file():
    assert {from_file(path).cluster.kind for path in SHIPPED.values()} == {"existing", "gke", "eks"}


@pytest.mark.parametrize("stack", SHIPPED)
def test_a_shipped_stack_file_is_accepted_and_named_by_its_contents(stack: str):
    assert from_file(SHIPPED[stack]).name == stack


def test_another_region_is_another_file_and_nothing_else(tmp_path: Path):
    path = tmp_path / "Pulumi.prod-gcp-us-central1.yaml"
    path.write_text(SHIPPED["prod-gcp-europe-west4"].read_text().replace("europe-west4", "us-central1"))
    assert list(stack_files(tmp_path)) == [from_file(path).name]


@pytest.mark.parametrize("stack", SHIPPED)
def test_editors_find_the_schema_of_a_stack_file(stack: str):
    first_line = SHIPPED[stack].read_text().splitlines()[0]
    prefix, _, reference = first_line.partition("$schema=")
    assert prefix == "# yaml-language-server: "
    assert (SHIPPED[stack].parent / reference).is_file()


def test_placeholders_are_found_wherever_they_stand():
    assert placeholders(from_file(SHIPPED["prod-aws-us-east-1"])) == [
        "ragspan:cluster.account_id",
        "ragspan:cluster.admin_role_arn",
        "ragspan:cache.host",
        "ragspan:app.image.repository",
        "ragspan:app.image.digest",
        "ragspan:app.hosts[0]",
    ]


def test_the_local_stack_runs_as_it_is_shipped():
    assert placeholders(from_file(SHIPPED["local"])) == []


def test_a_missing_stack_file_names_those_that_exist(tmp_path: Path):
    (tmp_path / "Pulumi.dev.yaml").touch()
    with pytest.raises(ConfigError, match=r"Pulumi\.prod\.yaml: there is no such stack file; .*: Pulumi\.dev\.yaml$"):
        from_file(tmp_path / "Pulumi.prod.yaml")


def test_a_file_is_named_as_seen_from_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path.parent)
    with pytest.raises(ConfigError) as caught:
        from_file(tmp_path / "Pulumi.prod.yaml")
    assert str(caught.value).startswith(f"{tmp_path.name}/Pulumi.prod.yaml: ")


def test_a_file_of_another_name_is_no_stack_file(tmp_path: Path):
    with pytest.raises(ConfigError, match=r"prod\.yaml: not the name of a stack file; name it Pulumi\.<stack>\.yaml"):
        from_file(tmp_path / "prod.yaml")


def test_a_file_that_cannot_be_read_says_why(tmp_path: Path):
    path = tmp_path / "Pulumi.local.yaml"
    path.write_bytes(b"config: \xff")
    with pytest.raises(ConfigError, match=r"cannot be read: .*; write it as UTF-8 text"):
        from_file(path)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "the file is empty"),
        ("- a\n", "a stack file is a mapping"),
        ("config:\n", "`config:` is a mapping of sections; found nothing"),
        ("confg: {}\n", "unknown top-level key confg; allowed: config, "),
        ("ragspan:app: {}\n", "unknown top-level key ragspan:app; allowed: config, "),
        ("config:\n  a: [\n", "line 3, column 1: "),
        ("config:\n  a: 1\n  a: 2\n", "line 3, column 3: the key a is there twice"),
        ("config:\n  1: a\n", "line 2, column 3: a key is text"),
        ("config: {a: !!python/object:os.system x}\n", "line 1, column 13: could not determine a constructor"),
        ("config: {a: \x00}\n", "special characters are not allowed"),
    ],
)
def test_yaml_that_is_no_stack_file_is_refused_in_a_line(text: str, said: str, tmp_path: Path):
    message = refused(tmp_path / "Pulumi.local.yaml", text)
    assert said in message
    assert "\n" not in message


def test_settings_of_pulumi_itself_are_left_to_it(tmp_path: Path):
    text = SHIPPED["local"].read_text().replace("config:\n", "encryptionsalt: v1:x\nconfig:\n  pulumi:tags: {a: b}\n")
    path = tmp_path / "Pulumi.local.yaml"
    path.write_text(text)
    assert from_file(path) == from_file(SHIPPED["local"])


def test_a_newer_kubernetes_minor_is_warned_of_with_the_catalogues_date(tmp_path: Path):
    path = tmp_path / "Pulumi.prod-gcp-europe-west4.yaml"
    path.write_text(SHIPPED["prod-gcp-europe-west4"].read_text().replace('"1.35"', '"1.99"'))
    config = from_file(path)
    (warning,) = warnings(config)
    assert "kubernetes_minor 1.99 is newer than 1.36" in warning
    assert "known on 2026-11-24" in warning
    assert plan_stack(config).warnings == (warning,)
