# SPDX-License-Identifier: Apache-2.0
"""One server on one data folder."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from keystead.errors import StoreError
from keystead_server.storage.lock import FolderLock

HOLD = """
import sys
from pathlib import Path
from keystead_server.storage.lock import FolderLock
lock = FolderLock(Path(sys.argv[1]))
print("held", flush=True)
sys.stdin.read()
"""


def hold(folder: Path) -> subprocess.Popen[str]:
    """Another process that holds the lock until its input ends or it is killed."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def test_a_second_server_is_refused_and_told_who_holds_the_folder(tmp_path: Path) -> None:
    """The sentence names the folder and the process."""
    other = hold(tmp_path)
    with pytest.raises(StoreError) as caught:
        FolderLock(tmp_path)
    other.communicate("")

    assert str(tmp_path) in str(caught.value)
    assert f"process {other.pid}" in str(caught.value)


def test_the_lock_is_free_once_its_holder_was_killed(tmp_path: Path) -> None:
    """No file has to be removed by hand."""
    other = hold(tmp_path)
    other.kill()
    other.communicate()

    with FolderLock(tmp_path):
        assert (tmp_path / "lock").read_text() == f"{os.getpid()}\n"


def test_also_two_in_one_process_exclude_each_other(tmp_path: Path) -> None:
    """And closing, which may be repeated, lets the next one in."""
    first = FolderLock(tmp_path)
    with pytest.raises(StoreError, match="in use"):
        FolderLock(tmp_path)
    first.close()
    first.close()

    FolderLock(tmp_path).close()


def test_a_program_that_the_server_starts_does_not_inherit_the_lock(tmp_path: Path) -> None:
    """Else the folder would stay locked after the server's end."""
    program = [sys.executable, "-c", "print('runs', flush=True); input()"]
    with FolderLock(tmp_path):
        child = subprocess.Popen(program, stdin=subprocess.PIPE, stdout=subprocess.PIPE, close_fds=False)
        assert child.stdout is not None
        assert child.stdout.readline() == b"runs\n"

    FolderLock(tmp_path).close()
    child.communicate(b"\n")


def test_a_folder_that_is_not_there_is_an_error_of_ours(tmp_path: Path) -> None:
    """With its path."""
    with pytest.raises(StoreError, match="absent"):
        FolderLock(tmp_path / "absent")
