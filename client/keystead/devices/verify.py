# SPDX-License-Identifier: Apache-2.0
"""Verify attestation evidence of any format that is known.

The procedure is the same for all: the signature over the statement, the way to a pinned key of its vendor,
what the device says about the key (generated inside, never exportable), and which device it says it is. A
format is a module with a function of the type `Verifier`; `FORMATS` names it.

Two more checks compare the result with what somebody claims, and are separate because the claim comes from
elsewhere: `require_key` (the certificate's or request's key) and `require_identity` (the device named).

Invariants:

* verification returns only if everything was checked, and raises `EvidenceError` otherwise, whatever the
  bytes;
* the refusal's `check` names the rule, its `evidence` holds the encoded evidence;
* no clock is read: the same bytes under the same anchors give the same answer for ever.
"""

from collections.abc import Callable, Mapping
from functools import cache
from importlib import import_module
from types import MappingProxyType

from keystead.certificate.public_key import key_hash
from keystead.devices.anchors import BUILTIN_ANCHORS, AnchorSet
from keystead.devices.evidence import Evidence
from keystead.devices.result import Attestation
from keystead.errors import EvidenceError, ParseError

__all__ = ["ADMITTED_BY_LOGS", "FORMATS", "Verifier", "require_identity", "require_key", "verify_evidence"]

Verifier = Callable[[Evidence, AnchorSet], Attestation]
"""Verifies evidence of one format; raises `EvidenceError` or `ParseError`."""

FORMATS: Mapping[str, str] = MappingProxyType(
    {
        "yubikey-piv": "yubikey_piv",
        "yubihsm": "yubihsm",
        "luna-pkc": "luna",
        "marvell": "marvell",
        "fortanix": "fortanix",
        "nshield": "nshield",
        "primus": "primus",
        "qasm": "qasm",
        "tpm2-certify": "tpm2_certify",
        "pkix-evidence": "pkix_evidence",
        "smartcard-hsm": "smartcard_hsm",
    }
)
"""By format name, the module of this package with its `verify` and, for what lies in files, its `collect`.

Modules are loaded when their format is first met: whoever needs one format does not wait for all.
"""

ADMITTED_BY_LOGS: frozenset[str] = frozenset(FORMATS) - {"pkix-evidence", "smartcard-hsm"}
"""The formats of which logs may admit evidence. What `pkix-evidence` means is not settled, and `smartcard-hsm` does
not prove that a key cannot leave; a log keeps what it admitted for ever."""


@cache
def _verifier(name: str) -> Verifier:
    verifier: Verifier = import_module(f"keystead.devices.{FORMATS[name]}").verify
    return verifier


def verify_evidence(evidence: Evidence, anchors: AnchorSet = BUILTIN_ANCHORS) -> Attestation:
    """What `evidence` proves under `anchors`.

    Raises:
        EvidenceError: it proves nothing; `check` names the rule that failed (`specs/evidence.md`, section 5).
    """
    if evidence.format not in FORMATS:
        raise _refusal(f"no format of evidence is called '{evidence.format}'", "unknown-format", evidence)
    try:
        return _verifier(evidence.format)(evidence, anchors)
    except EvidenceError as error:
        raise _refusal(str(error), error.check, evidence) from error
    except ParseError as error:
        raise _refusal(str(error), "malformed-evidence", evidence) from error


def _refusal(message: str, check: str, evidence: Evidence) -> EvidenceError:
    return EvidenceError(message, check=check, evidence={"evidence": evidence.encode()})


def require_key(attestation: Attestation, spki: bytes) -> None:
    """Require that the attested key is the one in a certificate or request.

    Without this, evidence about one key would vouch for a certificate with another: statements are public and
    carry no challenge.

    Args:
        attestation: from `verify_evidence`.
        spki: DER of the certificate's or request's SubjectPublicKeyInfo.

    Raises:
        EvidenceError: `check` is `key-mismatch`.
    """
    if key_hash(spki) != attestation.key_hash:
        raise EvidenceError(
            "the attested key is not the key of the certificate or request",
            check="key-mismatch",
            evidence={"attested": attestation.key, "claimed": spki},
        )


def require_identity(attestation: Attestation, scheme: str, value: str) -> None:
    """Require that the evidence names a certain device.

    Raises:
        EvidenceError: `check` is `identity-mismatch`.
    """
    if not any(one.scheme == scheme and one.value == value for one in attestation.identities):
        proven = ", ".join(f"{one.scheme}:{one.value}" for one in attestation.identities) or "no device"
        raise EvidenceError(f"the evidence names {proven}, not {scheme}:{value}", check="identity-mismatch")
