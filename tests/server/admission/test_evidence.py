# SPDX-License-Identifier: Apache-2.0
"""Which pieces of evidence are recorded anew, and what is asked of a certificate without the extension."""

from dataclasses import dataclass
from hashlib import sha256

import pytest

from keystead.certificate.device_identifier import SCHEMES, DeviceIdentifier, device_id
from keystead.certificate.extension import Method, SignatureCreationDevice
from keystead.devices.anchors import AnchorSet
from keystead.devices.evidence import Evidence
from keystead.devices.verify import verify_evidence
from keystead.errors import RefusedError
from keystead.testvendor.vendor import TestVendor
from keystead_server.admission.evidence import (
    AdmittedEvidence,
    choose_evidence,
    claim_of,
    judge_evidence,
    require_backfill,
)
from keystead_server.log.records import RecordedEvidence

SCHEME = "yubico-piv-serial"


def device(serial: int) -> bytes:
    """The id of YubiKey `serial`."""
    return device_id(SCHEME, str(serial))


def piece(label: str, *serials: int) -> AdmittedEvidence:
    """A verified piece that proves some devices."""
    evidence = Evidence("yubikey-piv", label.encode(), (b"f9",))
    return AdmittedEvidence(
        evidence, evidence.digest, tuple((SCHEME, device(serial)) for serial in serials), ()
    )


def recorded(made: AdmittedEvidence, index: int = 1) -> RecordedEvidence:
    """The same piece, in the log."""
    return RecordedEvidence(made.digest, index, made.device_ids)


def extension(*serials: int, digest: bytes | None = None) -> SignatureCreationDevice:
    """A device extension."""
    scheme = SCHEMES[SCHEME]
    devices = tuple(DeviceIdentifier(scheme.oid, device(serial)) for serial in serials)
    return SignatureCreationDevice(devices, Method.KEY_ATTESTATION, digest, None)


def codes(call: object, *arguments: object) -> str:
    """The code with which a call is refused."""
    with pytest.raises(RefusedError) as refusal:
        call(*arguments)  # type: ignore[operator]
    return refusal.value.code


@dataclass(frozen=True)
class Case:
    """One decision: what is submitted and recorded, and what is to be recorded anew."""

    sentence: str
    submitted: tuple[AdmittedEvidence, ...]
    extension: SignatureCreationDevice | None
    recorded: tuple[RecordedEvidence, ...]
    chosen: tuple[AdmittedEvidence, ...]


A, B, A2, NONE = piece("a", 1), piece("b", 2), piece("a again", 1), piece("no identity")
CASES = [
    Case("nothing is submitted", (), None, (), ()),
    Case("one piece", (A,), None, (), (A,)),
    Case("the piece is recorded", (A,), None, (recorded(A),), ()),
    Case("another piece says the same", (A2,), None, (recorded(A),), ()),
    Case("two that say the same, at once", (A, A2), None, (), (A,)),
    Case("two devices", (A, B), None, (), (A, B)),
    Case("a piece without identity stands for itself", (NONE, A), None, (), (NONE, A)),
    Case("the named piece goes first", (A, B), extension(1, 2, digest=B.digest), (), (B, A)),
    Case(
        "the named piece is new beside its twin", (A,), extension(1, digest=A.digest), (recorded(A2),), (A,)
    ),
    Case(
        "its twin is not new beside the named piece", (A2,), extension(1, digest=A.digest), (recorded(A),), ()
    ),
    Case("evidence for one of two claimed devices", (A,), extension(1, 2), (), (A,)),
    Case("evidence without identity contradicts nothing", (NONE,), extension(1), (), (NONE,)),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.sentence)
def test_what_is_recorded_anew(case: Case) -> None:
    """The table of decisions."""
    assert choose_evidence(case.submitted, claim_of(case.extension), case.recorded) == case.chosen


def test_a_contradiction_is_refused() -> None:
    """Both name devices and share none."""
    assert codes(choose_evidence, (A,), claim_of(extension(2)), ()) == "evidence-contradicts-extension"


def test_a_named_digest_must_be_there() -> None:
    """Submitted or recorded; another piece for the device does not do."""
    named = extension(1, digest=sha256(b"absent").digest())
    assert codes(choose_evidence, (A,), claim_of(named), ()) == "evidence-missing"
    assert choose_evidence((), claim_of(extension(1, digest=A.digest)), (recorded(A),)) == ()


def test_four_pieces_altogether() -> None:
    """The fifth is refused, unless it is a duplicate; the named one is among the four."""
    four = tuple(recorded(piece(f"p{number}", number), number) for number in range(4))
    assert codes(choose_evidence, (piece("fifth", 9),), None, four) == "too-much-evidence"
    assert choose_evidence((piece("p1", 1),), None, four) == ()


def test_backfill() -> None:
    """`none`, `evidence` and `any`, for a certificate without the extension; with it, no rule applies."""
    assert codes(require_backfill, "none", None, (A,), ()) == "backfill-not-admitted"
    assert codes(require_backfill, "evidence", None, (), ()) == "backfill-needs-evidence"
    require_backfill("evidence", None, (A,), ())
    require_backfill("evidence", None, (), (recorded(A),))
    require_backfill("any", None, (), ())
    require_backfill("none", claim_of(extension(1)), (), ())


def test_evidence_on_a_distrusted_key_is_refused() -> None:
    """Whether it is the anchor or a key on the way to it."""
    vendor = TestVendor("distrusted", key="ec-p256")
    unit = vendor.yubikey(7)
    key = unit.generate()
    evidence = unit.attest(key.spki)
    anchors = AnchorSet([vendor.anchor()])
    (admitted,) = judge_evidence((evidence,), key.spki, anchors, frozenset())
    assert admitted.device_ids == (device(7),)
    for bad in (vendor.anchor().key_hash, sha256(unit.f9_key.spki).digest()):
        assert (
            codes(judge_evidence, (evidence,), key.spki, anchors, frozenset({bad})) == "evidence-distrusted"
        )


def test_experimental_evidence_is_not_admitted() -> None:
    """It verifies, and what it means is not settled: a log would keep it for ever."""
    vendor = TestVendor("experimental", key="ec-p256")
    module = vendor.pkix_module("1")
    key = module.generate()
    evidence = module.attest(key.spki)
    verify_evidence(evidence, vendor.anchors())
    with pytest.raises(RefusedError, match="logs admit no evidence of the format 'pkix-evidence'") as caught:
        judge_evidence((evidence,), key.spki, vendor.anchors(), frozenset())
    assert caught.value.code == "evidence-unknown-format"


def test_evidence_that_leaves_open_whether_a_key_can_leave_is_not_admitted() -> None:
    """A SmartCard-HSM's request verifies, and names the device; a log does not take it as an attestation."""
    vendor = TestVendor("test smartcard-hsm", "ec-p256")
    device = vendor.smartcard_hsm("XTTS0100001")
    evidence = device.attest(device.generate())
    attestation = verify_evidence(evidence, vendor.anchors())
    assert attestation.properties["exportable"] is None
    with pytest.raises(RefusedError, match="logs admit no evidence of the format 'smartcard-hsm'") as caught:
        judge_evidence((evidence,), attestation.key, vendor.anchors(), frozenset())
    assert caught.value.code == "evidence-unknown-format"
