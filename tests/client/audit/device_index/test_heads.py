# SPDX-License-Identifier: Apache-2.0
"""An audit rebuilds the device index, compares every head with it, and names the first that differs."""

import sqlite3
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from keystead.audit.device_index import heads, histories, listing, position
from keystead.audit.report import AuditReport
from keystead.errors import UsageError
from keystead.index.kinds import IndexKind, Subject
from support.audited_history import AuditedHistory, small_history
from support.history import yubikey
from support.indexed_log import IndexedLog
from support.log_folder import ServedFiles, files_of

ENTRY, STATEMENT = "log.example/issuance", "log.example/statements"
DEVICE = Subject(IndexKind.DEVICE_CERTIFICATES, yubikey(1))


def found(report: AuditReport) -> list[tuple[str, str, int | None]]:
    """What an audit found: code, log and index."""
    return [(one.code, one.log, one.index) for one in report.problems]


def two_certificates() -> tuple[AuditedHistory, IndexedLog]:
    """A log with two certificates on one device, and its index, which has no head yet."""
    history = AuditedHistory()
    history.certificate("Alpha AB", serial=1)
    history.certificate("Beta GmbH", serial=1, ca=history.south, precertificate=True)
    history.day(1)
    index = IndexedLog(history.log)
    index.follow()
    return history, index


async def test_honest_heads() -> None:
    """Heads over a history with something of everything, certificates and precertificates, are all found right."""
    history = small_history()
    index = IndexedLog(history.log)
    for day in range(4, 8):
        history.day(day)
        history.certificate(f"Company {day}", serial=day, precertificate=bool(day % 2))
        index.commit()

    report = await history.audit_now()

    assert report.ok, report.problems
    assert report.heads_checked == 4
    assert report.heads_every == 1
    assert report.to_json()["heads_checked"] == 4


Tell = Callable[[AuditedHistory, IndexedLog], None]


def _dropped(history: AuditedHistory, index: IndexedLog) -> None:
    index.histories[DEVICE].pop()


def _added(history: AuditedHistory, index: IndexedLog) -> None:
    index.histories[Subject(IndexKind.DEVICE_CERTIFICATES, yubikey(9))] = [1]


def _hidden(history: AuditedHistory, index: IndexedLog) -> None:
    del index.histories[DEVICE]


def _other_order(history: AuditedHistory, index: IndexedLog) -> None:
    index.histories[DEVICE].reverse()


@pytest.mark.parametrize("tell", [_dropped, _added, _hidden, _other_order])
async def test_a_map_that_is_not_that_of_the_entries(tell: Tell) -> None:
    """A head over a map that leaves out, adds or changes an entry is named, and it alone."""
    history, index = two_certificates()
    right = index.add_head()
    history.day(2)
    tell(history, index)
    wrong = index.add_head()

    report = await history.audit_now()

    assert found(report) == [("index-head-wrong", STATEMENT, wrong.index)]
    assert report.problems[0].signed
    assert wrong.root.hex() in report.problems[0].sentence
    assert right.root.hex() in report.problems[0].sentence
    assert report.heads_checked == 2


async def test_the_first_of_wrong_heads_is_named() -> None:
    """Of heads in a row that leave an entry out the first is named; after a right one, the next wrong one is again."""
    history, index = two_certificates()
    kept = index.histories[DEVICE]
    told = []
    for day, entries in enumerate((kept, kept[:1], kept[:1], kept, kept[:1]), 2):
        history.day(day)
        index.histories[DEVICE] = list(entries)
        told.append(index.add_head())

    report = await history.audit_now()

    assert found(report) == [("index-head-wrong", STATEMENT, told[at].index) for at in (1, 4)]
    assert report.heads_checked == 5


