# SPDX-License-Identifier: Apache-2.0
"""The state of an audit: kept whole or not at all, and refused where it is damaged."""

import sqlite3
from pathlib import Path

import pytest

from keystead.audit.edge import EMPTY_EDGE
from keystead.audit.issuance import EntryFacts
from keystead.audit.problem import Problem
from keystead.audit.state import ISSUANCE, AuditState, split_digests
from keystead.errors import StoreError
from support.audited_history import AuditedHistory, small_history


@pytest.fixture
def history() -> AuditedHistory:
    """A log with something of everything."""
    return small_history()


def test_what_is_not_kept_is_forgotten(history: AuditedHistory, tmp_path: Path) -> None:
    """A state that was not kept leaves no file; one that was is there again, problems with their proof included."""
    path, trust = tmp_path / "state", history.log.trust
    problem = Problem("fork", "a", "it \u202e forked", 3, "a/b", signed=True, evidence={"old": b"\x00\xff"})
    with AuditState(path, trust) as state:
        state.set_number("answer", 42)
    assert not path.exists()
    with AuditState(path, trust) as state:
        state.set_number("answer", 42)
        state.add_problems([problem, problem])
        state.keep()
    with AuditState(path, trust) as state:
        assert state.number("answer") == 42
        assert state.number("nothing") == -1
        assert state.problems() == [problem]
        assert state.problems()[0].evidence == problem.evidence
        assert state.edge(ISSUANCE) == EMPTY_EDGE
        state.set_number("answer", 43)
    with AuditState(path, trust) as state:
        assert state.number("answer") == 42


def test_devices_are_known_from_the_earliest_time(history: AuditedHistory) -> None:
    """That a CA has a certificate on a device is kept once, from the first time on that anything says so."""
    facts = EntryFacts(
        20, True, bytes(32), b"k" * 32, bytes(32), bytes(32), b"c" * 64, 9, True, None, b"d" * 64
    )
    with AuditState(None, history.log.trust) as state:
        state.add_entries([(0, facts), (1, None), (2, facts._replace(time=30))])
        state.add_devices([b"d" * 32], b"k" * 32, 10)
        rows = state.db.execute("SELECT device, issuer_key_hash, time FROM on_device").fetchall()
        assert rows == [(b"d" * 32, b"k" * 32, 10)]
        assert state.db.execute("SELECT idx, time FROM entry ORDER BY idx").fetchall() == [
            (0, 20),
            (1, None),
            (2, 30),
        ]
        assert state.db.execute("SELECT count(*) FROM chain").fetchone() == (1,)
    assert split_digests(b"a" * 32 + b"b" * 32) == [b"a" * 32, b"b" * 32]


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE tree SET checkpoint = x'00'",
        "UPDATE tree SET size = size + 1",
        "DELETE FROM edge",
        "DROP TABLE said",
        "PRAGMA user_version = 99",
        "PRAGMA application_id = 7",
    ],
)
async def test_a_damaged_state(history: AuditedHistory, tmp_path: Path, damage: str) -> None:
    """A state that somebody altered so that it holds no more is refused with one sentence."""
    path = tmp_path / "state"
    assert (await history.audit_now(state=path)).kept
    with sqlite3.connect(path, isolation_level=None) as db:
        db.execute(damage)
    history.certificate("Epsilon AS", serial=9)
    with pytest.raises(StoreError):
        await history.audit_now(state=path)


async def test_a_state_that_was_cut_short(history: AuditedHistory, tmp_path: Path) -> None:
    """A file that ends in the middle is refused, and not taken for an empty one."""
    path = tmp_path / "state"
    assert (await history.audit_now(state=path)).kept
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(StoreError):
        await history.audit_now(state=path)
    with pytest.raises(StoreError, match="cannot be opened"):
        await history.audit_now(state=tmp_path / "nowhere" / "state")
