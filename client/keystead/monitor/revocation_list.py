# SPDX-License-Identifier: Apache-2.0
"""Certificate revocation lists (RFC 5280 section 5) that the user gives to the monitor.

Pure: bytes in, values out, and whether a CA's key signed them. A list counts as published on its thisUpdate, whatever
the revocation dates in it say: a revocation can be dated back, a publication cannot.

Invariants:

* what a list says is believed only under the key of a CA that the logs hold (`verify`);
* suspensions (certificateHold, removeFromCRL) end no validity and are passed over;
* nothing but `ParseError` is raised on input.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import CRLEntryExtensionOID, ExtensionOID

from keystead.certificate.public_key import load_public_key
from keystead.certificate.x509 import Certificate
from keystead.errors import ParseError

__all__ = ["RevocationList", "parse_revocation_list"]

_PEM = b"-----BEGIN X509 CRL-----"
_PASSED_OVER = {x509.ReasonFlags.certificate_hold, x509.ReasonFlags.remove_from_crl}


@dataclass(frozen=True, slots=True)
class RevocationList:
    """A list, not verified yet.

    Attributes:
        digest: SHA-256 of its DER.
        issuer: DER of the name of the CA.
        this_update: seconds.
        revoked: content octets of each serial number, and the reason by its name in RFC 5280.
    """

    digest: bytes
    issuer: bytes
    this_update: int
    revoked: tuple[tuple[bytes, str], ...]
    _parsed: x509.CertificateRevocationList

    def signed_by(self, authority: Certificate) -> bool:
        """Whether a CA of the list's name signed it with this certificate's key."""
        if authority.subject != self.issuer:
            return False
        try:
            key = load_public_key(authority.spki)
            if not isinstance(
                key,
                rsa.RSAPublicKey
                | ec.EllipticCurvePublicKey
                | ed25519.Ed25519PublicKey
                | ed448.Ed448PublicKey,
            ):
                return False
            return self._parsed.is_signature_valid(key)
        except (ParseError, InvalidSignature, UnsupportedAlgorithm, ValueError, TypeError):
            return False


def parse_revocation_list(data: bytes) -> RevocationList:
    """Read a list, DER or PEM.

    Raises:
        ParseError: it is none, or one whose entries may be of other CAs (indirect).
    """
    try:
        pem = data.lstrip().startswith(_PEM)
        parsed = x509.load_pem_x509_crl(data) if pem else x509.load_der_x509_crl(data)
        return RevocationList(
            sha256(parsed.public_bytes(Encoding.DER)).digest(),
            parsed.issuer.public_bytes(),
            int(parsed.last_update_utc.timestamp()),
            tuple(_revoked(parsed)),
            parsed,
        )
    except ParseError:
        raise
    # The library's decoder is another's: whatever it raises on input is a list that cannot be read.
    except (ValueError, TypeError, OverflowError, UnsupportedAlgorithm, x509.DuplicateExtension) as error:
        raise ParseError(f"the revocation list cannot be read: {error}") from error


def _revoked(parsed: x509.CertificateRevocationList) -> Iterator[tuple[bytes, str]]:
    for extension in parsed.extensions:
        if extension.oid == ExtensionOID.ISSUING_DISTRIBUTION_POINT:
            point = extension.value
            if isinstance(point, x509.IssuingDistributionPoint) and point.indirect_crl:
                raise ParseError("the revocation list is indirect: its entries may be of other CAs")
    for entry in parsed:
        reason: x509.ReasonFlags | None = None
        for extension in entry.extensions:
            if extension.oid == CRLEntryExtensionOID.CERTIFICATE_ISSUER:
                raise ParseError("the revocation list is indirect: its entries may be of other CAs")
            if isinstance(extension.value, x509.CRLReason):
                reason = extension.value.reason
        if reason in _PASSED_OVER:
            continue
        serial = entry.serial_number
        content = serial.to_bytes(serial.bit_length() // 8 + 1, signed=True)
        yield content, "unspecified" if reason is None else reason.value
