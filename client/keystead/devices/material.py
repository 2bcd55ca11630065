# SPDX-License-Identifier: Apache-2.0
"""What files hold, before anybody knows which of it is evidence, and what of it belongs together.

`containers` takes files apart. What belongs together is found by signatures: names of files say nothing; they only
decide which of several equal certificates is looked at first.
"""

from dataclasses import dataclass, field

from keystead.certificate.public_key import verify_signature
from keystead.certificate.x509 import Certificate
from keystead.devices.anchors import AnchorSet
from keystead.devices.evidence import Evidence
from keystead.devices.piece import Piece
from keystead.devices.remembered_signatures import Verify, verifies_again
from keystead.devices.request import CertificationRequest
from keystead.devices.vendor_chain import MAX_CHAIN
from keystead.errors import ParseError

__all__ = [
    "MAX_CERTIFICATES",
    "MAX_TRIES",
    "FoundCertificate",
    "FoundStatement",
    "Material",
]

MAX_CERTIFICATES = 4096
"""Those of a thousand devices and more."""

MAX_TRIES = 20_000
"""What belongs together is found by trying signatures. In files of good will a handful for each piece are enough;
with as many as this, nobody waits for more than a minute, whatever the keys."""


@dataclass(frozen=True, slots=True, eq=False)
class FoundCertificate:
    """A certificate, the file that it was in, and the request that carried it, if one did."""

    certificate: Certificate
    file: str
    request: CertificationRequest | None = None


@dataclass(frozen=True, slots=True)
class FoundStatement:
    """What a request carries under a dotted identifier that says what it is, and where it was."""

    kind: str
    value: bytes
    file: str
    request: CertificationRequest


@dataclass(slots=True)
class Material:
    """Everything that was found.

    Attributes:
        certificates: in the order of files and within each.
        by_subject: the same, by the DER of the subject.
        statements: values of attributes and requested extensions, attestation bundles unpacked.
        evidence: (file, evidence) that was in its final form already.
        rest: (file, bytes) of files that are none of the kinds that this module knows, and of base64 texts in
            JSON that is no evidence.
        contents: by file, what was read in it, in words.
        problems: by file, what could not be read in it.
    """

    certificates: list[FoundCertificate] = field(default_factory=list)
    by_subject: dict[bytes, list[FoundCertificate]] = field(default_factory=dict)
    statements: list[FoundStatement] = field(default_factory=list)
    evidence: list[tuple[str, Evidence]] = field(default_factory=list)
    rest: list[tuple[str, bytes]] = field(default_factory=list)
    contents: dict[str, str] = field(default_factory=dict)
    problems: dict[str, str] = field(default_factory=dict)
    _tries: int = 0

    def add(self, found: FoundCertificate) -> None:
        """Take note of a certificate.

        Raises:
            ParseError: there are more than `MAX_CERTIFICATES`.
        """
        if len(self.certificates) >= MAX_CERTIFICATES:
            raise ParseError(f"more than {MAX_CERTIFICATES} certificates at once: give fewer files")
        self.certificates.append(found)
        self.contents.setdefault(found.file, "certificates")
        self.by_subject.setdefault(found.certificate.subject, []).append(found)

    def signed_by(
        self,
        spki: bytes,
        algorithm: bytes,
        signature: bytes,
        message: bytes,
        verify: Verify = verify_signature,
    ) -> bool:
        """Whether a key made a signature.

        Raises:
            ParseError: more than `MAX_TRIES` were asked about.
        """
        self._tries += 1
        if self._tries > MAX_TRIES:
            raise ParseError(
                "too many signatures and keys that might belong together: give fewer files at once"
            )
        return verifies_again(verify, spki, algorithm, signature, message)

    def piece(
        self,
        signed: FoundCertificate,
        anchors: AnchorSet,
        format_name: str,
        verify: Verify = verify_signature,
    ) -> Piece | None:
        """The evidence that `signed` makes with what leads from it towards a pinned key, by signatures.

        Pinned keys' own certificates and other self-issued ones are left out: the canonical chain ends below.
        `verify` is the vendor's way where it is not the usual one.
        None, with a note in `problems`, where the piece is longer than evidence may be.
        """
        path = self.path(signed, anchors, format_name, verify)
        return self._made(
            signed.file, path, format_name, signed.certificate.der, path[1:], request=signed.request
        )

    def statement_piece(
        self, statement: tuple[str, bytes], signer: FoundCertificate, anchors: AnchorSet, format_name: str
    ) -> Piece | None:
        """The evidence that a statement makes with the certificate of what signed it, and what leads on from there.

        Args:
            statement: the file, and the evidence's data.
            signer: the first certificate of the chain.
            anchors: the pinned keys.
            format_name: as evidence is called.
        """
        path = self.path(signer, anchors, format_name)
        return self._made(statement[0], path, format_name, statement[1], path)

    def path(
        self,
        signed: FoundCertificate,
        anchors: AnchorSet,
        format_name: str,
        verify: Verify = verify_signature,
    ) -> list[FoundCertificate]:
        """`signed`, and what leads from it towards a pinned key, by signatures."""
        pinned = {anchor.key_hash for anchor in anchors.attesting(format_name)}
        path = [signed]
        while len(path) <= MAX_CHAIN + 1:
            above = self._issuer_of(path, pinned, verify)
            if above is None:
                break
            path.append(above)
        return path

    def _made(
        self,
        file: str,
        parts: list[FoundCertificate],
        format_name: str,
        data: bytes,
        chain: list[FoundCertificate],
        request: CertificationRequest | None = None,
    ) -> Piece | None:
        try:
            evidence = Evidence(format_name, data, tuple(one.certificate.der for one in chain))
        except ParseError as error:
            self.problems[file] = str(error)
            return None
        return Piece(evidence, tuple(dict.fromkeys((file, *(one.file for one in parts)))), request)

    def _issuer_of(
        self, path: list[FoundCertificate], pinned: set[bytes], verify: Verify
    ) -> FoundCertificate | None:
        """What signed the last certificate of `path`: the nearest to the first, where there are copies."""
        child = path[-1].certificate
        seen = {one.certificate.der for one in path}
        candidates = self.by_subject.get(child.issuer, ())
        for found in sorted(candidates, key=lambda one: _distance(one.file, path[0].file)):
            one = found.certificate
            if one.der in seen or one.subject == one.issuer or one.spki_hash in pinned:
                continue
            seen.add(one.der)
            if self.signed_by(one.spki, child.signature_algorithm, child.signature, child.tbs, verify):
                return found
        return None


def _distance(name: str, other: str) -> int:
    """How far apart two files lie: the same, in one folder, elsewhere."""
    if name == other:
        return 0
    return 1 if name.rpartition("/")[0] == other.rpartition("/")[0] else 2
