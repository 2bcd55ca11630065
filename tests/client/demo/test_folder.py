# SPDX-License-Identifier: Apache-2.0
"""Where a demonstration leaves what it makes."""

import stat
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from keystead.demo.folder import DemoFolder
from keystead.errors import StoreError, UsageError


def test_an_absent_or_empty_folder_is_taken(tmp_path: Path) -> None:
    """Both are filled with the demonstration's own folders."""
    (tmp_path / "empty").mkdir()

    for name in ("empty", "deep/absent"):
        folder = DemoFolder(tmp_path / name)
        assert {path.name for path in folder.path.iterdir()} == {
            "keys",
            "certificates",
            "evidence",
            "statements",
        }


def test_somebodys_files_are_left_alone(tmp_path: Path) -> None:
    """A folder with something in it is a usage error, and nothing is added."""
    (tmp_path / "letter.txt").write_text("dear")

    with pytest.raises(UsageError, match="not empty"):
        DemoFolder(tmp_path)

    assert [path.name for path in tmp_path.iterdir()] == ["letter.txt"]


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    """A file in the way is said to be there."""
    (tmp_path / "file").write_text("x")

    with pytest.raises(StoreError):
        DemoFolder(tmp_path / "file")


def test_without_a_name_the_next_free_one_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A second demonstration does not disturb the first."""
    monkeypatch.chdir(tmp_path)

    names = [DemoFolder(None).path.name for _ in range(3)]

    assert names == ["keystead-demo", "keystead-demo-2", "keystead-demo-3"]


def test_private_keys_are_their_owners_alone(tmp_path: Path) -> None:
    """Mode 0600 from the first moment."""
    folder = DemoFolder(tmp_path / "demo")
    folder.write_key("party", Ed25519PrivateKey.generate())

    assert stat.S_IMODE((folder.path / "keys" / "party.pem").stat().st_mode) == 0o600
    assert b"PUBLIC KEY" in (folder.path / "keys" / "party.pub.pem").read_bytes()


def test_shown_paths_can_be_typed(tmp_path: Path) -> None:
    """A folder with a space in its name is quoted for the shell."""
    folder = DemoFolder(tmp_path / "my demo")

    assert folder.shown("log") == f"'{tmp_path}/my demo/log'"
