# SPDX-License-Identifier: Apache-2.0
"""Stand-alone proofs: their text, their check from text to leaf, and strangers' text."""

import base64

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given

from keystead.errors import ParseError, ProofError, SignatureError, VerificationError
from keystead.tlog.checkpoint import Checkpoint, LogKey, sign_checkpoint
from keystead.tlog.merkle import make_inclusion_proof, root_of
from keystead.tlog.note import ed25519_vkey
from keystead.tlog.proof import TlogProof, parse_tlog_proof, verify_tlog_proof
from support.fuzzing import FUZZ, damaged_text, only_our_errors
from support.trees import node_reader, random_hashes

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
LOG = LogKey(
    "log.example/statements", ed25519_vkey("log.example/statements", KEY.public_key().public_bytes_raw())
)
LEAVES = random_hashes(5, seed=5)
CHECKPOINT = sign_checkpoint(Checkpoint(LOG.origin, 5, root_of(LEAVES)), KEY)


def _proof(index: int, extra: bytes | None = None) -> TlogProof:
    return TlogProof(index, tuple(make_inclusion_proof(index, 5, node_reader(LEAVES))), CHECKPOINT, extra)


PROOF = _proof(2)


def test_text() -> None:
    """The lines stand in the order of the specification, with the checkpoint after an empty one."""
    hashes = [base64.b64encode(value).decode() for value in PROOF.hashes]
    assert len(hashes) == 3
    assert PROOF.encode() == "\n".join(
        ["c2sp.org/tlog-proof@v1", "index 2", *hashes, "", CHECKPOINT.decode()]
    )
    assert _proof(2, b"\x00").encode().split("\n")[:3] == ["c2sp.org/tlog-proof@v1", "extra AA==", "index 2"]


@pytest.mark.parametrize("extra", [None, b"", b"something"])
def test_every_leaf_is_proven(extra: bytes | None) -> None:
    """Each leaf's proof survives being written and read, and verifies."""
    for index, leaf in enumerate(LEAVES):
        proof = parse_tlog_proof(_proof(index, extra).encode())
        assert proof == _proof(index, extra)
        verified = verify_tlog_proof(proof, leaf, LOG)
        assert (verified.raw, verified.checkpoint.size) == (CHECKPOINT, 5)


def test_a_tree_of_one_leaf() -> None:
    """Without siblings there are no hash lines, only the index and the checkpoint."""
    raw = sign_checkpoint(Checkpoint(LOG.origin, 1, LEAVES[0]), KEY)
    proof = parse_tlog_proof(f"c2sp.org/tlog-proof@v1\nindex 0\n\n{raw.decode()}")
    assert proof == TlogProof(0, (), raw)
    verify_tlog_proof(proof, LEAVES[0], LOG)


def test_false_proofs() -> None:
    """Another leaf, another place, another log or another signer: each is refused for what it is."""
    with pytest.raises(ProofError):
        verify_tlog_proof(PROOF, LEAVES[3], LOG)
    with pytest.raises(ProofError):
        verify_tlog_proof(TlogProof(3, PROOF.hashes, CHECKPOINT), LEAVES[2], LOG)
    with pytest.raises(ProofError):
        verify_tlog_proof(TlogProof(5, PROOF.hashes, CHECKPOINT), LEAVES[2], LOG)
    with pytest.raises(VerificationError, match="another log"):
        verify_tlog_proof(PROOF, LEAVES[2], LogKey("log.example/issuance", LOG.vkey))
    stranger = Ed25519PrivateKey.from_private_bytes(bytes(32))
    raw = sign_checkpoint(Checkpoint(LOG.origin, 5, root_of(LEAVES)), stranger)
    with pytest.raises(SignatureError):
        verify_tlog_proof(TlogProof(2, PROOF.hashes, raw), LEAVES[2], LOG)


TEXT = PROOF.encode()
HASH = base64.b64encode(bytes(32)).decode()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n\n",
        TEXT[1:],
        TEXT[:-1],
        TEXT.replace("@v1", "@v2"),
        TEXT.replace("index 2\n", ""),
        TEXT.replace("index 2", "index 02"),
        TEXT.replace("index 2", "index  2"),
        TEXT.replace("index 2", "index 2 "),
        TEXT.replace("index 2", "index -2"),
        TEXT.replace("index 2", f"index {2**63}"),
        TEXT.replace("index 2", "Index 2"),
        TEXT.replace("index 2\n", "index 2\nextra AA==\n"),
        TEXT.replace("index 2\n", "index 2\nindex 2\n"),
        TEXT.replace("index 2\n", "extra\nindex 2\n"),
        TEXT.replace("index 2\n", "extra A\nindex 2\n"),
        TEXT.replace("index 2\n", "extra AA==\nextra AA==\nindex 2\n"),
        TEXT.replace("index 2\n", "index 2\nAAAA\n"),
        TEXT.replace("index 2\n", "index 2\r\n"),
        TEXT.replace("index 2\n", "index 2\n\n"),
        TEXT.replace("index 2\n", "index 2\n" + 61 * f"{HASH}\n"),
        TEXT.partition("\n\n")[0] + "\n",
        TEXT.partition("\n\n")[0] + "\n\n",
        TEXT + "\ud800",
    ],
)
def test_what_is_no_proof(text: str) -> None:
    """Every line has one spelling and one place, and a signed note follows."""
    with pytest.raises(ParseError):
        parse_tlog_proof(text)


def test_values_that_no_proof_has() -> None:
    """An index out of range, hashes of another length and more of them than a tree is high are refused."""
    for index, hashes in ((-1, ()), (2**63, ()), (0, (b"",)), (0, 64 * (bytes(32),))):
        with pytest.raises(ParseError):
            TlogProof(index, hashes, CHECKPOINT)


@given(damaged_text(TEXT, _proof(2, b"extra").encode()))
@FUZZ
def test_proofs_from_strangers(text: str) -> None:
    """Damaged proofs are refused, or encode to what was read; none proves another place."""
    proof = only_our_errors(parse_tlog_proof, text)
    if proof is not None:
        assert proof.encode() == text
        if only_our_errors(lambda proof: verify_tlog_proof(proof, LEAVES[2], LOG), proof) is not None:
            assert (proof.index, proof.hashes) == (PROOF.index, PROOF.hashes)
