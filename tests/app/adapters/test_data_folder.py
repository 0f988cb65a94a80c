"""The lock on a data folder, between real processes."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from app.adapters.data_folder import DataFolder, DataFolderInUse

HOLDER = """
import sys
from pathlib import Path
from app.adapters.data_folder import DataFolder
folder = DataFolder.acquire(Path(sys.argv[1]), "http://127.0.0.1:8000")
print("held", flush=True)
sys.stdin.read()
"""


def test_a_second_process_is_told_who_holds_it_and_a_killed_one_leaves_no_lock(tmp_path: Path) -> None:
    command = [sys.executable, "-c", HOLDER, str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout
        assert holder.stdout.readline() == b"held\n"
        with pytest.raises(DataFolderInUse) as refused:
            DataFolder.acquire(tmp_path, None)
        assert (refused.value.pid, refused.value.server_url) == (holder.pid, "http://127.0.0.1:8000")
        assert str(holder.pid) in str(refused.value)
        holder.kill()
    DataFolder.acquire(tmp_path, None).release()


def test_it_creates_the_folder_for_its_owner_only_and_can_be_taken_again(tmp_path: Path) -> None:
    folder = tmp_path / "new"
    with DataFolder.acquire(folder, None) as held:
        assert held.path == folder
        with pytest.raises(DataFolderInUse) as refused:
            DataFolder.acquire(folder, None)
        assert (refused.value.pid, refused.value.server_url) == (os.getpid(), None)
    with DataFolder.acquire(folder, "http://127.0.0.1:1"):
        assert folder.stat().st_mode & 0o777 == 0o700


def test_a_holder_that_has_not_yet_signed_is_unknown(tmp_path: Path) -> None:
    with DataFolder.acquire(tmp_path, None):
        (tmp_path / "holder.json").write_text("")
        with pytest.raises(DataFolderInUse, match="unknown"):
            DataFolder.acquire(tmp_path, None)
