# SPDX-License-Identifier: Apache-2.0
"""`sigstore` (PyPI) accepts our inclusion proofs, checkpoints and SCTs, and not what is altered.

Its checkpoint code finds a signature by the first four octets of a key's id, as signed notes have it; so a note's
key id is given to it as that of the key.
"""

from base64 import b64encode
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from sigstore._internal.merkle import verify_merkle_inclusion
from sigstore._internal.rekor.checkpoint import verify_checkpoint
from sigstore._internal.sct import verify_sct
from sigstore._internal.trust import CTKeyring, Keyring, RekorKeyring
from sigstore.errors import VerificationError
from sigstore_models.common import v1 as common_v1

from support.proven_log import Inclusion, ProvenLog, prove_log
from support.running_log import running_log

ENTRIES = 20


@pytest.fixture
async def proven(tmp_path: Path) -> ProvenLog:
    """A log of twenty precertificates."""
    async with running_log(tmp_path, period_ms=1) as log:
        return await prove_log(log, ENTRIES)


def entry(inclusion: Inclusion, checkpoint: str = "", key_id: bytes = b"") -> Any:
    """What sigstore looks at of an entry of Rekor."""
    return SimpleNamespace(
        _inner=SimpleNamespace(
            canonicalized_body=inclusion.leaf,
            log_id=SimpleNamespace(key_id=key_id),
            inclusion_proof=SimpleNamespace(
                log_index=inclusion.index,
                tree_size=inclusion.size,
                root_hash=inclusion.root,
                hashes=inclusion.path,
                checkpoint=SimpleNamespace(envelope=checkpoint),
            ),
        )
    )


def keyring(spki: bytes, details: common_v1.PublicKeyDetails) -> Keyring:
    """One key, as sigstore's trusted root has them."""
    return Keyring([common_v1.PublicKey(raw_bytes=b64encode(spki), key_details=details)])


def altered(value: bytes) -> bytes:
    """Another value of the same length."""
    return bytes((value[0] ^ 1,)) + value[1:]


async def test_it_accepts_every_inclusion_proof(proven: ProvenLog) -> None:
    """Of each entry in each tree from 1 to 20; and none for another root, leaf or path."""
    assert len(proven.inclusions) == ENTRIES * (ENTRIES + 1) // 2
    for inclusion in proven.inclusions:
        verify_merkle_inclusion(entry(inclusion))
        wrong = [
            replace(inclusion, root=altered(inclusion.root)),
            replace(inclusion, leaf=altered(inclusion.leaf)),
            replace(inclusion, path=[*inclusion.path, bytes(32)]),
        ]
        if inclusion.path:
            wrong.append(replace(inclusion, path=[altered(inclusion.path[0]), *inclusion.path[1:]]))
        for each in wrong:
            with pytest.raises(VerificationError):
                verify_merkle_inclusion(entry(each))


async def test_it_accepts_the_answered_proof_under_its_checkpoint(proven: ProvenLog) -> None:
    """Signature, size and root of the note in a tlog-proof; not with another root, and not by another key."""
    key = Ed25519PublicKey.from_public_bytes(proven.note_key.key)
    spki = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    keys: RekorKeyring = keyring(spki, common_v1.PublicKeyDetails.PKIX_ED25519)
    key_id = proven.note_key.key_id + bytes(28)
    for inclusion, checkpoint in (
        (proven.proof, proven.proof_checkpoint),
        (proven.inclusions[-1], proven.checkpoint),
    ):
        verify_merkle_inclusion(entry(inclusion))
        verify_checkpoint(keys, entry(inclusion, checkpoint, key_id))
        lines = checkpoint.split("\n")
        lines[1] = str(int(lines[1]) + 1)
        for wrong in (
            entry(replace(inclusion, root=altered(inclusion.root)), checkpoint, key_id),
            entry(inclusion, "\n".join(lines), key_id),
            entry(inclusion, checkpoint, altered(key_id)),
        ):
            with pytest.raises(VerificationError):
                verify_checkpoint(keys, wrong)


async def test_it_accepts_the_sct_in_a_certificate(proven: ProvenLog) -> None:
    """With the leaf index in its extensions; and not under another key or issuer."""
    keys: CTKeyring = keyring(proven.sct_key, common_v1.PublicKeyDetails.PKIX_ECDSA_P256_SHA_256)
    certificate = x509.load_der_x509_certificate(proven.certificate)
    issuing, root = map(x509.load_der_x509_certificate, proven.chain)
    verify_sct(certificate, [issuing, root], keys)
    with pytest.raises(VerificationError):
        verify_sct(certificate, [root], keys)
    other = issuing.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    with pytest.raises(VerificationError):
        verify_sct(
            certificate,
            [issuing, root],
            keyring(other, common_v1.PublicKeyDetails.PKIX_ECDSA_P256_SHA_256),
        )
