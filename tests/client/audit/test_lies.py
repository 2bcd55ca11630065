# SPDX-License-Identifier: Apache-2.0
"""What a log should not have signed, and an audit says by code and place.

Each lie is told by a function; the table has what an audit must find, and that is all that it may find.
"""

from collections.abc import Callable
from dataclasses import replace
from hashlib import sha256

import pytest

from keystead.statements.dsse import sign_envelope
from keystead.statements.payloads import (
    CertificateRevoked,
    DeviceReference,
    LogPolicy,
    RevocationReason,
)
from keystead.statements.policy import Backfill, Limits, Policy
from keystead.testvendor.ca import TestCertificateAuthority
from support.audited_history import AuditedHistory
from support.history import party_key, yubikey

Tell = Callable[[AuditedHistory], None]
ENTRY, STATEMENT = "log.example/issuance", "log.example/statements"

LIES: list[tuple[Tell, set[tuple[str, str, int | None]]]] = []


def lie(*expected: tuple[str, str, int | None]) -> Callable[[Tell], Tell]:
    """Add a lie, and what is found: code, log and index."""

    def add(tell: Tell) -> Tell:
        LIES.append((tell, set(expected)))
        return tell

    return add


# --- Issuance entries ----------------------------------------------------------------------------------------------


@lie(("wrong-leaf-index", ENTRY, 1))
def an_index_of_another_place(history: AuditedHistory) -> None:
    history.certificate("Alpha AB", serial=1)
    with history.one_batch():
        issued = history.certificate("Beta GmbH", serial=2)
        history.relabel(issued.index, leaf_index=7)


@lie(("time-goes-back", ENTRY, 1))
def an_entry_that_is_dated_back(history: AuditedHistory) -> None:
    history.day(1)
    history.certificate("Alpha AB", serial=1)
    with history.one_batch():
        issued = history.certificate("Beta GmbH", serial=2, evidence=False)
        history.relabel(issued.index, timestamp=history.log.now_ms - 2)


@lie(("tree-head-too-early", ENTRY, 0))
def a_tree_head_that_is_dated_back(history: AuditedHistory) -> None:
    history.certificate("Alpha AB", serial=1)
    history.log.issuance.sign(history.log.now_ms - 2)


@lie(("no-policy-in-force", ENTRY, 0))
def an_entry_in_the_batch_of_the_first_policy(history: AuditedHistory) -> None:
    with history.one_batch():
        issued = history.certificate("Alpha AB", serial=1, evidence=False)
        history.relabel(issued.index, timestamp=history.log.now_ms - 1)


@lie(("duplicate-entry", ENTRY, 1), ("duplicate-entry", ENTRY, 3))
def entries_that_are_there_twice(history: AuditedHistory) -> None:
    issued = history.certificate("Alpha AB", serial=1, precertificate=True)
    history._issue(issued.ca, issued.key, issued.reissue, precertificate=True)
    history.log.publish()
    history.finish(issued)
    history.finish(issued)


@lie(("unknown-anchor", ENTRY, 0))
def a_ca_that_the_policy_does_not_accept(history: AuditedHistory) -> None:
    stranger = TestCertificateAuthority("Stranger CA", "FR")
    history.certificate("Alpha AB", serial=1, ca=stranger)


@lie(("unknown-anchor", ENTRY, 1))
def a_ca_that_the_policy_accepts_no_longer(history: AuditedHistory) -> None:
    history.certificate("Alpha AB", serial=1, ca=history.east)
    history.day(1)
    history.authorities = (history.north, history.south)
    history.policy()
    history.certificate("Beta GmbH", serial=2, ca=history.east)


@lie(("chain-too-large", ENTRY, 0))
def a_chain_that_is_too_large(history: AuditedHistory) -> None:
    history.day(1)
    history.policy(limits=Limits(max_chain_bytes=1000))
    history.certificate("Alpha AB", serial=1)


@lie(("code-signing-missing", ENTRY, 0))
def a_certificate_for_something_else(history: AuditedHistory) -> None:
    history.naming("Alpha AB", 1, der={"usages": ("1.3.6.1.5.5.7.3.1",)})
    history.log.publish()


@lie(("extension-malformed", ENTRY, 0), ("backfill-needs-evidence", ENTRY, 1))
def extensions_that_cannot_be_read_or_are_missing(history: AuditedHistory) -> None:
    history.naming("Alpha AB", 1, der={"device_extension": b"\x30\x00"})
    history.naming("Beta GmbH", 2, der={"device_extension": None}, record=False)
    history.naming("Gamma Ltd", 3, der={"device_extension": None})
    history.log.publish()


