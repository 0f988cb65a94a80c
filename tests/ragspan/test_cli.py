"""The root command, as a user calls it."""

import json
import re
import signal
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from app.security.api_keys import find_key, parse_api_keys
from ragspan.lazy_group import LazyGroup

RAGSPAN = Path(sys.executable).with_name("ragspan")


def ragspan(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([RAGSPAN, *arguments], capture_output=True, text=True, check=False)


def test_help_lists_every_command_and_imports_none_of_them() -> None:
    code = "import sys, ragspan.cli as c; c.main(['--help'], standalone_mode=False); print(*sys.modules)"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    *lines, modules = result.stdout.splitlines()
    assert re.findall(r"^  (\w+) {2,}\w", "\n".join(lines), re.MULTILINE) == [
        "serve",
        "ingest",
        "key",
        "plan",
        "rehearse",
    ]
    assert {name.partition(".")[0] for name in modules.split()}.isdisjoint({"app", "ops", "infra", "pulumi", "fastapi"})


@pytest.mark.parametrize("command", ["serve", "ingest", "key", "plan", "rehearse"])
def test_every_command_explains_itself(command: str) -> None:
    result = ragspan(command, "--help")
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout.startswith(f"Usage: ragspan {command}")


def test_the_version_is_told() -> None:
    assert re.fullmatch(r"ragspan, version \d+\.\d+\.\d+\n", ragspan("--version").stdout)


def test_a_key_is_shown_once_beside_the_entry_that_accepts_it() -> None:
    out = ragspan("key", "ci", "--tenant", "acme").stdout
    key = re.findall(r"ragspan_[\w-]+", out)[0]
    keys = parse_api_keys(re.findall(r"ci:acme:[0-9a-f]{64}", out)[0])
    assert find_key(keys, key) is not None


def test_a_key_is_made_for_programs_too() -> None:
    made = json.loads(ragspan("key", "ci", "--tenant", "acme", "--scope", "query", "--json").stdout)
    found = find_key(parse_api_keys(made["entry"]), made["key"])
    assert found
    assert (found.name, found.tenant, found.scopes) == ("ci", "acme", {"query"})


def test_a_misspelt_command_is_answered_with_the_nearest() -> None:
    result = ragspan("plam", "local")
    assert (result.returncode, result.stdout) == (2, "")
    assert "No such command 'plam'; did you mean plan?" in result.stderr


@click.command()
def interrupted() -> None:
    raise KeyboardInterrupt


def test_ctrl_c_is_no_verdict() -> None:
    group = LazyGroup(lazy={"interrupted": (f"{__name__}:interrupted", "")})
    result = CliRunner().invoke(group, ["interrupted"])
    assert (result.exit_code, result.stderr) == (130, "\nInterrupted.\n")


def test_ctrl_c_ends_a_plan_at_once() -> None:
    with subprocess.Popen(
        [RAGSPAN, "plan", "--all"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as plan:
        assert plan.stderr
        first = plan.stderr.readline()
        plan.send_signal(signal.SIGINT)
        out, err = plan.communicate(timeout=60)
    assert "planned in" in first
    assert (plan.returncode, out) == (-signal.SIGINT, ""), err


@pytest.mark.parametrize("arguments", [("key", "a b"), ("key", "ci", "--tenant", "a:b"), ("key",), ("nonsense",)])
def test_bad_arguments_end_with_a_sentence_and_status_2(arguments: tuple[str, ...]) -> None:
    result = ragspan(*arguments)
    assert (result.returncode, result.stdout, "Traceback" in result.stderr) == (2, "", False)
    assert "Error: " in result.stderr
