# SPDX-License-Identifier: Apache-2.0
"""Following logs that lie, withhold or stumble: what is noticed, what is kept, and what goes on."""

import sqlite3
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from keystead.certificate.extension import Method
from keystead.encoding.rfc4648 import decode_base64
from keystead.errors import FetchError, LogMisbehaviourError, ParseError, ProofError, VerificationError
from keystead.monitor.findings import Finding
from keystead.monitor.run import Report
from keystead.monitor.store import DATABASE
from keystead.statements.dsse import sign_envelope
from keystead.statements.entry import parse_statement_entry
from keystead.statements.payloads import DeviceReference, LogPolicy, RevocationReason
from keystead.statements.policy import Policy
from keystead.testvendor.vendor import TestVendor
from keystead.tlog.checkpoint import verify_checkpoint
from support.history import History, party_key, seconds, yubikey


def _misbehaviour(report: Report) -> dict[str, Finding]:
    return {
        finding.reason or "": finding for finding in report.findings if finding.rule == "log-misbehaviour"
    }


def _shared() -> History:
    history = History()
    history.certificate("Alpha AB", serial=1)
    history.certificate("Beta GmbH", serial=1, ca=history.south)
    return history


def _at(wanted: str, change: Callable[[bytes], bytes | None]) -> Callable[[str, bytes | None], bytes | None]:
    def hook(path: str, answer: bytes | None) -> bytes | None:
        return change(answer) if path == wanted and answer is not None else answer

    return hook


async def test_an_honest_log_is_followed_without_complaint(tmp_path: Path) -> None:
    """All entries of both trees are read, once."""
    history = _shared()

    first = await history.monitor(tmp_path)
    history.log.requests.clear()
    second = await history.monitor(tmp_path)

    assert (first.logs[0].issuance_size, first.logs[0].statements_size) == (2, 3)
    assert (second.logs[0].issuance_new, second.logs[0].statements_new) == (0, 0)
    assert _misbehaviour(first) == _misbehaviour(second) == {}
    # Nothing new: two checkpoints are all that is asked for.
    assert history.log.requests == ["statements/checkpoint", "issuance/checkpoint"]


async def test_nothing_is_fetched_twice(tmp_path: Path) -> None:
    """Over many rounds, no immutable file is asked for again."""
    history = History()
    for number in range(12):
        history.day(number + 1)
        history.certificate(f"Subscriber {number}", serial=number + 1)
        await history.monitor(tmp_path)

    asked = [path for path in history.log.requests if not path.endswith("checkpoint")]
    assert len(asked) == len(set(asked))


@pytest.mark.parametrize("tree", ["issuance", "statements"])
async def test_a_fork_is_a_finding_with_both_signed_trees(tree: str, tmp_path: Path) -> None:
    """The log shows this monitor one history and then another; what it signed proves it to anybody."""
    history = _shared()
    before = await history.monitor(tmp_path)
    forked = History()
    forked.certificate("Alpha AB", serial=1)
    forked.certificate("Gamma SA", serial=1, ca=history.south)
    if tree == "statements":
        # The issuance log is honest; its statements are those of another history.
        forked.log.issuance = history.log.issuance
    forked.certificate("Delta AS", serial=2)

    after = await forked.monitor(tmp_path)

    assert isinstance(after.logs[0].error, LogMisbehaviourError)
    finding = _misbehaviour(after)["fork"]
    (proof,) = finding.to_json()["proofs"]
    key = getattr(history.log.trust, tree).key
    for name in ("old_checkpoint", "new_checkpoint"):
        verify_checkpoint(decode_base64(proof["evidence"][name]), key)
    # What was known before the fork is still judged, and the forked tree is not believed.
    assert [one for one in after.findings if one.rule == "shared-device"] == list(before.findings)
    assert after.logs[0].issuance_size == before.logs[0].issuance_size