@lie(("backfill-not-admitted", ENTRY, 0))
def a_backfill_that_the_policy_does_not_admit(history: AuditedHistory) -> None:
    history.day(1)
    history.policy(backfill=Backfill.NONE)
    history.naming("Alpha AB", 1, der={"device_extension": None})
    history.log.publish()


@lie(("wrong-tbs", ENTRY, 0))
def a_tbs_that_is_not_the_precertificates(history: AuditedHistory) -> None:
    with history.one_batch():
        issued = history.certificate("Alpha AB", serial=1, precertificate=True, evidence=False)
        other = history._issue(
            issued.ca, issued.key, {**issued.reissue, "not_after": 1_800_000_000}, precertificate=True
        )
        log = history.log.issuance
        leaf, precertificate = log.leaves[0], log.leaves.pop().precertificate
        assert other.index == 1
        log.entries.pop(), log.hashes.pop()
        history.rewrite(0, replace(leaf, precertificate=precertificate))


@lie(("wrong-issuer-key-hash", ENTRY, 0))
def an_issuing_key_that_is_not_that_of_the_chain(history: AuditedHistory) -> None:
    with history.one_batch():
        issued = history.certificate("Alpha AB", serial=1, precertificate=True, evidence=False)
        history.relabel(issued.index, issuer_key_hash=bytes(32))


@lie(("poison-in-certificate", ENTRY, 0))
def a_precertificate_as_a_certificate(history: AuditedHistory) -> None:
    issued = history.certificate("Alpha AB", serial=1, precertificate=True, evidence=False)
    with history.one_batch():
        leaf = history.log.issuance.leaves[0]
        entry = replace(leaf.entry, entry_type=0, signed=leaf.precertificate, issuer_key_hash=b"")
        history.rewrite(issued.index, replace(leaf, entry=entry, precertificate=b""))


@lie(("after-the-end", ENTRY, 0), ("after-the-end", STATEMENT, 2))
def what_comes_after_the_end(history: AuditedHistory) -> None:
    history.day(1)
    policy = Policy(roots=tuple(sha256(ca.root_der).digest() for ca in history.authorities))
    policy = replace(policy, vendor_anchors=(history.vendor.anchor(),))
    history.log.objects[f"policy/{policy.digest.hex()}"] = policy.encode()
    history.policies.append(1)
    statement = LogPolicy(
        history.origin, history.now, policy=policy.digest, successor="next.example/statements"
    )
    history.say(statement, history.log.statement_key)
    history.certificate("Alpha AB", serial=1)


# --- Statements ----------------------------------------------------------------------------------------------------


@lie(("not-the-issuer", STATEMENT, 2))
def another_cas_certificate_revoked(history: AuditedHistory) -> None:
    issued = history.certificate("Alpha AB", serial=1)
    history.revoke(issued, by="South CA")


@lie(("kind-not-allowed", STATEMENT, 2), ("unknown-party", STATEMENT, 3))
def strangers_who_bind_devices(history: AuditedHistory) -> None:
    issued = history.certificate("Alpha AB", serial=1)
    history.bind(issued, serials=[7], by="Auditor")
    history.bind(issued, serials=[8], by="Nobody")


@lie(("bad-signature", STATEMENT, 2), ("unknown-key", STATEMENT, 3))
def signatures_that_do_not_verify(history: AuditedHistory) -> None:
    issued = history.certificate("Alpha AB", serial=1)
    revoked = history.revoke(issued)
    tree = history.log.statements
    entry = bytearray(tree.entries.pop())
    tree.hashes.pop()
    signature = entry.rindex(b'"sig":"') + 10
    entry[signature] = ord("A") if entry[signature] != ord("A") else ord("B")
    assert history.log.add_statement_entry(bytes(entry)) == revoked
    history.log.publish()
    evidence = history.vendor.yubikey(1).attest(issued.key.spki)
    history.log.statement_key, real = party_key("Nobody"), history.log.statement_key
    history.record_evidence(issued, evidence)
    history.log.statement_key = real
    history.log.publish()


@lie(("operator-key-not-in-force", STATEMENT, 2), ("unknown-service", STATEMENT, 3))
def operators_without_a_service(history: AuditedHistory) -> None:
    service = history.service()
    history.audit(service)
    history.devices(service, join=[1], key=party_key("Somebody Else"))
    history.devices(history.service("Another Service"), join=[1])


@lie(
    ("statement-malformed", STATEMENT, 1),
    ("statement-malformed", STATEMENT, 2),
    ("unknown-kind", STATEMENT, 3),
)
def statements_that_say_nothing(history: AuditedHistory) -> None:
    key = party_key("North CA")
    history.log.add_statement_entry(b"\x01 not an entry")
    history.add_envelope(sign_envelope(key, "application/vnd.keystead.device-binding.v1+json", b"{}"))
    history.add_envelope(sign_envelope(key, "application/vnd.keystead.rumour.v1+json", b"{}"))
    history.log.publish()


