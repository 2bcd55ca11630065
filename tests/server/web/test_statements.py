# SPDX-License-Identifier: Apache-2.0
"""`statements/add`, over HTTP, against a real server: who may say what, and what happens to the rest."""

import asyncio
import time
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

from keystead.certificate.device_identifier import device_id
from keystead.certificate.extension import Method
from keystead.statements.audit_scheme import AuditScheme
from keystead.statements.dsse import sign_envelope
from keystead.statements.entry import StatementEntry
from keystead.statements.payloads import (
    AuditWithdrawal,
    CertificateRevoked,
    DeviceBinding,
    DeviceReference,
    DeviceTransfer,
    LogPolicy,
    RevocationReason,
    ServiceAudit,
    ServiceDevices,
    Statement,
    SubscriberAlias,
    service_id_of,
)
from keystead.tlog.merkle import hash_leaf
from keystead.tlog.proof import parse_tlog_proof, verify_tlog_proof
from support.running_log import Answer, RunningLog, running_log
from support.world import World, party_key, spki

NOW = int(time.time())
DAY = 24 * 3600
OPERATOR = party_key("operator")
SERVICE = service_id_of(spki(OPERATOR), "Example Signing")


def audit(running: RunningLog, **changes: Any) -> ServiceAudit:
    """A qualifying audit of the example service."""
    statement = ServiceAudit(
        log=running.trust.statements.key.origin,
        issued=NOW,
        service=SERVICE,
        service_name="Example Signing",
        founding_key=spki(OPERATOR),
        operator_name="Example Operator",
        operator_key=spki(OPERATOR),
        scheme=AuditScheme.WEBTRUST_CSBR_NETSEC,
        auditor="Careful Audits",
        not_before=NOW - 300 * DAY,
        not_after=NOW + 60 * DAY,
        period_start=NOW - 365 * DAY,
        period_end=NOW - 10 * DAY,
    )
    return replace(statement, **changes)


def devices(log: RunningLog, *serials: int, next_key: bytes | None = None) -> ServiceDevices:
    """Devices join the example service, or its next key is named."""
    references = tuple(
        DeviceReference("yubico-piv-serial", device_id("yubico-piv-serial", str(serial)))
        for serial in serials
    )
    return ServiceDevices(log.trust.statements.key.origin, NOW, SERVICE, NOW, references, (), next_key)


