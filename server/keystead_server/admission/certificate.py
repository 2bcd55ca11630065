# SPDX-License-Identifier: Apache-2.0
"""Which certificates the issuance log takes (specs/log.md, section "Admission of certificates").

1. The leaf is DER that both our walk and (in step 4) the certificate library read.
2. A precertificate has exactly one critical poison and no SCT list; a certificate has no poison.
3. The leaf has the code-signing EKU.
4. Its chain leads to an accepted root, which the log appends where the chain omits it; no link goes through a
   precertificate signing certificate. Dates are no reason to refuse: a log records history.
5. Its device extension, if it has one, is well formed.
6. Its entry fits into a bundle, which gives lengths in 16 bits: both logs are served as bundles.

What lies above the leaf is verified once for each chain of issuers and policy, and remembered.
"""

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from keystead.certificate.chain import verify_issuers, verify_leaf
from keystead.certificate.extension import SignatureCreationDevice, device_extension
from keystead.certificate.precertificate import certificate_id, is_precertificate, log_tbs
from keystead.certificate.precertificate import embedded_scts as scts_in
from keystead.certificate.x509 import Certificate, parse_certificate
from keystead.ct.leaf import PRECERT_ENTRY, X509_ENTRY
from keystead.errors import ChainError, ParseError, RefusedError, SignatureError
from keystead.tlog.tiles import MAX_ENTRY_SIZE

__all__ = ["AdmittedCertificate", "IssuerChains", "admit_certificate"]

# MerkleTreeLeaf (RFC 6962 section 3.4) around what is signed: version, leaf type, time, entry type, for a
# precertificate the issuer's key hash, the length, and extensions of eight bytes behind theirs.
_LEAF_OVERHEAD = {X509_ENTRY: 1 + 1 + 8 + 2 + 3 + 2 + 8, PRECERT_ENTRY: 1 + 1 + 8 + 2 + 32 + 3 + 2 + 8}


@dataclass(frozen=True, slots=True)
class AdmittedCertificate:
    """A certificate that may be logged, and what its entry is made of.

    Attributes:
        certificate: the leaf, as submitted.
        entry_type: 0 certificate, 1 precertificate.
        signed: what the leaf hash and the SCT cover: its DER, or its TBSCertificate without the poison.
        issuer_key_hash: SHA-256 of the issuing key's SubjectPublicKeyInfo.
        chain: the completed chain above the leaf.
        certificate_id: the id that it shares with its precertificate or certificate.
        extension: its device extension, if it has one.
    """

    certificate: Certificate
    entry_type: int
    signed: bytes
    issuer_key_hash: bytes
    chain: tuple[Certificate, ...]
    certificate_id: bytes
    extension: SignatureCreationDevice | None

    @property
    def known_by(self) -> bytes:
        """What makes another submission a duplicate of this one."""
        return self.certificate_id if self.entry_type == PRECERT_ENTRY else self.certificate.fingerprint


class IssuerChains:
    """Remembers which chains of issuers lead to an accepted root.

    Bounded: the least recently used is forgotten, and costs one more verification. One object serves one set of
    roots; a new policy gets a new one.

    Args:
        anchors: the accepted roots by SHA-256 of their DER.
    """

    def __init__(self, anchors: Mapping[bytes, Certificate], capacity: int = 4096) -> None:
        self._anchors = anchors
        self._capacity = capacity
        self._known: OrderedDict[tuple[bytes, ...], tuple[Certificate, ...]] = OrderedDict()

    def complete(self, leaf: Certificate, issuers: Sequence[bytes]) -> tuple[Certificate, ...]:
        """The verified chain above `leaf`, its anchor included.

        Raises:
            ChainError, SignatureError, ParseError: it does not lead to an accepted root.
        """
        if not issuers:
            # Which root completes a chain of the leaf alone, only its own signature says: roots share names.
            return verify_issuers(leaf, (), self._anchors)
        key = tuple(issuers)
        found = self._known.get(key)
        if found is None:
            found = verify_issuers(leaf, [parse_certificate(der) for der in issuers], self._anchors)
            self._known[key] = found
            if len(self._known) > self._capacity:
                self._known.popitem(last=False)
        else:
            self._known.move_to_end(key)
        return found


def admit_certificate(
    chain: Sequence[bytes], *, precertificate: bool, issuers: IssuerChains
) -> AdmittedCertificate:
    """Judge a submitted chain.

    Args:
        chain: DER, leaf first, as submitted.
        precertificate: whether it came to `add-pre-chain`.
        issuers: the memory of issuer chains under the policy in force.

    Raises:
        RefusedError: 400, with the code of the rule that it breaks.
    """
    try:
        leaf = parse_certificate(chain[0])
    except ParseError as error:
        raise RefusedError("certificate-malformed", f"the certificate is not DER: {error}") from error
    try:
        poisoned = is_precertificate(leaf)
        if poisoned and not precertificate:
            raise RefusedError(
                "poison-in-certificate", "this is a precertificate: submit it to add-pre-chain"
            )
        if precertificate and not poisoned:
            raise RefusedError("poison-missing", "this is no precertificate: submit it to add-chain")
        if precertificate and scts_in(leaf):
            raise RefusedError("sct-list-in-precertificate", "a precertificate must not have an SCT list")
        signed_tbs = log_tbs(leaf)
    except ParseError as error:
        raise RefusedError("certificate-malformed", str(error)) from error
    try:
        completed = issuers.complete(leaf, chain[1:])
        verify_leaf(leaf, completed[0])
    except (ChainError, SignatureError) as error:
        raise RefusedError(error.check or "chain-not-accepted", str(error)) from error
    except ParseError as error:
        raise RefusedError(
            "chain-malformed", f"a certificate of the chain cannot be read: {error}"
        ) from error
    try:
        extension = device_extension(leaf)
    except ParseError as error:
        raise RefusedError("extension-malformed", f"the device extension is malformed: {error}") from error
    entry_type, signed = (PRECERT_ENTRY, signed_tbs) if precertificate else (X509_ENTRY, leaf.der)
    if len(signed) + _LEAF_OVERHEAD[entry_type] > MAX_ENTRY_SIZE:
        raise RefusedError(
            "entry-too-large",
            f"the certificate has {len(signed)} bytes: its entry would have more than {MAX_ENTRY_SIZE}",
            status=413,
        )
    issuer_key_hash = completed[0].spki_hash
    return AdmittedCertificate(
        certificate=leaf,
        entry_type=entry_type,
        signed=signed,
        issuer_key_hash=issuer_key_hash,
        chain=completed,
        certificate_id=certificate_id(issuer_key_hash, signed_tbs),
        extension=extension,
    )