@lie(("wrong-log", STATEMENT, 2), ("issued-too-long-ago", STATEMENT, 3))
def statements_that_are_replayed(history: AuditedHistory) -> None:
    other = AuditedHistory("other.example")
    issued = other.certificate("Alpha AB", serial=1)
    other.revoke(issued)
    elsewhere = other.log.statements.entries[-1]
    history.certificate("Alpha AB", serial=1)
    history.log.add_statement_entry(history.log.now_ms.to_bytes(8).rjust(9, b"\0") + elsewhere[9:])
    history.log.publish()
    stale = history.revoke(history.certificate("Beta GmbH", serial=2, evidence=False))
    tree = history.log.statements
    entry = tree.entries.pop()
    tree.hashes.pop()
    history.day(9)
    assert (
        history.log.add_statement_entry(history.log.now_ms.to_bytes(8).rjust(9, b"\0") + entry[9:]) == stale
    )
    history.log.publish()


@lie(("duplicate-statement", STATEMENT, 3))
def a_statement_that_is_there_twice(history: AuditedHistory) -> None:
    issued = history.certificate("Alpha AB", serial=1)
    history.revoke(issued)
    history.log.add_statement_entry(
        history.log.now_ms.to_bytes(8).rjust(9, b"\0") + history.log.statements.entries[-1][9:]
    )
    history.log.publish()


@lie(("time-goes-back", STATEMENT, 3))
def a_statement_that_is_dated_back(history: AuditedHistory) -> None:
    history.day(1)
    issued = history.certificate("Alpha AB", serial=1)
    history.day(2)
    history.certificate("Beta GmbH", serial=2)
    history.log.now_ms -= 3_600_000
    history.revoke(issued)
    history.day(3)
    history.log.publish()


@lie(("policy-malformed", STATEMENT, 1))
def a_policy_that_is_none(history: AuditedHistory) -> None:
    history.day(1)
    data = b'{"roots":[]}'
    history.log.objects[f"policy/{sha256(data).hexdigest()}"] = data
    history.say(
        LogPolicy(history.origin, history.now, policy=sha256(data).digest()), history.log.statement_key
    )
    history.certificate("Alpha AB", serial=1)


@lie(("unknown-key", STATEMENT, 1), ("unknown-party", STATEMENT, 2))
def statements_by_the_wrong_one(history: AuditedHistory) -> None:
    history.day(1)
    issued = history.certificate("Alpha AB", serial=1, evidence=False)
    policy = Policy(roots=tuple(sha256(ca.root_der).digest() for ca in history.authorities))
    history.log.objects[f"policy/{policy.digest.hex()}"] = policy.encode()
    history.say(LogPolicy(history.origin, history.now, policy=policy.digest), party_key("North CA"))
    revocation = CertificateRevoked(
        history.origin,
        history.now,
        certificate=issued.certificate_id,
        issuance_index=issued.index,
        on=history.now,
        reason=RevocationReason.KEY_COMPROMISE,
    )
    history.say(revocation, history.log.statement_key)


# --- Evidence ------------------------------------------------------------------------------------------------------


@lie(("wrong-policy-index", STATEMENT, 1))
def evidence_under_a_policy_that_was_not_in_force(history: AuditedHistory) -> None:
    history.evidence(history.certificate("Alpha AB", serial=1, evidence=False), 1, policy_index=7)
    history.certificate("Beta GmbH", serial=2)


@lie(("duplicate-evidence", STATEMENT, 2), ("duplicate-evidence", STATEMENT, 3))
def evidence_that_is_recorded_twice(history: AuditedHistory) -> None:
    issued = history.certificate("Alpha AB", serial=1)
    history.day(1)
    history.evidence(issued, 1)
    piece = history.vendor.yubikey(1).attest(issued.key.spki, "9c")
    history.record_evidence(issued, piece)
    history.log.publish()


@lie(("too-much-evidence", STATEMENT, 5))
def a_fifth_piece_of_evidence(history: AuditedHistory) -> None:
    with history.one_batch():
        issued, _ = history.naming("Alpha AB", 1, der={"device_extension": None})
    for serial in range(2, 6):
        history.evidence(issued, serial)


@lie(("evidence-missing", ENTRY, 0))
def evidence_that_is_named_and_not_recorded(history: AuditedHistory) -> None:
    history.naming("Alpha AB", 1, record=False)
    history.log.publish()
    history.certificate("Beta GmbH", serial=2)