@pytest.mark.parametrize(
    ("code", "changed"),
    [
        ("index-head-other-tree", {"issuance_root": bytes(32)}),
        ("index-head-other-tree", {"issuance_origin": "other.example/issuance"}),
        ("index-head-beyond", {"issuance_size": 3}),
        ("index-head-beyond", {"statements_size": 9}),
        ("index-head-falls", {"issuance_size": 1}),
        ("index-head-falls", {"statements_size": 1}),
    ],
)
async def test_a_head_of_other_sizes_or_another_tree(code: str, changed: dict[str, object]) -> None:
    """A head names the tree's root at its size, covers no more than there is, and no less than the one before."""
    history, index = two_certificates()
    index.add_head()
    history.day(2)
    if "issuance_size" in changed and code == "index-head-falls":
        changed = {**changed, "issuance_root": history.log.issuance.root(1)}
    wrong = index.add_head(**changed)
    history.day(3)
    index.commit()

    report = await history.audit_now()

    assert found(report) == [(code, STATEMENT, wrong.index)]


async def test_every_so_many_heads() -> None:
    """Asked for every third head, an audit compares these and the last one, and says so."""
    history, index = two_certificates()
    for day in range(2, 10):
        history.day(day)
        history.certificate("Alpha AB", serial=day)
        index.commit()

    report = await history.audit_now(heads_every=3)
    assert report.ok
    assert (report.heads_checked, report.heads_every) == (3, 3), (
        "the third, the sixth, and the last, the eighth"
    )

    history.day(10)
    index.histories[DEVICE].pop()
    wrong = index.commit()
    assert found(await history.audit_now(heads_every=100)) == [("index-head-wrong", STATEMENT, wrong.index)]


async def test_no_heads(tmp_path: Path) -> None:
    """Asked for none, an audit says nothing of heads, and its state is no ground for one that compares them."""
    history, index = two_certificates()
    index.add_head(map_root=bytes(32))

    report = await history.audit_now(heads_every=0, state=tmp_path / "state")

    assert report.ok
    assert report.kept
    assert (report.heads_checked, report.heads_every) == (0, 0)
    with pytest.raises(UsageError, match="no heads of the index"):
        await history.audit_now(state=tmp_path / "state")


def test_statements_without_heads(monkeypatch: pytest.MonkeyPatch) -> None:
    """What statements are listed under does not gather in memory until a head covers them."""
    monkeypatch.setattr(heads, "_MOST_STATEMENTS", 2)
    db = sqlite3.connect(":memory:")
    for schema in (listing.SCHEMA, histories.SCHEMA, position.SCHEMA):
        db.executescript(schema)
    with heads.HeadCheck(db, ENTRY, STATEMENT) as check:
        for index in range(5):
            check.list_statement(index, None)
        assert db.execute("SELECT start, count FROM listed").fetchall() == [(0, 2), (2, 2)]
        check.finish()
    assert db.execute("SELECT sum(count) FROM listed").fetchone() == (5,)


async def test_heads_that_the_log_did_not_sign() -> None:
    """A head by somebody else is no head: it is complained about, and the next is compared with the last real one."""
    history, index = two_certificates()
    index.add_head()
    history.day(2)
    history.log.statement_key, real = index.log.sct_key, history.log.statement_key
    other = index.add_head(map_root=bytes(32))
    history.log.statement_key = real
    history.day(3)
    index.commit()

    report = await history.audit_now()

    assert found(report) == [("unknown-key", STATEMENT, other.index)]
    assert report.heads_checked == 2