async def test_a_rollback_under_a_later_head_is_a_finding_for_good(tmp_path: Path) -> None:
    """The log signed, later, that it has fewer entries than before."""
    history = _shared()
    await history.monitor(tmp_path)
    history.log.issuance.sign(history.log.now_ms, 1)

    report = await history.monitor(tmp_path)

    assert _misbehaviour(report)["rollback"].severity.text == "high"
    assert isinstance(report.logs[0].error, LogMisbehaviourError)
    # The log shows what it had again: what it signed in between stays signed.
    history.log.publish()
    again = await history.monitor(tmp_path)
    assert again.logs[0].error is None
    assert "rollback" in _misbehaviour(again)


@pytest.mark.parametrize("tree", ["issuance", "statements"])
async def test_an_older_checkpoint_is_forgotten_when_the_newer_comes_back(tree: str, tmp_path: Path) -> None:
    """A cache may have been stale: it is told while it lasts, and accuses nobody for ever."""
    history = _shared()
    old = getattr(history.log, tree).checkpoint
    history.certificate("Gamma SA", serial=2)
    await history.monitor(tmp_path)
    history.log.hooks.append(_at(f"{tree}/checkpoint", lambda data: old))

    stale = await history.monitor(tmp_path)
    history.log.hooks.clear()
    fresh = await history.monitor(tmp_path)

    assert "rollback" in _misbehaviour(stale)
    assert _misbehaviour(fresh) == {}
    assert fresh.logs[0].error is None


@pytest.mark.parametrize(
    "path", ["issuance/tile/data/000.p/2", "statements/tile/entries/000.p/3", "issuance/tile/0/000.p/2"]
)
async def test_an_altered_file_is_not_believed(path: str, tmp_path: Path) -> None:
    """Entries and tiles that do not hash to the root end the round; once mended, it goes on."""
    history = _shared()
    # The last byte of a data tile is a fingerprint's, which no hash covers: the one in the middle is an entry's.
    history.log.hooks.append(_at(path, lambda data: data[:40] + bytes([data[40] ^ 1]) + data[41:]))

    report = await history.monitor(tmp_path)

    assert isinstance(report.logs[0].error, ProofError | ParseError)
    kept = {"issuance": report.logs[0].issuance_size, "statements": report.logs[0].statements_size}
    assert kept[path.partition("/")[0]] == 0
    history.log.hooks.clear()
    assert [finding.severity.text for finding in (await history.monitor(tmp_path)).open] == ["high"]


async def test_a_withheld_file_ends_the_round(tmp_path: Path) -> None:
    """What the checkpoint promises and the log does not serve is asked for again in the next round."""
    history = _shared()
    history.log.hooks.append(_at("issuance/tile/data/000.p/2", lambda data: None))

    report = await history.monitor(tmp_path)

    assert isinstance(report.logs[0].error, FetchError)
    history.log.hooks.clear()
    assert len((await history.monitor(tmp_path)).open) == 1


async def test_a_wrong_issuer_is_not_believed(tmp_path: Path) -> None:
    """No hash covers the fingerprints in a data tile, so the certificate's signature must tie its issuer."""
    history = History()
    history.certificate("Alpha AB", serial=1)
    leaf = history.log.issuance.leaves[0]
    history.certificate("Beta GmbH", serial=2, ca=history.south)
    history.log.issuance.leaves[0] = replace(leaf, fingerprints=history.log.issuance.leaves[1].fingerprints)

    report = await history.monitor(tmp_path)

    assert isinstance(report.logs[0].error, VerificationError)


async def test_an_issuer_that_is_withheld_or_other_bytes_ends_the_round(tmp_path: Path) -> None:
    """What is named by a digest must hash to it."""
    history = _shared()
    history.log.hooks.append(lambda path, answer: b"other" if path.startswith("issuance/issuer/") else answer)

    assert "does not serve the issuer" in str((await history.monitor(tmp_path)).logs[0].error)