@lie(("evidence-missing", ENTRY, 0))
def evidence_that_is_named_and_recorded_later(history: AuditedHistory) -> None:
    issued, evidence = history.naming("Alpha AB", 1, record=False)
    history.log.publish()
    history.record_evidence(issued, evidence)
    history.log.publish()


@lie(("certificate-not-logged", STATEMENT, 1))
def evidence_that_is_recorded_before_its_entry(history: AuditedHistory) -> None:
    issued, evidence = history.naming("Alpha AB", 1, record=False, der={"device_extension": None})
    leaf = history.log.issuance.leaves[0]
    history.record_evidence(issued, evidence)
    history.rewrite(0, replace(leaf, entry=replace(leaf.entry, timestamp=history.log.now_ms + 1)))
    history.log.now_ms += 1
    history.log.publish()


@lie(("certificate-not-logged", STATEMENT, 1), ("certificate-not-logged", STATEMENT, 2))
def evidence_for_certificates_that_are_not_there(history: AuditedHistory) -> None:
    issued = history.certificate("Alpha AB", serial=1, evidence=False)
    history.evidence(issued, 1, issuance_index=5)
    history.evidence(replace(issued, certificate_id=bytes(32)), 1)


@lie(("evidence-contradicts-extension", STATEMENT, 1))
def evidence_of_another_device(history: AuditedHistory) -> None:
    history.evidence(history.certificate("Alpha AB", serial=1, evidence=False), 2)


@lie(("evidence-key-mismatch", STATEMENT, 1))
def evidence_of_another_key(history: AuditedHistory) -> None:
    issued = history.certificate("Alpha AB", serial=1, evidence=False)
    history.record_evidence(
        issued, history.vendor.yubikey(1).attest(history.vendor.yubikey(1).generate().spki)
    )
    history.log.publish()


@lie(("evidence-other-devices", STATEMENT, 1), ("evidence-other-devices", STATEMENT, 2))
def evidence_that_proves_something_else(history: AuditedHistory) -> None:
    first = history.certificate("Alpha AB", serial=1, evidence=False)
    history.evidence(first, 1, devices=(DeviceReference("yubico-piv-serial", yubikey(9)),))
    second = history.certificate("Beta GmbH", serial=2, evidence=False)
    history.evidence(second, 2, devices=())


@lie(("anchor-not-in-policy", STATEMENT, 1), ("evidence-other-anchors", STATEMENT, 1))
def evidence_that_leads_elsewhere(history: AuditedHistory) -> None:
    history.evidence(history.certificate("Alpha AB", serial=1, evidence=False), 1, anchors=(bytes(32),))


@lie(("anchor-not-in-policy", STATEMENT, 1), ("evidence-other-format", STATEMENT, 1))
def evidence_of_another_format(history: AuditedHistory) -> None:
    history.evidence(history.certificate("Alpha AB", serial=1, evidence=False), 1, format="yubihsm")


@lie(("evidence-wrong-signature", STATEMENT, 1))
def evidence_that_does_not_verify(history: AuditedHistory) -> None:
    issued = history.certificate("Alpha AB", serial=1, evidence=False)
    good = history.vendor.yubikey(1).attest(issued.key.spki)
    bad = replace(good, data=good.data[:-1] + bytes([good.data[-1] ^ 1]))
    history.log.objects[f"evidence/{bad.digest.hex()}"] = bad.encode()
    history.evidence(issued, 1, evidence_digest=bad.digest)


@lie(("evidence-malformed", STATEMENT, 1))
def evidence_that_is_none(history: AuditedHistory) -> None:
    data = b"a note that says that it is true"
    history.log.objects[f"evidence/{sha256(data).hexdigest()}"] = data
    issued = history.certificate("Alpha AB", serial=1, evidence=False)
    history.evidence(issued, 1, evidence_digest=sha256(data).digest())


@lie(("distrusted-key", STATEMENT, 2), ("evidence-distrusted", STATEMENT, 2))
def evidence_on_a_key_that_turned_bad(history: AuditedHistory) -> None:
    history.day(1)
    history.policy(distrusted={history.vendor.anchor().key_hash: history.now})
    history.evidence(history.certificate("Alpha AB", serial=1, evidence=False), 1)


@pytest.mark.parametrize(("tell", "expected"), LIES, ids=[tell.__name__ for tell, _ in LIES])
async def test_a_lie(tell: Tell, expected: set[tuple[str, str, int | None]]) -> None:
    """What the log should not have signed is found by code and place, and nothing else is."""
    history = AuditedHistory()
    tell(history)

    report = await history.audit_now()

    assert {(one.code, one.log, one.index) for one in report.problems} == expected, report.problems
    assert not report.ok
