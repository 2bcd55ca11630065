# SPDX-License-Identifier: Apache-2.0
"""An audit that continues from a state reports what one from nothing would; a log that changed its past is caught."""

import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest

from keystead.audit.report import AuditReport
from keystead.errors import StoreError, UsageError
from keystead.tlog.checkpoint import parse_checkpoint, verify_checkpoint
from keystead.tlog.note import parse_note
from support import random_history
from support.audited_history import AuditedHistory, no_sleep, small_history
from support.log_folder import ServedFiles, files_of


def verdict(report: AuditReport) -> AuditReport:
    """What must not depend on where an audit began."""
    return replace(
        report,
        continued_from={},
        heads_checked=0,
        evidence_checked=0,
        evidence_under_own_anchors=0,
        unjudged=0,
        kept=False,
    )


@pytest.mark.parametrize("seed", range(6))
async def test_continuing_equals_auditing_from_nothing(
    seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever a log holds, audited again after each few events: the verdict is that of an audit from nothing."""
    monkeypatch.setattr(random_history, "History", AuditedHistory)
    told = random_history.RandomHistory(seed)
    # One lie is certain; chance tells some more.
    lied = told.history.certificate("Lambda AB", serial=3)
    told.history.revoke(lied, by="South CA")
    state = tmp_path / "state"
    sizes = 0
    for step, history in enumerate(told.steps(40)):
        assert isinstance(history, AuditedHistory)
        if step % (seed + 2):
            continue
        continued = await history.audit_now(state=state)
        anew = await history.audit_now()
        assert verdict(continued) == verdict(anew)
        assert continued.kept
        assert sum(continued.continued_from.values()) == sizes
        sizes = continued.issuance_size + continued.statements_size
    assert "not-the-issuer" in {one.code for one in continued.problems}


async def test_growth_over_bundles_and_levels(tmp_path: Path) -> None:
    """Trees that grow past full bundles and tiles are continued from any size."""
    history = AuditedHistory()
    leaf = None
    for size in (1, 255, 256, 257, 511, 600, 65_536, 65_800):
        with history.one_batch():
            while len(history.log.issuance.entries) < size:
                if leaf is None:
                    issued = history.certificate("Alpha AB", serial=1, precertificate=True, evidence=False)
                    leaf = history.log.issuance.leaves[0]
                else:
                    history.log.add_leaf(
                        leaf.entry.signed,
                        leaf.fingerprints,
                        precertificate=leaf.precertificate,
                        issuer_key_hash=issued.ca.issuer_key_hash,
                    )
        report = await history.audit_now(state=tmp_path / "state", hashes_only=True)
        assert report.ok, report.problems[:3]
        assert report.kept
    assert report.continued_from["issuance"] == 65_536
    assert (await history.audit_now(hashes_only=True)).ok


async def test_a_fork_against_the_state(tmp_path: Path) -> None:
    """A log that shows another history than before: a fork, with both checkpoints; the new one is audited as well."""
    history = small_history()
    other = history.log.fork()
    assert (await history.audit_now(state=tmp_path / "state")).kept
    seen = history.log.issuance.checkpoint
    before = (tmp_path / "state").read_bytes()

    # The same log without its last entry, and another one in its place.
    history.log = other
    for tree in (other.issuance,):
        tree.entries.pop(), tree.leaves.pop(), tree.hashes.pop()
    history.certificate("Epsilon AS", ca=history.east)
    report = await history.audit_now(state=tmp_path / "state")

    (fork,) = report.problems
    assert (fork.code, fork.log, fork.path) == ("fork", "log.example/issuance", "issuance/checkpoint")
    assert fork.signed
    assert fork.evidence["old_checkpoint"] == seen
    assert fork.evidence["new_checkpoint"] == other.issuance.checkpoint
    verify_checkpoint(fork.evidence["new_checkpoint"], other.trust.issuance.key)
    assert not report.kept
    assert (tmp_path / "state").read_bytes() == before, "the state stays with the history that it knows"
    assert report.continued_from == {"issuance": 0, "statements": 0}


async def test_a_fork_that_hides_its_tiles(tmp_path: Path) -> None:
    """A fork is caught even where the log does not serve what the consistency proof is made of."""
    history = small_history()
    assert (await history.audit_now(state=tmp_path / "state")).kept
    tree = history.log.issuance
    history.relabel(4, timestamp=tree.leaves[4].entry.timestamp + 1)
    history.day(5)
    history.certificate("Epsilon AS", ca=history.east)
    files = files_of(history.log)
    del files["issuance/tile/0/000.p/6"]

    report = await history.audit_now(ServedFiles(files), state=tmp_path / "state")

    assert {one.code for one in report.problems} == {"tile-withheld", "fork"}
    assert not report.kept


async def test_a_rollback_against_the_state(tmp_path: Path) -> None:
    """A log that shows fewer entries than before is caught, in either log."""
    history = small_history()
    files = files_of(history.log)
    assert (await history.audit_now(state=tmp_path / "state")).kept
    history.log.statements.sign(0, size=8)
    files |= files_of(history.log)

    report = await history.audit_now(ServedFiles(files), state=tmp_path / "state")

    # The statement that is hidden is the policy under which an entry without evidence was admitted.
    assert [(one.code, one.log) for one in report.problems] == [
        ("backfill-needs-evidence", "log.example/issuance"),
        ("rollback", "log.example/statements"),
    ]
    assert not report.kept


async def test_entries_dated_before_the_state(tmp_path: Path) -> None:
    """What is logged later is dated later than every checkpoint that was signed before it."""
    history = small_history()
    assert (await history.audit_now(state=tmp_path / "state")).ok
    history.log.now_ms -= 1  # the time of the last batch, once more
    history.certificate("Epsilon AS", ca=history.east, serial=9)

    report = await history.audit_now(state=tmp_path / "state")

    assert ("batch-not-later", 5) in {(one.code, one.index) for one in report.problems}
    assert report.kept, "the log signed it: nothing takes it back"


async def test_what_is_missing_is_not_passed_over(tmp_path: Path) -> None:
    """An audit that misses a file keeps no state; once the file is there, the same audit finds nothing."""
    history = small_history()
    files = files_of(history.log)
    (evidence, *_) = (path for path in files if path.startswith("evidence/"))
    withheld = {path: data for path, data in files.items() if path != evidence}
    state = tmp_path / "state"

    report = await history.audit_now(ServedFiles(withheld), state=state)
    assert [one.path for one in report.problems] == [evidence]
    assert not report.kept
    assert not state.exists()

    report = await history.audit_now(ServedFiles(files), state=state)
    assert report.ok
    assert report.kept

    history.certificate("Epsilon AS", serial=9)
    grown = files_of(history.log)
    (evidence,) = (path for path in grown.keys() - files.keys() if path.startswith("evidence/"))
    before = state.read_bytes()
    report = await history.audit_now(
        ServedFiles({path: data for path, data in grown.items() if path != evidence}), state=state
    )
    assert not report.kept
    assert state.read_bytes() == before
    assert (await history.audit_now(ServedFiles(grown), state=state)).ok


async def test_what_was_signed_is_reported_again(tmp_path: Path) -> None:
    """What the log's signature proves stays in the state, and in every later report."""
    history = small_history()
    issued = history.certificate("Epsilon AS", serial=9)
    history.revoke(issued, by="South CA")
    state = tmp_path / "state"
    first = await history.audit_now(state=state)
    assert [one.code for one in first.problems] == ["not-the-issuer"]
    assert first.kept
    history.certificate("Zeta AB", serial=10)
    second = await history.audit_now(state=state)
    assert second.problems == first.problems
    assert second.continued_from["issuance"] == first.issuance_size


async def test_entries_whose_statements_are_not_published_yet(tmp_path: Path) -> None:
    """Between its two checkpoints a log is not accused: the newest entries wait, and are judged next time."""
    history = small_history()
    statements = {
        path: data for path, data in files_of(history.log).items() if path.startswith("statements/")
    }
    issued, _ = history.naming("Epsilon AS", 9)
    history.log.publish()
    files = files_of(history.log)
    served = ServedFiles({**files, **statements})
    state = tmp_path / "state"

    async def publish(seconds: float) -> None:
        served.files = files

    waiting = await history.audit_now(served, state=state, sleep=publish)
    assert waiting.ok
    assert waiting.waiting == 1
    assert waiting.kept
    finished = await history.audit_now(served, state=state)
    assert finished.ok
    assert finished.waiting == 0
    assert finished.evidence_checked == 1

    # A log that never publishes them is accused.
    served = ServedFiles({**files, **statements})
    report = await history.audit_now(served, sleep=no_sleep)
    assert [(one.code, one.index) for one in report.problems] == [("evidence-missing", issued.index)]


async def test_entries_that_are_published_meanwhile(tmp_path: Path) -> None:
    """A log that grows while its checkpoints are read is not accused: what came between waits."""
    history = small_history()
    before = files_of(history.log)
    history.naming("Epsilon AS", 9)
    history.log.publish()
    after = files_of(history.log)

    class Growing(ServedFiles):
        asked = 0

        async def get(self, path: str, limit: int = 1 << 30) -> bytes | None:
            if path == "issuance/checkpoint":
                self.asked += 1
            self.files = before if self.asked < 2 else {**before, **after}
            if path == "statements/checkpoint" and self.asked == 1:
                return before[path]
            return self.files.get(path)

    state = tmp_path / "state"
    report = await history.audit_now(Growing({}), state=state)
    assert report.ok
    assert report.issuance_size == 6
    assert report.waiting == 1
    report = await history.audit_now(ServedFiles(after), state=state)
    assert report.ok
    assert (report.waiting, report.evidence_checked) == (0, 1)


async def test_states_that_cannot_be_continued(tmp_path: Path) -> None:
    """The state of another log, of hashes alone, something else, or one in use is refused, and left as it is."""
    history, state = small_history(), tmp_path / "state"
    assert (await history.audit_now(state=state, hashes_only=True)).kept
    with pytest.raises(UsageError, match="other things"):
        await history.audit_now(state=state)
    other = AuditedHistory("other.example")
    with pytest.raises(UsageError, match="another log"):
        await other.audit_now(state=state, hashes_only=True)
    note = tmp_path / "note.txt"
    note.write_text("something that somebody wrote, longer than the header of a database would be " * 3)
    with pytest.raises(StoreError):
        await history.audit_now(state=note)
    assert note.read_text().startswith("something")
    with sqlite3.connect(tmp_path / "other.db", isolation_level=None) as db:
        db.execute("CREATE TABLE mine (x)")
        with pytest.raises(StoreError, match="not the state of an audit"):
            await history.audit_now(state=tmp_path / "other.db")
    with sqlite3.connect(state, isolation_level=None) as db:
        db.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreError, match="cannot be used"):
            await history.audit_now(state=state, hashes_only=True)


async def test_the_state_names_what_it_covers(tmp_path: Path) -> None:
    """The state holds the checkpoint that was audited, so that a fork can be shown to others years later."""
    history, state = small_history(), tmp_path / "state"
    await history.audit_now(state=state)
    with sqlite3.connect(state) as db:
        rows = dict(db.execute("SELECT log, checkpoint FROM tree").fetchall())
    assert parse_checkpoint(parse_note(rows["issuance"]).text).size == 5
    assert parse_checkpoint(parse_note(rows["statements"]).text).size == 9