async def test_withheld_evidence_is_a_finding_and_clears_nobody(tmp_path: Path) -> None:
    """The log records evidence and does not serve it: its word counts as such, until it serves it."""
    history = _shared()
    history.log.hooks.append(lambda path, answer: None if path.startswith("evidence/") else answer)

    hidden = await history.monitor(tmp_path)
    history.log.hooks.clear()
    shown = await history.monitor(tmp_path)

    assert "evidence-withheld" in _misbehaviour(hidden)
    assert [one.severity.text for one in hidden.open if one.rule == "shared-device"] == ["medium"]
    # Served at last: attested, and no complaint is left.
    assert _misbehaviour(shown) == {}
    assert [one.severity.text for one in shown.open] == ["high"]


async def test_evidence_of_other_bytes_is_withheld(tmp_path: Path) -> None:
    """What does not hash to the digest is no evidence at all."""
    history = _shared()
    history.log.hooks.append(lambda path, answer: b"other" if path.startswith("evidence/") else answer)

    assert "evidence-withheld" in _misbehaviour(await history.monitor(tmp_path))


async def test_evidence_that_proves_nothing_is_a_finding(tmp_path: Path) -> None:
    """A log invents an attested device: evidence of a vendor that nobody knows, not even its policy."""
    history = History()
    issued = history.certificate("Alpha AB")
    stranger = TestVendor("stranger", key="ec-p256")
    evidence = stranger.yubikey(1).attest(issued.key.spki)
    history.log.objects[f"evidence/{evidence.digest.hex()}"] = evidence.encode()
    history.vendor, vendor = stranger, history.vendor
    history.record_evidence(issued, evidence, anchors=(vendor.anchor().key_hash,))
    history.vendor = vendor
    history.log.publish()

    report = await history.monitor(tmp_path)

    assert "proves" not in _misbehaviour(report)["evidence-wrong"].summary
    assert _claims(tmp_path) == []


async def test_evidence_for_another_key_is_a_finding(tmp_path: Path) -> None:
    """Statements have no nonce, so a log could replay one for any certificate: the key must be the certificate's."""
    history = History()
    history.certificate("Alpha AB", serial=1)
    other = history.certificate("Beta GmbH")
    replayed = history.vendor.yubikey(1).attest(history.certificate("Gamma SA").key.spki)
    history.record_evidence(other, replayed)
    history.log.publish()

    report = await history.monitor(tmp_path)

    assert "attested key is not the certificate's" in _misbehaviour(report)["evidence-wrong"].summary
    assert not [one for one in report.findings if one.rule == "shared-device"]


async def test_a_statement_about_evidence_that_says_something_else_is_a_finding(tmp_path: Path) -> None:
    """What the evidence proves counts, not what the log says that it does."""
    history = History()
    history.certificate("Alpha AB", serial=1)
    second = history.certificate("Beta GmbH")
    history.evidence(second, 1, devices=(DeviceReference("yubico-piv-serial", yubikey(2)),))

    report = await history.monitor(tmp_path)

    assert "it proves other devices" in _misbehaviour(report)["evidence-wrong"].summary
    (shared,) = [one for one in report.findings if one.rule == "shared-device"]
    assert shared.device == yubikey(1)


