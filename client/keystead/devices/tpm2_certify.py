# SPDX-License-Identifier: Apache-2.0
"""TPM 2.0 key certification (`TPM2_Certify`): a TPM says of a key that it holds it, and how.

What the TPM signs (`tpm2_structures`) names the key by a hash of its public area, which says that the key was
made inside and is bound to this TPM. Source: Trusted Computing Group, "TPM 2.0 Library", parts 1 and 3, and
"TPM 2.0 Keys for Device Identity and Attestation"; checked against published statements of WebAuthn.

=========  ==================================================================================================
data       TPM2B_ATTEST, TPMT_SIGNATURE, TPM2B_PUBLIC, one behind the other
chain      the certificate of the attestation key, then what leads from it to a pinned key
identity   none
=========  ==================================================================================================

Class none: the attestation key is a pseudonym. An endorsement certificate that comes along names a TPM, but only
who ran the activation of a credential knows that both are in one TPM. That the attestation key is one, restricted to
what the TPM itself made up, is the word of the CA that certified it; such CAs are their operators' to pin, and none
ships with Keystead. PSS signatures are not read: no sample has one.
"""

from collections.abc import Iterator
from types import MappingProxyType

from keystead.certificate.name import decode_name
from keystead.certificate.public_key import key_hash, load_public_key
from keystead.certificate.x509 import Certificate, basic_constraints, key_usage
from keystead.devices.anchors import AnchorSet
from keystead.devices.authority import refuse_critical, require_authority
from keystead.devices.evidence import Evidence
from keystead.devices.evidence_certificate import BASIC_CONSTRAINTS, KEY_USAGE, shown
from keystead.devices.result import Attestation, Property
from keystead.devices.tpm2_carriers import collect, is_attestation_key
from keystead.devices.tpm2_structures import FORMAT, Attest, Public, Signature, split_statement
from keystead.devices.vendor_chain import SHA2_ALGORITHMS, ChainRules, SignedStatement, walk
from keystead.encoding.der import NULL, SEQUENCE, encode, encode_oid, parse
from keystead.errors import EvidenceError, ParseError

__all__ = ["FORMAT", "collect", "verify"]

_MANUFACTURER, _MODEL, _VERSION = "2.23.133.2.1", "2.23.133.2.2", "2.23.133.2.3"
_ALTERNATIVE_NAME, _POLICIES = "2.5.29.17", "2.5.29.32"
_KNOWN_CRITICAL = frozenset({BASIC_CONSTRAINTS, KEY_USAGE, _ALTERNATIVE_NAME, _POLICIES})
_DIRECTORY_NAME = 0xA4
_DIGITAL_SIGNATURE = 0

_FIXED_TPM, _FIXED_PARENT, _ORIGIN = 0x2, 0x10, 0x20
_RESTRICTED, _DECRYPT, _SIGN = 0x1_0000, 0x2_0000, 0x4_0000
_ATTRIBUTES = {_RESTRICTED: "restricted", _DECRYPT: "decrypt", _SIGN: "sign"}

_SHA1_ALGORITHMS = frozenset(
    {
        encode(SEQUENCE, encode_oid("1.2.840.113549.1.1.5"), encode(NULL)),
        encode(SEQUENCE, encode_oid("1.2.840.10045.4.1")),
    }
)
"""Many attestation keys still sign with SHA-1; what they sign leaves no room for a collision."""

_VENDORS = {
    "AMD": "AMD",
    "ATML": "Microchip",
    "BRCM": "Broadcom",
    "GOOG": "Google",
    "IBM": "IBM",
    "IFX": "Infineon",
    "INTC": "Intel",
    "MSFT": "Microsoft",
    "NTC": "Nuvoton",
    "NTZ": "Nationz",
    "QCOM": "Qualcomm",
    "SMSN": "Samsung",
    "STM": "STMicroelectronics",
    "VMW": "VMware",
}
"""Of the TCG's registry of vendor identifiers; others are shown as they are."""

_UNPROVEN = (
    "which TPM it is: nothing that a third party can check ties the attestation key to one",
    "that the attestation key is a TPM's, but by the word of the CA that certified it",
    "that who presents the statement holds the key: only a signature by the key shows that",
    "that the TPM is certified for signing keys: most are not, and nothing here says so",
)