async def refused(log: RunningLog, statement: Statement, key: str, code: str) -> None:
    """The statement, signed by the key of that name, is refused with the code; neither tree changes."""
    before = await log.sizes()
    envelope = sign_envelope(party_key(key), statement.payload_type, statement.encode())
    answer = await log.say(envelope)
    assert (answer.status // 100, answer.code) == (4, code), answer.json
    assert await log.sizes() == before


async def said(log: RunningLog, statement: Statement, key: str) -> Answer:
    """The statement is logged."""
    answer = await log.say(sign_envelope(party_key(key), statement.payload_type, statement.encode()))
    assert answer.status == 200, answer.json
    return answer


async def test_an_answer_proves_the_statement(tmp_path: Path) -> None:
    """Leaf index, time and a tlog-proof of the canonical entry."""
    async with running_log(tmp_path) as log:
        statement = audit(log)
        envelope = sign_envelope(party_key("Careful Audits"), statement.payload_type, statement.encode())
        answer = await log.say(envelope)
        assert answer.json["leaf_index"] == 1
        entry = StatementEntry(answer.json["timestamp"], envelope)
        proof = parse_tlog_proof(answer.json["proof"])
        verify_tlog_proof(proof, hash_leaf(entry.encode()), log.trust.statements.key)
        assert (await log.statements())[1] == entry


async def test_one_payload_by_one_key_is_one_entry(tmp_path: Path) -> None:
    """Fifty at once, and again after a restart; white space in the envelope makes no difference."""
    world = World(tmp_path / "world")
    async with running_log(tmp_path, world, period_ms=50) as log:
        statement = audit(log)
        envelope = sign_envelope(party_key("Careful Audits"), statement.payload_type, statement.encode())
        spaced = envelope.encode().replace(b",", b" ,\n ")
        answers = await asyncio.gather(
            *(log.say(envelope) for _ in range(25)), *(log.post("/statements/add", spaced) for _ in range(25))
        )
        assert {answer.status for answer in answers} == {200}
        assert {answer.json["leaf_index"] for answer in answers} == {1}
    async with running_log(tmp_path, world) as log:
        assert (await log.say(envelope)).json["leaf_index"] == 1
        assert await log.sizes() == (0, 2)


async def test_a_copy_with_another_signature_is_no_duplicate(tmp_path: Path) -> None:
    """Type, payload and keyid are an old statement's, the signature is a stranger's."""
    async with running_log(tmp_path) as log:
        statement = audit(log)
        good = sign_envelope(party_key("Careful Audits"), statement.payload_type, statement.encode())
        await log.say(good)
        forged = sign_envelope(party_key("stranger"), statement.payload_type, statement.encode())
        answer = await log.say(replace(good, signature=forged.signature))
        assert (answer.status, answer.code) == (400, "bad-signature")


async def test_the_whole_story_of_a_service_is_admitted(tmp_path: Path) -> None:
    """Audit, enrolment by the audited operator key, key rotation, enrolment by the next key, withdrawal."""
    async with running_log(tmp_path) as log:
        first = audit(log)
        await said(log, first, "Careful Audits")
        await said(log, devices(log, 7), "operator")
        await said(log, devices(log, next_key=spki(party_key("next operator"))), "operator")
        await refused(log, devices(log, 8), "operator", "operator-key-not-in-force")
        await said(log, devices(log, 8), "next operator")
        withdrawal = AuditWithdrawal(
            log.trust.statements.key.origin, NOW, sha256(first.encode()).digest(), SERVICE, NOW, "findings"
        )
        await said(log, withdrawal, "Careful Audits")
        assert await log.kinds() == [
            "log-policy",
            "service-audit",
            "service-devices",
            "service-devices",
            "service-devices",
            "audit-withdrawal",
        ]


async def test_strangers_and_wrong_hats_are_refused(tmp_path: Path) -> None:
    """A forged auditor, an operator nobody audited, an auditor in another's name, an unknown service."""
    async with running_log(tmp_path) as log:
        await refused(log, audit(log), "stranger", "unknown-party")
        await refused(log, audit(log), "North CA", "kind-not-allowed")
        await refused(log, audit(log, auditor="Famous Audits"), "Careful Audits", "auditor-not-signer")
        payload = audit(log).encode().replace(SERVICE.hex().encode(), sha256(b"another").hexdigest().encode())
        answer = await log.say(sign_envelope(party_key("Careful Audits"), audit(log).payload_type, payload))
        assert (answer.status, answer.code) == (400, "service-id-mismatch")
        await refused(log, devices(log, 7), "operator", "unknown-service")
        await said(log, audit(log), "Careful Audits")
        await refused(log, devices(log, 7), "stranger", "operator-key-not-in-force")
        withdrawal = AuditWithdrawal(
            log.trust.statements.key.origin, NOW, sha256(b"no audit").digest(), SERVICE, NOW, "none"
        )
        await refused(log, withdrawal, "Careful Audits", "unknown-audit")


async def test_replays_are_refused(tmp_path: Path) -> None:
    """Another log's statement, one that is over a week old, and one from the future."""
    async with running_log(tmp_path) as log:
        await refused(log, audit(log, log="other.example/statements"), "Careful Audits", "wrong-log")
        await refused(log, audit(log, issued=NOW - 8 * DAY), "Careful Audits", "issued-too-long-ago")
        await refused(log, audit(log, issued=NOW + 3600), "Careful Audits", "issued-in-the-future")


async def test_a_ca_speaks_of_its_own_certificates_only(tmp_path: Path) -> None:
    """Another CA's certificate is neither bound nor revoked; nor is one that is not logged."""
    async with running_log(tmp_path) as log:
        leaf = log.world.leaf(serial=7)
        answer = await log.add_pre_chain(leaf.body(leaf.precertificate))
        certificate = bytes.fromhex(answer.json["certificate_id"])
        origin = log.trust.statements.key.origin
        revoked = CertificateRevoked(origin, NOW, certificate, 0, NOW, RevocationReason("keyCompromise"))
        await refused(log, revoked, "South CA", "not-the-issuer")
        await refused(log, replace(revoked, issuance_index=5), "North CA", "certificate-not-logged")
        await refused(
            log, replace(revoked, certificate=sha256(b"x").digest()), "North CA", "certificate-not-logged"
        )
        binding = DeviceBinding(
            origin,
            NOW,
            certificate,
            0,
            (DeviceReference("yubico-piv-serial", device_id("yubico-piv-serial", "9")),),
            Method.WITNESSED_CREATION,
        )
        await refused(log, binding, "South CA", "not-the-issuer")
        bound = await said(log, binding, "North CA")
        await refused(log, replace(binding, supersedes=0), "North CA", "supersedes-no-binding")
        await said(log, replace(binding, supersedes=bound.json["leaf_index"]), "North CA")
        await said(log, revoked, "North CA")


async def test_a_certificate_that_is_logged_was_issued(tmp_path: Path) -> None:
    """`notIssued` is for a precertificate whose certificate was never made."""
    async with running_log(tmp_path) as log:
        leaf = log.world.leaf(serial=7)
        answer = await log.add_chain(leaf.body(leaf.certificate()))
        never = CertificateRevoked(
            log.trust.statements.key.origin,
            NOW,
            bytes.fromhex(answer.json["certificate_id"]),
            0,
            NOW,
            RevocationReason("notIssued"),
        )
        await refused(log, never, "North CA", "certificate-was-issued")
        other = log.world.leaf("Other", serial=8)
        answer = await log.add_pre_chain(other.body(other.precertificate))
        never = replace(never, certificate=bytes.fromhex(answer.json["certificate_id"]), issuance_index=1)
        await said(log, never, "North CA")


async def test_a_transfer_is_stated_by_who_has_a_certificate_on_the_device(tmp_path: Path) -> None:
    """By extension, evidence or binding, after a restart too; or by the operator that enrolled it."""
    world = World(tmp_path / "world")
    async with running_log(tmp_path, world) as log:
        origin = log.trust.statements.key.origin

        def moved(serial: int) -> DeviceTransfer:
            reference = DeviceReference("yubico-piv-serial", device_id("yubico-piv-serial", str(serial)))
            seller, buyer = sha256(b"seller").digest(), sha256(b"buyer").digest()
            return DeviceTransfer(origin, NOW, reference, (seller, buyer), NOW, "sold")

        await refused(log, moved(7), "North CA", "no-certificate-on-device")
        leaf = log.world.leaf(serial=7)
        answer = await log.add_pre_chain(leaf.body(leaf.precertificate))
        await said(log, moved(7), "North CA")
        await refused(log, moved(7), "South CA", "no-certificate-on-device")
        await refused(log, moved(9), "North CA", "no-certificate-on-device")
        binding = DeviceBinding(
            origin, NOW, bytes.fromhex(answer.json["certificate_id"]), 0, (moved(9).device,), Method.DECLARED
        )
        await said(log, binding, "North CA")
        await said(log, moved(9), "North CA")
        await refused(log, moved(11), "operator", "unknown-party")
        await said(log, audit(log), "Careful Audits")
        await said(log, devices(log, 11), "operator")
        await said(log, moved(11), "operator")
    async with running_log(tmp_path, world) as log:
        await said(log, replace(moved(9), reason="sold again"), "North CA")
        await refused(log, replace(moved(12), reason="sold again"), "North CA", "no-certificate-on-device")


async def test_evidence_alone_puts_a_certificate_on_a_device(tmp_path: Path) -> None:
    """A backfill names no device itself; what its evidence proves gives its CA the right to speak."""
    async with running_log(tmp_path) as log:
        leaf = log.world.leaf(key=log.world.vendor.yubikey(7).generate())
        answer = await log.add_chain(leaf.body(leaf.certificate(), log.world.evidence(leaf, 7)))
        assert answer.status == 200, answer.json
        reference = DeviceReference("yubico-piv-serial", device_id("yubico-piv-serial", "7"))
        ids = (sha256(b"seller").digest(), sha256(b"buyer").digest())
        moved = DeviceTransfer(log.trust.statements.key.origin, NOW, reference, ids, NOW, "sold")
        await refused(log, moved, "South CA", "no-certificate-on-device")
        await said(log, moved, "North CA")


async def test_an_alias_names_any_subscribers(tmp_path: Path) -> None:
    """By a CA; an auditor that the policy does not recognize for it is refused, as is one id alone."""
    async with running_log(tmp_path) as log:
        ids = tuple(sha256(name).digest() for name in (b"old", b"new"))
        alias = SubscriberAlias(log.trust.statements.key.origin, NOW, ids, "renamed")
        await said(log, alias, "North CA")
        await refused(log, alias, "Careful Audits", "kind-not-allowed")
        await refused(log, alias, "stranger", "unknown-party")
        payload = alias.encode().replace(f',"{ids[1].hex()}"'.encode(), b"")
        answer = await log.say(sign_envelope(party_key("North CA"), alias.payload_type, payload))
        assert (answer.status, answer.code) == (400, "payload-malformed")


async def test_what_the_log_says_itself_nobody_else_says(tmp_path: Path) -> None:
    """A submitted `log-policy` is refused, even well signed."""
    async with running_log(tmp_path) as log:
        policy = LogPolicy(log.trust.statements.key.origin, NOW, sha256(b"policy").digest())
        await refused(log, policy, "Careful Audits", "log-only-kind")


async def test_malformed_envelopes_and_payloads_are_refused(tmp_path: Path) -> None:
    """Two signatures, unknown members, duplicates, unknown kinds, payloads that break their schema."""
    async with running_log(tmp_path) as log:
        statement = audit(log)
        key = party_key("Careful Audits")
        good = sign_envelope(key, statement.payload_type, statement.encode()).encode()
        before = await log.sizes()
        bodies = {
            b"": "envelope-malformed",
            b"{}": "envelope-malformed",
            good.replace(b'"payloadType"', b'"payloadTyp"'): "envelope-malformed",
            good.replace(b"}]}", b'}],"x":1}'): "envelope-malformed",
            good.replace(b'"payload":', b'"payload":"","payload":'): "envelope-malformed",
            good.replace(b"[{", b"[{},{"): "envelope-malformed",
            sign_envelope(key, statement.payload_type, b"{}").encode(): "payload-malformed",
            sign_envelope(key, "application/vnd.keystead.gossip.v1+json", b"{}").encode(): "unknown-kind",
        }
        for body, code in bodies.items():
            answer = await log.post("/statements/add", body)
            assert (answer.status, answer.code) == (400, code), body
        answer = await log.post("/statements/add", b" " * 200_000)
        assert (answer.status, answer.code) == (413, "body-too-large")
        assert await log.sizes() == before


async def test_two_rotations_at_once_do_not_both_happen(tmp_path: Path) -> None:
    """The second is judged against what the first made of the service."""
    async with running_log(tmp_path, period_ms=50) as log:
        await said(log, audit(log), "Careful Audits")
        envelopes = []
        for name in ("one", "two"):
            statement = devices(log, next_key=spki(party_key(name)))
            envelopes.append(sign_envelope(OPERATOR, statement.payload_type, statement.encode()))
        answers = await asyncio.gather(*(log.say(envelope) for envelope in envelopes))
        assert sorted(answer.status for answer in answers) == [200, 400]
        assert await log.sizes() == (0, 3)


async def test_a_partys_quota_is_its_own(tmp_path: Path) -> None:
    """429 for the one that used it up, with the time to wait; others go on."""
    world = World(tmp_path / "world")
    policy = world.write_policy(limits="per_party = 1")
    async with running_log(tmp_path, world, policy=policy) as log:
        first = audit(log)
        await said(log, first, "Careful Audits")
        await refused(log, audit(log, report="https://audits.example/2"), "Careful Audits", "quota-exceeded")
        await said(log, first, "Careful Audits")
        await said(log, devices(log, 7), "operator")
