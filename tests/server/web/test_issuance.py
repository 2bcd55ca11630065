# SPDX-License-Identifier: Apache-2.0
"""The write calls of the issuance log, over HTTP, against a real server."""

import asyncio
import json
from base64 import b64decode, b64encode
from hashlib import sha256
from pathlib import Path

import pytest

from keystead.certificate.device_identifier import device_id
from keystead.certificate.pem import certificates_from_pem
from keystead.certificate.precertificate import certificate_id, embedded_scts, log_tbs
from keystead.certificate.x509 import parse_certificate
from keystead.ct.leaf import PRECERT_ENTRY, LogEntry, parse_merkle_tree_leaf
from keystead.ct.sct import parse_sct, verify_sct
from keystead.devices.evidence import Evidence, parse_evidence
from keystead.statements.payloads import DeviceEvidence, parse_statement
from keystead.testvendor.certificates import name, to_pem
from keystead.testvendor.keys import derive_key
from keystead.testvendor.subjects import ev_subject
from keystead.testvendor.vendor import TestVendor
from keystead.tlog.merkle import hash_leaf
from keystead.tlog.proof import parse_tlog_proof, verify_tlog_proof
from keystead.tlog.tiles import decode_bundle
from support.running_log import Answer, RunningLog, running_log, sct_of
from support.world import Leaf, World


def precert_entry(leaf: Leaf, answer: Answer) -> LogEntry:
    """The entry that an answer promises for the leaf's precertificate."""
    return LogEntry(
        timestamp=answer.json["timestamp"],
        entry_type=PRECERT_ENTRY,
        signed=log_tbs(parse_certificate(leaf.precertificate)),
        issuer_key_hash=leaf.authority.issuer_key_hash,
        leaf_index=answer.json["leaf_index"],
    )