def verify(evidence: Evidence, anchors: AnchorSet) -> Attestation:
    """Verify a TPM's certification of a key.

    Args:
        evidence: of the format `tpm2-certify`.
        anchors: the pinned keys.

    Raises:
        EvidenceError: `check` is `malformed-attestation`, `binding-mismatch`, `not-a-key-pair`,
            `not-generated`, `extractable-key`, `malformed-key`, `not-a-device-certificate`,
            `not-an-issuing-certificate`, `unknown-critical-extension`, or one of `vendor_chain.walk`'s.
    """
    try:
        attest, signature, public = split_statement(evidence.data)
    except ParseError as error:
        raise EvidenceError(str(error), check="malformed-attestation") from error
    # (1) Who signed, and who certified that.
    statement = SignedStatement("the TPM's attestation", attest.signed, signature.algorithm, signature.octets)
    path = walk(statement, evidence.chain, anchors, _RULES)
    if not path.certificates:
        raise EvidenceError(
            "the attestation is signed by the pinned key itself, without a certificate of an attestation key",
            check="not-a-device-certificate",
        )
    # (2) It is about this key, made in the TPM and bound to it.
    if attest.name != public.name:
        raise EvidenceError("the TPM attests another key than the public area's", check="binding-mismatch")
    _require_kept(public)
    try:
        load_public_key(public.spki)
    except ParseError as error:
        raise EvidenceError(f"the attested key cannot be used: {error}", check="malformed-key") from error
    attested = key_hash(public.spki)
    stated = _stated(path.certificates[0])
    return Attestation(
        format=FORMAT,
        identities=(),
        vendor=_vendor(stated.get(_MANUFACTURER)),
        model=stated.get(_MODEL),
        serial=None,
        firmware=None,
        form_factor=None,
        certification=None,
        key=public.spki,
        key_hash=attested,
        anchors=(path.anchor.key_hash,),
        cloud=path.anchor.cloud,
        properties=MappingProxyType(_properties(attest, public, signature, stated)),
        unproven=(*_UNPROVEN, *_weaknesses(attest, signature)),
        chain=path.elements(_RULES, attested),
    )


def _require_kept(public: Public) -> None:
    if not public.spki:
        raise EvidenceError("the TPM attests a symmetric key", check="not-a-key-pair")
    if not public.attributes & _ORIGIN:
        raise EvidenceError(
            "the key was not made in the TPM: sensitiveDataOrigin is not set", check="not-generated"
        )
    for bit, name in ((_FIXED_TPM, "fixedTPM"), (_FIXED_PARENT, "fixedParent")):
        if not public.attributes & bit:
            raise EvidenceError(f"the key may leave the TPM: {name} is not set", check="extractable-key")


def _properties(
    attest: Attest, public: Public, signature: Signature, stated: dict[str, str]
) -> dict[str, Property]:
    properties: dict[str, Property] = {
        "generated_on_device": True,
        "exportable": False,
        "permissions": [name for bit, name in _ATTRIBUTES.items() if public.attributes & bit],
        "qualifying_data": attest.extra.hex(),
        "signature_hash": signature.digest,
    }
    if _VERSION in stated:
        properties["tpm_version"] = stated[_VERSION]
    return properties


def _weaknesses(attest: Attest, signature: Signature) -> Iterator[str]:
    if attest.extra:
        yield "when: the statement has data signed along, and only who chose it knows whether it was fresh"
    else:
        yield "when: the statement has no challenge"
    if signature.digest == "sha1":
        yield "as much as a stronger hash would: the statement is signed with SHA-1"


def _vendor(manufacturer: str | None) -> str:
    """The manufacturer in words; the identifier is four letters, as `id:` and hexadecimal digits."""
    if manufacturer is None:
        return "unknown"
    try:
        letters = bytes.fromhex(manufacturer.removeprefix("id:")).decode("ascii").rstrip(" \0")
    except ValueError:
        return "unknown"
    return _VENDORS.get(letters, letters if letters.isalnum() else "unknown")


def _stated(certificate: Certificate) -> dict[str, str]:
    """What the certificate's SubjectAltName says of the TPM, printable texts only."""
    extension = certificate.extension(_ALTERNATIVE_NAME)
    if extension is None:
        return {}
    try:
        names = parse(extension.value).expect(SEQUENCE, "the alternative names").children()
        directory = [one.children()[0].encoded for one in names if one.tag == _DIRECTORY_NAME]
        attributes = [attribute for name in directory for attribute in decode_name(name)]
    except (ParseError, IndexError):
        return {}
    return {
        attribute.oid: attribute.text
        for attribute in attributes
        if attribute.text and attribute.text.isascii() and attribute.text.isprintable()
    }


def _judge(certificate: Certificate, place: int) -> None:
    """What must stand at each place above the attestation: the attestation key, then authorities."""
    if certificate.signature_algorithm not in SHA2_ALGORITHMS:
        raise EvidenceError(
            f"{shown(certificate.subject)} is signed under an algorithm that only a TPM's own statement may have",
            check="signature-algorithm",
        )
    if place:
        require_authority(certificate, place - 1, "not-an-issuing-certificate", known=_KNOWN_CRITICAL)
        return
    try:
        constraints, usage = basic_constraints(certificate), key_usage(certificate)
    except ParseError as error:
        raise EvidenceError(
            f"{shown(certificate.subject)} is malformed: {error}", check="not-a-device-certificate"
        ) from error
    signs = usage is None or _DIGITAL_SIGNATURE in usage
    authority = constraints is not None and constraints.ca
    if not is_attestation_key(certificate) or authority or not signs:
        raise EvidenceError(
            f"{shown(certificate.subject)} signed the attestation and is no attestation key's certificate",
            check="not-a-device-certificate",
        )
    refuse_critical(certificate, _KNOWN_CRITICAL)


_RULES = ChainRules(
    format=FORMAT,
    roles=("attestation", "attestation key", "intermediate"),
    judge=_judge,
    algorithms=SHA2_ALGORITHMS | _SHA1_ALGORITHMS,
)
