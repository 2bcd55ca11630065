# SPDX-License-Identifier: Apache-2.0
"""What lies in a log's folder beside what its checkpoints promise is looked at as well."""

from pathlib import Path

import pytest

from keystead.client.fetcher import FolderFetcher
from support.audited_history import AuditedHistory
from support.log_folder import files_of, write_folder


@pytest.fixture
def history(tmp_path: Path) -> AuditedHistory:
    """A log whose folder has the files of every checkpoint that it signed, and an object that no entry names."""
    history = AuditedHistory()
    for number in range(1, 5):
        history.certificate(f"Organization {number}", serial=number)
        write_folder(files_of(history.log), tmp_path / "log")
    write_folder({"evidence/" + "b" * 64: b"no evidence"}, tmp_path / "elsewhere")
    return history


@pytest.mark.parametrize(
    "path",
    [
        "issuance/tile/data/000.p/2",
        "issuance/tile/0/000.p/3",
        "statements/tile/entries/000.p/3",
        "statements/tile/0/000.p/4",
    ],
)
async def test_older_partial_files(history: AuditedHistory, tmp_path: Path, path: str) -> None:
    """An older partial file that was altered, cut short, or is of another tree is named."""
    log = tmp_path / "log"
    fetcher = FolderFetcher(log)
    assert (await history.audit_now(fetcher, folder=log)).ok
    right = (log / path).read_bytes()
    for wrong in (right[:-1], right[:-1] + bytes([right[-1] ^ 1]), right + b"\0", b""):
        (log / path).write_bytes(wrong)
        report = await history.audit_now(fetcher, folder=log)
        assert [(one.code, one.path) for one in report.problems] == [("leftover-altered", path)]
        assert (await history.audit_now(fetcher)).ok, "over HTTP nobody can list it"
    (log / path).unlink()
    assert (await history.audit_now(fetcher, folder=log)).ok


async def test_objects_that_nothing_names(history: AuditedHistory, tmp_path: Path) -> None:
    """Objects are named by their hash, whether or not an entry names them; what has other names is left alone."""
    log = tmp_path / "log"
    write_folder(
        {"evidence/" + "b" * 64: b"no evidence", "policy/README": b"", "issuance/issuer/x": b""}, log
    )
    report = await history.audit_now(FolderFetcher(log), folder=log)
    assert [(one.code, one.path) for one in report.problems] == [("leftover-altered", "evidence/" + "b" * 64)]


async def test_what_is_wrong_is_named_once(history: AuditedHistory, tmp_path: Path) -> None:
    """An altered file that an entry or the tree needs is not named again as a leftover, nor are those before it."""
    log = tmp_path / "log"
    path = log / "issuance/tile/data/000.p/4"
    path.write_bytes(bytes([path.read_bytes()[0] ^ 1]) + path.read_bytes()[1:])
    (evidence, *_) = sorted((log / "evidence").iterdir())
    evidence.write_bytes(b"else")
    report = await history.audit_now(FolderFetcher(log), folder=log)
    assert {(one.code, one.path) for one in report.problems} == {
        ("entry-altered", "issuance/tile/data/000.p/4"),
        ("evidence-altered", f"evidence/{evidence.name}"),
    }


async def test_a_continued_audit_looks_at_what_changed(history: AuditedHistory, tmp_path: Path) -> None:
    """Files of tiles that did not change since the earlier audit were looked at then."""
    log, state = tmp_path / "log", tmp_path / "state"
    assert (await history.audit_now(FolderFetcher(log), folder=log, state=state)).kept
    (log / "issuance/tile/0/000.p/3").write_bytes(bytes(96))
    assert (await history.audit_now(FolderFetcher(log), folder=log, state=state)).ok
    history.certificate("Organization 5", serial=5)
    write_folder(files_of(history.log), log)
    report = await history.audit_now(FolderFetcher(log), folder=log, state=state)
    assert [one.path for one in report.problems] == ["issuance/tile/0/000.p/3"]
    assert not report.kept
