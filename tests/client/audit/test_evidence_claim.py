# SPDX-License-Identifier: Apache-2.0
"""A claim about evidence is checked without trusting a byte of it."""

from hypothesis import given

from keystead.audit.evidence_claim import EvidenceJob, check_claim, check_claims
from keystead.audit.read_statement import ReadStatement, UnreadableStatement, read_statement
from keystead.statements.payloads import DeviceEvidence
from support.audited_history import small_history
from support.fuzzing import FUZZ, damaged
from support.history import yubikey

HISTORY = small_history()
ENTRIES = HISTORY.log.statements.entries
CLAIM = next(
    read.statement
    for index, raw in enumerate(ENTRIES)
    if isinstance(read := read_statement(index, raw), ReadStatement)
    and isinstance(read.statement, DeviceEvidence)
)
DATA = HISTORY.log.objects[f"evidence/{CLAIM.evidence_digest.hex()}"]
POLICY = next(data for path, data in HISTORY.log.objects.items() if path.startswith("policy/"))


def job(data: bytes = DATA, **changed: object) -> EvidenceJob:
    """The claim, with some of it changed."""
    right = EvidenceJob(CLAIM, data, POLICY, bytes(32), frozenset({yubikey(1)}))
    return right._replace(**changed)  # type: ignore[arg-type]


def test_the_key_is_compared() -> None:
    """The only thing wrong with the claim here is the key, and it is said."""
    assert [code for code, _ in check_claim(job()).flaws] == ["evidence-key-mismatch"]
    assert check_claim(job()).anchors == (HISTORY.vendor.anchor().key_hash,)


@FUZZ
@given(damaged(DATA))
def test_any_evidence(data: bytes) -> None:
    """Whatever is served as evidence: flaws, and no exception."""
    codes = [code for code, _ in check_claim(job(data)).flaws]
    assert codes
    assert all(code.startswith("evidence-") for code in codes)


@FUZZ
@given(damaged(*ENTRIES))
def test_any_statement(raw: bytes) -> None:
    """Whatever is in a bundle: a statement, or why it is none."""
    read = read_statement(3, raw)
    assert read.index == 3
    if isinstance(read, UnreadableStatement):
        assert read.code
        assert read.sentence


def test_claims_come_back_in_order() -> None:
    """Several claims are checked one after the other."""
    assert [len(result.flaws) for result in check_claims((job(), job(b"x")))] == [1, 1]
    assert check_claims(()) == ()