@pytest.mark.parametrize("days", [0, 9])
async def test_heads_of_others_that_are_refused_for_something_else(days: int) -> None:
    """Whoever signed a head is asked even if it is refused for its date, or left unjudged for want of a policy."""
    history, index = two_certificates()
    history.log.statement_key, real = index.log.sct_key, history.log.statement_key
    index.add_head(map_root=bytes(32), issued=history.log.now_ms // 1000 - days * 86_400)
    history.log.statement_key = real
    files = files_of(history.log)
    if not days:
        (policy,) = [path for path in files if path.startswith("policy/")]
        del files[policy]

    report = await history.audit_now(ServedFiles(files))

    assert {one.code for one in report.problems} >= {"issued-too-long-ago" if days else "policy-withheld"}
    assert not [one for one in report.problems if one.code.startswith("index-head")]
    assert report.heads_checked == 0


async def test_what_is_missing_accuses_nobody() -> None:
    """Where entries cannot be had, heads over them are left unjudged, and those before are compared."""
    history, index = two_certificates()
    index.add_head()
    with history.one_batch():
        leaf = history.log.issuance.leaves[1]
        while len(history.log.issuance.entries) < 300:
            history.log.add_leaf(
                leaf.entry.signed,
                leaf.fingerprints,
                precertificate=leaf.precertificate,
                issuer_key_hash=leaf.entry.issuer_key_hash,
            )
    history.day(2)
    index.commit()
    files = files_of(history.log)
    del files["issuance/tile/data/001.p/44"]

    report = await history.audit_now(ServedFiles(files))

    assert "bundle-withheld" in {one.code for one in report.problems}
    assert not [one for one in report.problems if one.code.startswith("index-head")]
    assert report.heads_checked == 1
    assert report.unjudged >= 1


async def test_a_head_passed_over_before_what_is_missing() -> None:
    """A head that is not one of every so many is not compared with what a later head covers, as far as that was had."""
    history, index = two_certificates()
    index.add_head()
    history.day(2)
    with history.one_batch():
        while len(history.log.issuance.entries) < 300:
            history.log.add_leaf(b"\x30\x00", history.log.issuance.leaves[0].fingerprints)
    index.commit()
    files = files_of(history.log)
    del files["issuance/tile/data/001.p/44"]

    report = await history.audit_now(ServedFiles(files), heads_every=3)

    assert "bundle-withheld" in {one.code for one in report.problems}
    assert not [one for one in report.problems if one.code.startswith("index-head")]
    assert report.heads_checked == 0
    assert report.unjudged >= 2


async def test_a_certificate_that_nobody_can_read_leaves_no_doubt() -> None:
    """The log took what is no certificate: it is listed as undecodable whoever issued it, so heads are judged."""
    history, index = two_certificates()
    history.log.add_leaf(b"\x30\x00", history.log.issuance.leaves[0].fingerprints)
    history.day(2)
    index.commit()
    history.day(3)
    index.histories[DEVICE].pop()
    wrong = index.add_head()

    report = await history.audit_now()

    assert ("index-head-wrong", STATEMENT, wrong.index) in found(report)
    assert "certificate-malformed" in {one.code for one in report.problems}
    assert report.heads_checked == 2


async def test_a_chain_that_was_altered_accuses_nobody() -> None:
    """What a certificate is listed under hangs on its issuer, whom no leaf hash covers: altered, heads are unjudged."""
    history, index = two_certificates()
    index.add_head()
    leaf, other = history.log.issuance.leaves[:2]
    assert leaf.fingerprints != other.fingerprints
    history.log.issuance.leaves[0] = replace(leaf, fingerprints=other.fingerprints)

    report = await history.audit_now()

    assert report.problems
    assert not any(one.signed for one in report.problems), "evidence that is recorded for it is no lie either"
    assert report.heads_checked == 0
    assert report.unjudged >= 1


async def test_continuing_equals_auditing_from_nothing(tmp_path: Path) -> None:
    """Audited after every few events, with right heads and wrong ones: the same problems, and no head twice."""
    history, index = two_certificates()
    problems, checked = set(), 0
    for day in range(2, 14):
        history.day(day)
        history.certificate("Gamma Ltd", serial=day % 4 + 1, precertificate=bool(day % 3))
        index.follow()
        if day == 6:
            index.histories[DEVICE].pop()
        if day != 10:
            index.add_head(**({"issuance_root": bytes(32)} if day in {8, 9} else {}))
        continued = await history.audit_now(state=tmp_path / "state")
        anew = await history.audit_now()
        assert continued.problems == anew.problems
        assert continued.kept
        checked += continued.heads_checked
        assert checked == anew.heads_checked
        problems = {one.code for one in anew.problems}
    assert problems == {"index-head-wrong", "index-head-other-tree"}
    assert checked == 11


async def test_hashing_alone_checks_no_head() -> None:
    """An audit that reads no entry says that it compared no head."""
    history, index = two_certificates()
    index.add_head(map_root=bytes(32))

    report = await history.audit_now(hashes_only=True)

    assert report.ok
    assert report.heads_checked == 0