@pytest.mark.parametrize(
    ("what", "tell"),
    [
        ("another CA's certificate is revoked", lambda history, one: history.revoke(one, by="South CA")),
        ("an unknown party revokes", lambda history, one: history.revoke(one, by="Nobody")),
        ("another CA binds it", lambda history, one: history.bind(one, serials=[2], by="South CA")),
        (
            "an operator of whom no audit is logged enrols",
            lambda history, one: history.devices(history.service(), join=[1]),
        ),
        (
            "an unknown auditor audits",
            lambda history, one: history.audit(history.service(), auditor="Nobody"),
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
async def test_a_statement_without_the_right_counts_for_nothing(
    what: str, tell: Callable[[History, object], object], tmp_path: Path
) -> None:
    """A log that admits it misbehaves; the finding keeps the entry, and the facts are as if it were not there."""
    history = History()
    history.certificate("Alpha AB", serial=1)
    one = history.certificate("Beta GmbH", serial=1)
    index = len(history.log.statements.entries)
    history.day(5)
    tell(history, one)

    report = await history.monitor(tmp_path, 10)

    finding = _misbehaviour(report)["statement-without-right"]
    (proof,) = finding.to_json()["proofs"]
    assert proof["subject"] == str(index)
    assert decode_base64(proof["evidence"]["entry"]) == history.log.statements.entries[index]
    assert [one.reason for one in report.open if one.rule == "shared-device"] == ["no-service"]


async def test_a_statement_of_another_log_counts_for_nothing(tmp_path: Path) -> None:
    """Replayed from elsewhere, rightly signed."""
    history, elsewhere = _shared(), History("other.example")
    elsewhere.certificate("Alpha AB", serial=1)
    other = elsewhere.certificate("Beta GmbH", serial=1, ca=elsewhere.south)
    index = elsewhere.revoke(replace(other, index=1))
    entry = parse_statement_entry(elsewhere.log.statements.entries[index])
    history.day(1)
    history.add_envelope(entry.envelope)
    history.log.publish()

    report = await history.monitor(tmp_path, 10)

    assert "for another log" in _misbehaviour(report)["statement-without-right"].summary
    assert len([one for one in report.open if one.rule == "shared-device"]) == 1


async def test_a_statement_made_long_before_it_is_logged_counts_for_nothing(tmp_path: Path) -> None:
    """Seven days, and an hour of grace for the sequencing."""
    history = _shared()
    one = history.certificate("Gamma SA", serial=2)
    envelope = parse_statement_entry(history.log.statements.entries[history.revoke(one)]).envelope
    other = History()
    other.certificate("Alpha AB", serial=1)
    other.certificate("Beta GmbH", serial=1, ca=other.south)
    other.certificate("Gamma SA", serial=2)
    other.day(8)
    other.add_envelope(envelope)
    other.log.publish()

    assert "seven days" in _misbehaviour(await other.monitor(tmp_path))["statement-without-right"].summary


async def test_a_kind_of_a_later_version_is_passed_over(tmp_path: Path) -> None:
    """It is no misbehaviour that this program does not know everything."""
    history = _shared()
    history.add_envelope(
        sign_envelope(party_key("North CA"), "application/vnd.keystead.subscriber-alias.v9+json", b"{}")
    )
    history.log.publish()

    report = await history.monitor(tmp_path)

    assert _misbehaviour(report) == {}
    assert report.logs[0].statements_size == len(history.log.statements.entries)


async def test_an_entry_that_is_no_statement_is_a_finding(tmp_path: Path) -> None:
    """Bytes that nobody could have submitted."""
    history = _shared()
    history.log.add_statement_entry(b"\x00nonsense")
    history.log.publish()

    assert "malformed-statement" in _misbehaviour(await history.monitor(tmp_path))


async def test_times_that_go_back_are_findings(tmp_path: Path) -> None:
    """Order and the policy in force are computed from the times in the logs, so they must not lie."""
    history = _shared()
    history.log.now_ms -= 10_000
    history.certificate("Gamma SA", serial=2)

    report = await history.monitor(tmp_path)

    assert {one.summary.split(":")[0] for one in report.findings if one.reason == "time-goes-back"} == {
        "log.example/issuance",
        "log.example/statements",
    }


async def test_a_leaf_that_names_another_place_is_a_finding(tmp_path: Path) -> None:
    """The index in an entry is what its promise says."""
    history = _shared()
    leaf = history.log.issuance.leaves[0]
    wrong = replace(leaf, entry=replace(leaf.entry, leaf_index=7))
    history.log.issuance.leaves.append(wrong)
    history.log.issuance.append(wrong.entry.merkle_tree_leaf())
    history.log.publish()

    assert "wrong-leaf-index" in _misbehaviour(await history.monitor(tmp_path))


async def test_a_policy_that_is_withheld_ends_the_round(tmp_path: Path) -> None:
    """Nothing after it can be judged; nothing after it is believed."""
    history = _shared()
    history.day(1)
    history.policy(parties=())
    withheld = [path for path in history.log.objects if path.startswith("policy/")][-1]
    data = history.log.objects.pop(withheld)

    report = await history.monitor(tmp_path)

    assert "does not serve the policy" in str(report.logs[0].error)
    history.log.objects[withheld] = data
    assert (await history.monitor(tmp_path)).logs[0].error is None


async def test_a_statement_about_an_entry_that_is_not_seen_yet_waits(tmp_path: Path) -> None:
    """Behind a cache the statement log may be ahead: the statement is judged when its entry is there."""
    history = History()
    history.certificate("Alpha AB", serial=1)
    old = history.log.issuance.checkpoint
    second = history.certificate("Beta GmbH", serial=1)
    history.bind(second, serials=[2], method=Method.SHIPPED_BY_CA)
    history.log.hooks.append(_at("issuance/checkpoint", lambda data: old))

    early = await history.monitor(tmp_path / "steps")
    history.log.hooks.clear()
    late = await history.monitor(tmp_path / "steps")
    rebuilt = await history.monitor(tmp_path / "once")

    assert (early.findings, early.logs[0].error) == ((), None)
    assert late.findings == rebuilt.findings
    assert {finding.rule for finding in late.open} == {"shared-device", "same-key-two-devices"}


async def test_an_entry_that_cannot_be_read_is_kept_as_such(tmp_path: Path) -> None:
    """A malformed device extension is a fact; the entries after it are read."""
    history = History()
    issued = history.certificate("Alpha AB", serial=1)
    broken = {**issued.reissue, "device_extension": b"\x30\x03\x02\x01\x07", "not_after": seconds(20)}
    history._issue(issued.ca, issued.key, broken, precertificate=False)
    history.certificate("Beta GmbH", serial=1)

    report = await history.monitor(tmp_path)

    assert {finding.rule for finding in report.open} == {"shared-device", "undecodable"}
    (unread,) = [finding for finding in report.open if finding.rule == "undecodable"]
    assert [name.index for name in unread.entries] == [1]
    assert "the device extension cannot be read" in unread.summary
    assert unread.subscribers[0].name == "Alpha AB"
    db = sqlite3.connect(tmp_path / DATABASE)
    problems = [problem for (problem,) in db.execute("SELECT problem FROM entry WHERE problem NOT NULL")]
    db.close()
    assert len(problems) == 1
    assert problems[0].startswith("the device extension cannot be read")


async def test_not_issued_of_a_certificate_that_is_logged_has_no_right(tmp_path: Path) -> None:
    """Everybody can see the certificate."""
    history = History()
    issued = history.certificate("Alpha AB", serial=1)
    history.day(1)
    history.revoke(issued, RevocationReason.NOT_ISSUED)

    assert "statement-without-right" in _misbehaviour(await history.monitor(tmp_path))


async def test_a_final_certificate_in_the_same_batch_accuses_nobody(tmp_path: Path) -> None:
    """Within a batch nobody can tell which was first."""
    history = History()
    issued = history.certificate("Alpha AB", serial=1, precertificate=True)
    history.day(1)
    history._issue(issued.ca, issued.key, issued.reissue, precertificate=False)
    history.revoke(issued, RevocationReason.NOT_ISSUED)

    assert _misbehaviour(await history.monitor(tmp_path)) == {}


async def test_a_batch_is_judged_by_the_policy_before_it(tmp_path: Path) -> None:
    """A policy is in force from the batch after its own on."""
    history = _shared()
    one, two = history.certificate("Gamma SA", serial=2), history.certificate("Delta AS", serial=3)
    history.day(1)
    policy = Policy(vendor_anchors=(history.vendor.anchor(),))
    history.log.objects[f"policy/{policy.digest.hex()}"] = policy.encode()
    history.add(LogPolicy(history.origin, history.now, policy=policy.digest), history.log.statement_key)
    history.revoke(one)

    assert _misbehaviour(await history.monitor(tmp_path)) == {}
    history.revoke(two)
    assert "statement-without-right" in _misbehaviour(await history.monitor(tmp_path))


def _claims(folder: Path) -> list[tuple[int, int]]:
    db = sqlite3.connect(folder / DATABASE)
    try:
        return db.execute("SELECT certificate, device FROM claim").fetchall()
    finally:
        db.close()