async def refused(log: RunningLog, path: str, body: bytes, code: str) -> None:
    """The submission is refused with the code, and neither tree changes."""
    before = await log.sizes()
    answer = await log.post(path, body)
    assert (answer.status // 100, answer.code) == (4, code), answer.json
    assert await log.sizes() == before


PRE = "/issuance/ct/v1/add-pre-chain"
FINAL = "/issuance/ct/v1/add-chain"


async def test_an_answer_proves_the_entry_in_every_way(tmp_path: Path) -> None:
    """CT's own members, the serialized SCT, the SCT list and the tlog-proof all verify."""
    async with running_log(tmp_path) as log:
        leaf = log.world.leaf(serial=7)
        answer = await log.add_pre_chain(leaf.body(leaf.precertificate))
        assert answer.status == 200
        entry = precert_entry(leaf, answer)
        document = answer.json
        sct = parse_sct(sct_of(answer))
        verify_sct(sct, entry, log.trust.issuance.sct_key)
        assert document["sct_version"] == 0
        assert b64decode(document["id"]) == log.trust.issuance.log_id == sct.log_id
        assert b64decode(document["extensions"]) == sct.extensions
        assert b64decode(document["signature"]) == sct.digitally_signed
        assert sct.leaf_index == document["leaf_index"] == 0
        proof = parse_tlog_proof(document["proof"])
        verify_tlog_proof(proof, hash_leaf(entry.merkle_tree_leaf()), log.trust.issuance.key)
        certificate = parse_certificate(leaf.certificate(b64decode(document["sct_list"])))
        assert embedded_scts(certificate) == [sct_of(answer)]
        assert document["devices"] == [device_id("yubico-piv-serial", "7").hex()]
        assert "statement_index" not in document


async def test_fifty_clients_with_one_precertificate_get_one_entry(tmp_path: Path) -> None:
    """Fifty at once: fifty identical SCTs, one entry, one `device-evidence`; the certificate has its own entry."""
    async with running_log(tmp_path, period_ms=50) as log:
        leaf = log.world.leaf(serial=7)
        body = leaf.body(leaf.precertificate, log.world.evidence(leaf, 7))
        answers = await asyncio.gather(*(log.add_pre_chain(body) for _ in range(50)))
        assert {answer.status for answer in answers} == {200}
        assert len({sct_of(answer) for answer in answers}) == 1
        assert {answer.json["leaf_index"] for answer in answers} == {0}
        assert {answer.json["statement_index"] for answer in answers} == {1}
        assert await log.sizes() == (1, 2)

        final = leaf.certificate(b64decode(answers[0].json["sct_list"]))
        answer = await log.add_chain(leaf.body(final, log.world.evidence(leaf, 7)))
        assert answer.status == 200
        assert answer.json["certificate_id"] == answers[0].json["certificate_id"]
        assert (answer.json["leaf_index"], answer.json["statement_index"]) == (1, 1)
        assert await log.sizes() == (2, 2)


async def test_a_duplicate_gets_the_same_promise_after_a_restart(tmp_path: Path) -> None:
    """The identical SCT, and a proof under the checkpoint of now."""
    world = World(tmp_path / "world")
    leaf = world.leaf(serial=7)
    async with running_log(tmp_path, world) as log:
        first = await log.add_pre_chain(leaf.body(leaf.precertificate))
    async with running_log(tmp_path, world) as log:
        other = world.leaf("Other AB", serial=8)
        await log.add_pre_chain(other.body(other.precertificate))
        again = await log.add_pre_chain(leaf.body(leaf.precertificate))
        assert sct_of(again) == sct_of(first)
        proof = parse_tlog_proof(again.json["proof"])
        verified = verify_tlog_proof(
            proof, hash_leaf(precert_entry(leaf, again).merkle_tree_leaf()), log.trust.issuance.key
        )
        assert verified.checkpoint.size == 2
        assert await log.sizes() == (2, 1)


async def test_evidence_is_recorded_beside_its_entry_and_served_by_its_digest(tmp_path: Path) -> None:
    """The statement names certificate, entry, digest, device and anchor; anyone can verify the piece again."""
    async with running_log(tmp_path) as log:
        leaf = log.world.leaf(serial=7)
        piece = log.world.evidence(leaf, 7)
        answer = await log.add_pre_chain(leaf.body(leaf.precertificate, piece))
        entry = (await log.statements())[answer.json["statement_index"]]
        statement = parse_statement(entry.envelope)
        assert isinstance(statement, DeviceEvidence)
        assert statement.certificate.hex() == answer.json["certificate_id"]
        assert statement.issuance_index == answer.json["leaf_index"]
        assert entry.timestamp == answer.json["timestamp"]
        assert statement.evidence_digest == piece.digest
        assert [device.device_id for device in statement.devices] == [device_id("yubico-piv-serial", "7")]
        assert statement.anchors == (log.world.vendor.anchor().key_hash,)
        assert statement.policy_index == 0
        served = await log.get(f"/evidence/{piece.digest.hex()}")
        assert parse_evidence(served.body) == piece
        assert served.headers["Content-Type"] == "application/octet-stream"
        assert served.headers["X-Content-Type-Options"] == "nosniff"


async def test_evidence_may_come_later_than_its_certificate(tmp_path: Path) -> None:
    """The same SCT, no new issuance entry, one new statement; a second copy of it is a duplicate."""
    async with running_log(tmp_path) as log:
        leaf = log.world.leaf(serial=7)
        first = await log.add_pre_chain(leaf.body(leaf.precertificate))
        body = leaf.body(leaf.precertificate, log.world.evidence(leaf, 7))
        second, third = await asyncio.gather(log.add_pre_chain(body), log.add_pre_chain(body))
        assert sct_of(first) == sct_of(second) == sct_of(third)
        assert second.json["statement_index"] == third.json["statement_index"] == 1
        assert await log.sizes() == (1, 2)


async def test_a_second_piece_for_the_same_device_is_a_duplicate(tmp_path: Path) -> None:
    """Another attestation of the same key by the same device says nothing new."""
    async with running_log(tmp_path) as log:
        leaf = log.world.leaf(serial=7)
        device = log.world.vendor.yubikey(7)
        one, two = device.attest(leaf.key.spki), device.attest(leaf.key.spki, pin_policy="always")
        assert one.digest != two.digest
        first = await log.add_pre_chain(leaf.body(leaf.precertificate, one))
        second = await log.add_pre_chain(leaf.body(leaf.precertificate, two))
        assert first.json["statement_index"] == second.json["statement_index"] == 1
        assert (await log.get(f"/evidence/{two.digest.hex()}")).status == 404


async def test_the_named_piece_is_recorded_first_and_is_a_duplicate_only_of_itself(tmp_path: Path) -> None:
    """The piece whose digest the extension names stands first, whatever the order of submission."""
    async with running_log(tmp_path) as log:
        device = log.world.vendor.yubikey(7)
        key = device.generate()
        named, other = device.attest(key.spki, pin_policy="always"), device.attest(key.spki)
        leaf = log.world.leaf(serial=7, digest=named.digest)
        await log.add_pre_chain(leaf.body(leaf.precertificate, other, named))
        digests = [
            statement.evidence_digest
            for entry in await log.statements()
            if isinstance(statement := parse_statement(entry.envelope), DeviceEvidence)
        ]
        assert digests == [named.digest]


async def test_a_certificate_without_the_extension_needs_evidence(tmp_path: Path) -> None:
    """By default a backfill is admitted with verified evidence for its own key, and not without."""
    async with running_log(tmp_path) as log:
        device = log.world.vendor.yubikey(7)
        leaf = log.world.leaf(key=device.generate())
        await refused(log, FINAL, leaf.body(leaf.certificate()), "backfill-needs-evidence")
        answer = await log.add_chain(leaf.body(leaf.certificate(), device.attest(leaf.key.spki)))
        assert answer.status == 200
        assert answer.json["devices"] == [device_id("yubico-piv-serial", "7").hex()]
        again = await log.add_chain(leaf.body(leaf.certificate()))
        assert sct_of(again) == sct_of(answer)


@pytest.mark.parametrize(("backfill", "status"), [("none", 400), ("any", 200)])
async def test_the_policy_says_what_a_backfill_needs(tmp_path: Path, backfill: str, status: int) -> None:
    """`none` admits no certificate without the extension, even with evidence; `any` admits it bare."""
    world = World(tmp_path / "world")
    policy = world.write_policy(backfill=backfill)
    async with running_log(tmp_path, world, policy=policy) as log:
        device = world.vendor.yubikey(7)
        leaf = world.leaf(key=device.generate())
        evidence = [device.attest(leaf.key.spki)] if backfill == "none" else []
        answer = await log.add_chain(leaf.body(leaf.certificate(), *evidence))
        assert answer.status == status
        if status == 400:
            assert answer.code == "backfill-not-admitted"


async def test_the_chain_is_completed_with_the_root_that_it_omits(tmp_path: Path) -> None:
    """Fingerprints and issuer_key_hash are of the completed chain, and every issuer is served."""
    async with running_log(tmp_path) as log:
        leaf = log.world.leaf(serial=7)
        chain = [leaf.precertificate, leaf.authority.intermediate_der]
        body = json.dumps({"chain": [b64encode(der).decode() for der in chain]}).encode()
        assert (await log.add_pre_chain(body)).status == 200
        for der in leaf.authority.chain:
            served = await log.get(f"/issuance/issuer/{sha256(der).hexdigest()}")
            assert served.body == der
            assert served.headers["Content-Type"] == "application/pkix-cert"


async def test_bad_submissions_are_refused_by_name_and_change_nothing(tmp_path: Path) -> None:
    """Every refusal has a stable code and leaves both trees as they were."""
    async with running_log(tmp_path) as log:
        world = log.world
        leaf = world.leaf(serial=7)
        pre, final = leaf.precertificate, leaf.certificate()
        foreign = type(world.north)("Unknown CA", "FR")
        chainless = json.dumps({"chain": [b64encode(pre).decode()]}).encode()
        unrelated = world.leaf("Unrelated", serial=7, authority=foreign)
        cases: list[tuple[str, bytes, str]] = [
            (PRE, b"", "malformed"),
            (PRE, b"[]", "malformed"),
            (PRE, b'{"chain": []}', "malformed"),
            (PRE, b'{"chain": ["QQ=="], "evidenc": []}', "malformed"),
            (PRE, b'{"chain": [], "chain": []}', "malformed"),
            (PRE, b'{"chain": ["QR=="]}', "malformed"),
            (PRE, json.dumps({"chain": [b64encode(pre[:-1]).decode()]}).encode(), "certificate-malformed"),
            (PRE, json.dumps({"chain": [b64encode(pre + b"\0").decode()]}).encode(), "certificate-malformed"),
            (PRE, leaf.body(final), "poison-missing"),
            (FINAL, leaf.body(pre), "poison-in-certificate"),
            (PRE, unrelated.body(unrelated.precertificate), "unknown-anchor"),
            (PRE, chainless, "unknown-anchor"),
        ]
        for path, body, code in cases:
            await refused(log, path, body, code)


async def test_a_leaf_must_be_signed_by_its_issuer(tmp_path: Path) -> None:
    """A signature by another CA's key is refused, and so is one flipped bit."""
    async with running_log(tmp_path) as log:
        leaf = log.world.leaf(serial=7)
        wrong = leaf.precertificate[:-1] + bytes((leaf.precertificate[-1] ^ 1,))
        before = await log.sizes()
        answer = await log.add_pre_chain(leaf.body(wrong))
        assert answer.status == 400
        assert await log.sizes() == before


async def test_a_leaf_must_be_for_code_signing(tmp_path: Path) -> None:
    """serverAuth alone, or no EKU at all, is refused."""
    async with running_log(tmp_path) as log:
        for usages in (("1.3.6.1.5.5.7.3.1",), ()):
            leaf = log.world.leaf(serial=7, usages=usages)
            await refused(log, PRE, leaf.body(leaf.precertificate), "code-signing-missing")


async def test_a_malformed_extension_is_refused_with_its_offset(tmp_path: Path) -> None:
    """The sentence says at which byte of the certificate."""
    async with running_log(tmp_path) as log:
        leaf = log.world.leaf(serial=7)
        assert leaf.extension is not None
        broken = Leaf(leaf.authority, leaf.subject, leaf.key, leaf.extension[:-1] + b"\xff")
        answer = await log.add_pre_chain(broken.body(broken.precertificate))
        assert answer.code == "extension-malformed"
        assert "at byte" in answer.json["detail"]


async def test_evidence_that_does_not_verify_is_refused_never_downgraded(tmp_path: Path) -> None:
    """Each refusal names the check that failed; the certificate beside it is not logged either."""
    async with running_log(tmp_path) as log:
        world = log.world
        leaf = world.leaf(serial=7)
        piece = world.evidence(leaf, 7)
        stranger = TestVendor("another vendor", key="ec-p256").yubikey(7).attest(leaf.key.spki)
        other_key = world.vendor.yubikey(7).attest(derive_key(b"other", "key").spki)
        tampered = Evidence(piece.format, piece.data[:-1] + bytes((piece.data[-1] ^ 1,)), piece.chain)
        cases = [
            (stranger, "evidence-unknown-anchor"),
            (other_key, "evidence-key-mismatch"),
            (tampered, "evidence-wrong-signature"),
            (Evidence("no-such-format", piece.data, piece.chain), "evidence-unknown-format"),
            (Evidence(piece.format, piece.data[:-4], piece.chain), "evidence-malformed-attestation"),
        ]
        for bad, code in cases:
            await refused(log, PRE, leaf.body(leaf.precertificate, bad), code)


async def test_evidence_that_contradicts_the_extension_is_refused(tmp_path: Path) -> None:
    """The extension lists device 8, the evidence proves 7; a named digest that nobody submits is refused, too."""
    async with running_log(tmp_path) as log:
        world = log.world
        key = world.vendor.yubikey(7).generate()
        claims_eight = world.leaf(serial=8, key=key)
        piece = world.vendor.yubikey(7).attest(key.spki)
        await refused(
            log, PRE, claims_eight.body(claims_eight.precertificate, piece), "evidence-contradicts-extension"
        )
        names = world.leaf(serial=7, key=key, digest=sha256(b"absent").digest())
        await refused(log, PRE, names.body(names.precertificate), "evidence-missing")
        await refused(log, PRE, names.body(names.precertificate, piece), "evidence-missing")


async def test_too_much_evidence_is_refused(tmp_path: Path) -> None:
    """At most four pieces at once."""
    async with running_log(tmp_path) as log:
        leaf = log.world.leaf(serial=7)
        device = log.world.vendor.yubikey(7)
        pieces = [device.attest(leaf.key.spki, slot) for slot in ("9a", "9c", "9d", "9e", "82")]
        await refused(log, PRE, leaf.body(leaf.precertificate, *pieces), "too-much-evidence")


async def test_dates_are_no_reason_to_refuse(tmp_path: Path) -> None:
    """An expired certificate, and one that is not valid yet, are part of the record."""
    async with running_log(tmp_path) as log:
        for number, (start, end) in enumerate([(946684800, 978307200), (4102444800, 4133980800)]):
            leaf = log.world.leaf(f"Org {number}", serial=number + 1, not_before=start, not_after=end)
            assert (await log.add_pre_chain(leaf.body(leaf.precertificate))).status == 200


async def test_hostile_subjects_are_admitted_as_they_are(tmp_path: Path) -> None:
    """Terminal escapes, HTML and formulas in a subject are data; the entry holds the very bytes."""
    hostile = "\x1b[31m<script>alert(1)</script>\u202e=cmd|' /C calc'!A0"
    async with running_log(tmp_path) as log:
        subject = name(("2.5.4.6", "SE"), ("2.5.4.10", hostile))
        leaf = log.world.leaf(serial=7, subject=subject)
        answer = await log.add_pre_chain(leaf.body(leaf.precertificate))
        assert answer.status == 200
        bundle = await log.get("/issuance/tile/entries/000.p/1")
        entry = parse_merkle_tree_leaf(decode_bundle(bundle.body, 1)[0])
        assert subject in entry.signed


async def test_a_precertificate_and_its_certificate_have_one_id(tmp_path: Path) -> None:
    """Whatever SCT list the certificate carries."""
    async with running_log(tmp_path) as log:
        leaf = log.world.leaf(serial=7, subject=ev_subject("Example AB", "SE", "5560000001"))
        first = await log.add_chain(leaf.body(leaf.certificate()))
        second = await log.add_pre_chain(leaf.body(leaf.precertificate))
        third = await log.add_chain(leaf.body(leaf.certificate(b64decode(second.json["sct_list"]))))
        assert {answer.json["certificate_id"] for answer in (first, second, third)} == {
            certificate_id(
                leaf.authority.issuer_key_hash, log_tbs(parse_certificate(leaf.precertificate))
            ).hex()
        }
        assert [answer.json["leaf_index"] for answer in (first, second, third)] == [0, 1, 2]


async def test_the_accepted_roots_are_listed(tmp_path: Path) -> None:
    """`get-roots` answers with the DER of each."""
    async with running_log(tmp_path) as log:
        answer = await log.get("/issuance/ct/v1/get-roots")
        roots = {b64decode(item) for item in answer.json["certificates"]}
        assert roots == {log.world.north.root_der, log.world.south.root_der}


async def test_a_full_pool_and_a_used_quota_say_when_to_come_back(tmp_path: Path) -> None:
    """503 and 429 with Retry-After; a duplicate is answered before either."""
    world = World(tmp_path / "world")
    policy = world.write_policy(limits="per_issuer_fresh = 0\nper_issuer = 2\npool = 100")
    async with running_log(tmp_path, world, policy=policy) as log:
        leaves = [
            world.leaf(f"Org {number}", serial=number + 1, not_before=1_000_000_000) for number in range(3)
        ]
        for leaf in leaves[:2]:
            assert (await log.add_pre_chain(leaf.body(leaf.precertificate))).status == 200
        answer = await log.add_pre_chain(leaves[2].body(leaves[2].precertificate))
        assert (answer.status, answer.code) == (429, "quota-exceeded")
        assert int(answer.headers["Retry-After"]) >= 1
        assert (await log.add_pre_chain(leaves[0].body(leaves[0].precertificate))).status == 200
        elsewhere = world.leaf("South Org", serial=9, authority=world.south, not_before=1_000_000_000)
        assert (await log.add_pre_chain(elsewhere.body(elsewhere.precertificate))).status == 200


@pytest.mark.samples
async def test_the_real_ev_certificate_is_logged_with_its_real_attestation(
    samples: Path, tmp_path: Path
) -> None:
    """FEN SYSTEMS LTD., expired and still part of the record: the 9a attestation is recorded, any other refused."""
    folder = samples / "attestation/yubikey-piv/ipxe-28557046"

    def one(file: str) -> bytes:
        return certificates_from_pem((folder / file).read_bytes())[0]

    chain = certificates_from_pem((folder / "evcs.chain.pem").read_bytes())
    world = World(tmp_path / "world")
    world.write_policy()
    (world.folder / "ssl-com.pem").write_text(to_pem(chain[-1]))
    policy = world.folder / "real.toml"
    policy.write_text('[issuance]\nroots = ["ssl-com.pem"]\n')

    def body(attestation: str) -> bytes:
        piece = Evidence("yubikey-piv", one(attestation), (one("attestation-intermediate.crt"),))
        return json.dumps(
            {
                "chain": [b64encode(der).decode() for der in (one("evcs.crt"), *chain[:1])],
                "evidence": [
                    {
                        "format": piece.format,
                        "data": b64encode(piece.data).decode(),
                        "chain": [b64encode(der).decode() for der in piece.chain],
                    }
                ],
            }
        ).encode()

    async with running_log(tmp_path, world, policy=policy) as log:
        await refused(log, FINAL, body("attestation-9c.crt"), "evidence-key-mismatch")
        answer = await log.add_chain(body("attestation-9a.crt"))
        assert answer.status == 200, answer.json
        assert answer.json["devices"] == [device_id("yubico-piv-serial", "28557046").hex()]
        assert await log.kinds() == ["log-policy", "device-evidence"]


async def test_a_client_that_hangs_up_does_not_cancel_its_entry(tmp_path: Path) -> None:
    """Nor that of the others who wait for the same one."""
    async with running_log(tmp_path, period_ms=200) as log:
        first = log.world.leaf("First", serial=1)
        await log.add_pre_chain(first.body(first.precertificate))
        leaf = log.world.leaf(serial=7)
        body = leaf.body(leaf.precertificate)
        impatient = asyncio.create_task(log.add_pre_chain(body))
        patient = asyncio.create_task(log.add_pre_chain(body))
        while not log.server.sequencer.waiting:
            await asyncio.sleep(0)
        impatient.cancel()
        answer = await patient
        assert answer.status == 200
        assert await log.sizes() == (2, 1)
