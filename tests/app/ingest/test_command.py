"""`ragspan ingest` as a user calls it; in a process of its own where that matters, as its start takes seconds."""

import asyncio
import errno
import json
import os
import subprocess
import sys
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from app.adapters.data_folder import DataFolder
from app.adapters.embedded_store import EmbeddedStore
from app.adapters.wordllama import WordLlamaEmbedder
from app.ingest.document import UnreadableDocument
from app.ingest.files import find_files, read_file
from app.ingest.identity import index_identity
from app.ports import DocumentRecord
from ragspan.cli import main
from tests.support.documents import blank_pdf, pdf

RAGSPAN = [str(Path(sys.executable).with_name("ragspan"))]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two good files, a broken one, one of an unknown kind, and hidden ones."""
    folder = tmp_path / "files"
    (folder / ".git").mkdir(parents=True)
    (folder / "deep").mkdir()
    (folder / "a.md").write_text("# Cats\n\nThe cat is called Tom.")
    (folder / "deep" / "b.pdf").write_bytes(pdf("Dogs bark"))
    (folder / "broken.pdf").write_bytes(blank_pdf())
    (folder / "picture.png").write_bytes(b"\x89PNG")
    (folder / ".hidden.md").write_text("hidden")
    (folder / ".git" / "c.md").write_text("hidden")
    return folder


def environment(tmp_path: Path, **variables: str) -> dict[str, str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("RAGSPAN_")}
    return clean | {"RAGSPAN_DATA_DIR": str(tmp_path / "data")} | variables


def ingest(tmp_path: Path, *arguments: object, **variables: str) -> Result:
    runner = CliRunner(env=dict.fromkeys(os.environ) | environment(tmp_path, **variables))
    return runner.invoke(main, ["ingest", *map(str, arguments)])


def ingest_json(tmp_path: Path, *arguments: object) -> tuple[int, dict[str, Any]]:
    done = ingest(tmp_path, *arguments, "--json")
    return done.exit_code, json.loads(done.stdout)


def ingest_in_a_process(tmp_path: Path, *arguments: object) -> subprocess.CompletedProcess[str]:
    command = [*RAGSPAN, "ingest", *map(str, arguments)]
    return subprocess.run(command, env=environment(tmp_path), capture_output=True, text=True, check=False, timeout=60)


def test_a_folder_is_ingested_and_what_was_left_out_is_named(tmp_path: Path, folder: Path) -> None:
    done = ingest_in_a_process(tmp_path, folder)
    assert done.returncode == 1
    lines = done.stdout.splitlines()
    assert lines[0].split() == ["created", "2", "files", "2", "chunks"]
    assert lines[3].split() == ["skipped", "1", "files"]
    assert lines[4].strip().startswith(f"{folder}/broken.pdf: There is no text in it")
    assert lines[5].split() == ["ignored", "1", "files:", "1", ".png"]
    assert "created   " + str(folder / "a.md") in done.stderr
    assert "hidden" not in done.stdout + done.stderr


def test_running_it_again_changes_nothing_and_says_so(tmp_path: Path, folder: Path) -> None:
    (folder / "broken.pdf").unlink()
    _, first = ingest_json(tmp_path, folder)
    code, again = ingest_json(tmp_path, folder, folder / "a.md")
    assert code == 0
    assert first["counts"] == {"created": 2, "updated": 0, "unchanged": 0, "skipped": 0}
    assert again["counts"] == {"created": 0, "updated": 0, "unchanged": 2, "skipped": 0}
    assert [file["version"] for file in again["files"]] == [file["version"] for file in first["files"]]
    assert "Nothing changed" in ingest(tmp_path, folder).stdout


def test_a_changed_file_is_updated_and_an_older_one_refused(tmp_path: Path, folder: Path) -> None:
    path = folder / "a.md"
    ingest(tmp_path, path)
    path.write_text("The cat is called Felix.")
    assert ingest_json(tmp_path, path)[1]["counts"]["updated"] == 1
    path.write_text("The cat is called Oldie.")
    os.utime(path, (1, 1))
    code, report = ingest_json(tmp_path, path)
    assert code == 1
    assert "newer version" in report["files"][0]["reason"]


def test_a_file_that_is_named_is_reported_even_if_its_kind_is_unknown(tmp_path: Path, folder: Path) -> None:
    code, report = ingest_json(tmp_path, folder / "picture.png")
    assert code == 1
    assert report["files"][0]["reason"].startswith(".png is not a format")


def test_a_file_over_the_limit_is_skipped_with_the_limit(tmp_path: Path, folder: Path) -> None:
    done = ingest(tmp_path, folder / "a.md", RAGSPAN_MAX_UPLOAD_BYTES="10")
    assert "RAGSPAN_MAX_UPLOAD_BYTES allows 10" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "variables", "message"),
    [
        (["/nowhere/at/all"], {}, "does not exist"),
        ([], {}, "Missing argument"),
        (["."], {"RAGSPAN_DATADIR": "x"}, "RAGSPAN_DATA_DIR"),
        ([".", "--api-key-file", "/nowhere/at/all"], {}, "does not exist"),
        ([".", "--server", "http://127.0.0.1:9", "--tenant", "acme"], {}, "leave it out"),
        ([".", "--tenant", "a b"], {}, "the tenant 'a b' is not allowed"),
        ([".", "--api-key-file", __file__], {}, "holds no key"),
        ([".", "--api-key-file", sys.executable], {}, "holds no key"),
        ([".", "--group", "h r"], {}, "the group 'h r' is not allowed"),
        ([".", "--metadata", "year="], {}, "the value of year is not 1 to"),
    ],
)
def test_bad_input_is_status_2_and_a_sentence(
    tmp_path: Path, arguments: list[str], variables: dict[str, str], message: str
) -> None:
    done = ingest(tmp_path, *arguments, **variables)
    assert (done.exit_code, message in done.stderr) == (2, True)


def test_bad_input_leaves_no_traceback_of_the_process(tmp_path: Path) -> None:
    done = ingest_in_a_process(tmp_path, ".", "--metadata", "year")
    assert done.returncode == 2
    assert done.stderr.endswith("Error: --metadata year has no value; write KEY=VALUE.\n")
    assert "Traceback" not in done.stderr


def test_a_folder_that_another_ingest_holds_is_left_alone(tmp_path: Path, folder: Path) -> None:
    with DataFolder.acquire(tmp_path / "data", None):
        done = ingest_in_a_process(tmp_path, folder)
    assert done.returncode == 1
    assert f"process {os.getpid()} holds it" in done.stderr


@pytest.mark.parametrize(
    ("address", "reason"),
    [
        (
            "http://127.0.0.1:9",
            "http://127.0.0.1:9/v1/documents cannot be reached: Cannot connect to host 127.0.0.1:9 ",
        ),
        ("localhost:8000", "localhost:8000/v1/documents is no web address; write http://"),
        ("http://[::1", "is no web address; write http://"),
    ],
)
def test_a_server_that_cannot_be_asked_is_named_with_the_reason(
    tmp_path: Path, folder: Path, address: str, reason: str
) -> None:
    done = ingest(tmp_path, folder, "--server", address)
    assert (done.exit_code, done.stderr.startswith("Error: "), reason in done.stderr) == (1, True, True)


def test_a_folder_that_cannot_be_opened_is_reported_like_a_file(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scan = os.scandir

    def refusing(path: str) -> Iterator[os.DirEntry[str]]:
        if path.endswith("deep"):
            raise PermissionError(errno.EACCES, "Permission denied", path)
        return scan(path)

    monkeypatch.setattr(os, "scandir", refusing)
    found = find_files([folder])
    assert [path.name for path in found.paths] == ["a.md", "broken.pdf", "deep"]
    with pytest.raises(UnreadableDocument, match="It cannot be read"):
        read_file(found.paths[-1], 1_000_000)


@pytest.fixture
def server(tmp_path: Path) -> Generator[str]:
    with subprocess.Popen(
        [*RAGSPAN, "serve"], env=environment(tmp_path, RAGSPAN_PORT="0"), stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout
        yield next(word for word in process.stdout.readline().split() if word.startswith("http"))
        process.terminate()


def test_files_go_through_the_server_that_holds_the_data_folder(tmp_path: Path, folder: Path, server: str) -> None:
    code, report = ingest_json(tmp_path, folder)
    assert (code, report["target"]) == (1, f"server {server}")
    assert report["counts"] == {"created": 2, "updated": 0, "unchanged": 0, "skipped": 1}
    assert "no text" in next(file["reason"] for file in report["files"] if file["status"] == "skipped")
    assert ingest_json(tmp_path, folder)[1]["counts"]["unchanged"] == 2


def test_files_get_the_groups_and_metadata_that_are_named_and_keep_them(tmp_path: Path, folder: Path) -> None:
    named = ("--group", "hr", "--group", "board", "--metadata", "year=2024", "--metadata", "sum=1=1")
    _, first = ingest_json(tmp_path, folder / "a.md", *named)
    (folder / "a.md").write_text("# Cats\n\nThe cat is called Tim.")
    _, second = ingest_json(tmp_path, folder / "a.md")
    assert [run["files"][0]["status"] for run in (first, second)] == ["created", "updated"]
    (record,) = published(tmp_path / "data")
    assert (record.groups, record.tags) == (("board", "hr"), ("sum=1=1", "year=2024"))


def published(data_dir: Path) -> list[DocumentRecord]:
    async def read() -> list[DocumentRecord]:
        store = EmbeddedStore(data_dir)
        await store.open(index_identity(WordLlamaEmbedder()))
        page = await store.list_documents("default", 100)
        await store.close()
        return sorted(page.documents, key=lambda record: record.source_uri)

    return asyncio.run(read())
