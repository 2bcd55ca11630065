# SPDX-License-Identifier: Apache-2.0
"""Certifications by TPMs that must be refused, each for one reason, signed again where they are signed."""

import struct

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

from keystead.devices.evidence import Evidence
from keystead.devices.tpm2_structures import FORMAT
from keystead.encoding.der import NULL, SEQUENCE, encode, encode_oid
from keystead.testvendor.certificates import basic_constraints, extension, key_usage
from keystead.testvendor.keys import SigningKey, derive_key
from keystead.testvendor.refusals import Refusal, chain_refusals, flip
from keystead.testvendor.tpm import ATTRIBUTES, TestTpm, TestTpmMaker, purposes

__all__ = ["all_tpm_refusals"]

_MALFORMED = "malformed-attestation"
_FIXED_TPM, _FIXED_PARENT, _ORIGIN, _RESERVED = 0x2, 0x10, 0x20, 0x1000_0000
_ATTESTS = "2.23.133.8.3"


def all_tpm_refusals(maker: TestTpmMaker) -> list[Refusal]:
    """Of a TPM of this maker."""
    device, public_key = maker.make(1), derive_key(maker.seed, "tpm/attested").spki
    good = device.attest(public_key)
    return [
        *chain_refusals(good, maker.root_der),
        *_signature_refusals(device, public_key, good),
        *_attestation_refusals(device, public_key),
        *_key_refusals(device, public_key),
        *_attestation_key_refusals(device, good),
        *_authority_refusals(device, good),
    ]


def _signature_refusals(device: TestTpm, public_key: bytes, good: Evidence) -> list[Refusal]:
    public = device.public(public_key)
    attest = device.certification(public)
    signature = device.sign(attest)

    def of(name: str, check: str, names: str, data: bytes) -> Refusal:
        return Refusal(name, Evidence(FORMAT, data, good.chain), check, names)

    def signed(name: str, names: str, changed: bytes) -> Refusal:
        return Refusal(name, device.evidence(attest, public, changed), _MALFORMED, names)

    user = derive_key(device.maker.seed, "tpm/the user's own", device.kind)
    by_user = TestTpmMaker(b"the user's own", device.maker.kind).make(1).sign(attest)
    return [
        of("the data is cut short", _MALFORMED, "early", good.data[:-1]),
        of("the signature is missing", _MALFORMED, "early", good.data[: 2 + len(attest)] + good.data[-2:]),
        of("something follows the data", _MALFORMED, "trailing", good.data + b"\0"),
        of("the attestation was altered", "wrong-signature", "did not sign", flip(good.data, 60)),
        of(
            "the user signed it",
            "wrong-signature",
            "did not sign",
            device.evidence(attest, public, by_user).data,
        ),
        signed("the signature is RSAPSS", "0x0016", b"\x00\x16" + signature[2:]),
        signed("the signature's hash is SM3", "0x0012", signature[:2] + b"\x00\x12" + signature[4:]),
        Refusal(
            "the attestation key is the user's",
            Evidence(
                FORMAT,
                device.evidence(attest, public, by_user).data,
                (device.maker.certify(user.spki, key=user), device.maker.issuer_der),
            ),
            "wrong-signature",
            "did not sign",
        ),
    ]


def _attestation_refusals(device: TestTpm, public_key: bytes) -> list[Refusal]:
    public = device.public(public_key)
    other = device.public(derive_key(device.maker.seed, "tpm/another").spki)

    def of(name: str, check: str, names: str, attest: bytes) -> Refusal:
        return Refusal(name, device.evidence(attest, public), check, names)

    return [
        of(
            "what is signed does not come from a TPM",
            _MALFORMED,
            "only a TPM's",
            device.certification(public, magic=b"\xffTCH"),
        ),
        of("what is signed is a quote", _MALFORMED, "0x8018", device.certification(public, kind=0x8018)),
        of("only the creation is attested", _MALFORMED, "0x801a", device.certification(public, kind=0x801A)),
        of("the challenge is too long", _MALFORMED, "65 bytes", device.certification(public, bytes(65))),
        of("something follows the attestation", _MALFORMED, "trailing", device.certification(public) + b"\0"),
        of(
            "another key's attestation is replayed",
            "binding-mismatch",
            "another key",
            device.certification(other),
        ),
        of(
            "the key is named by another hash",
            "binding-mismatch",
            "another key",
            device.certification(public, name_hash="sha1"),
        ),
    ]


def _key_refusals(device: TestTpm, public_key: bytes) -> list[Refusal]:
    public = device.public(public_key)

    def of(name: str, check: str, names: str, area: bytes) -> Refusal:
        return Refusal(name, device.evidence(device.certification(area), area), check, names)

    def without(bit: int) -> bytes:
        return device.public(public_key, ATTRIBUTES & ~bit)

    head, tail = public[:42], public[50:]  # up to the policy; the point
    modulus = device.public(derive_key(device.maker.seed, "tpm/attested", "rsa-2048").spki)
    shorter = modulus.replace(struct.pack(">HHH", 0x10, 0x10, 2048), struct.pack(">HHH", 0x10, 0x10, 2047))
    symmetric = b"\x00\x25" + public[2:42] + bytes.fromhex("000600800043") + b"\x00\x20" + bytes(32)
    sealed = b"\x00\x08" + public[2:42] + bytes.fromhex("0010") + b"\x00\x20" + bytes(32)
    return [
        of("the key was imported", "not-generated", "sensitiveDataOrigin", without(_ORIGIN)),
        of("the key may be duplicated", "extractable-key", "fixedTPM", without(_FIXED_TPM)),
        of("the key's parent may change", "extractable-key", "fixedParent", without(_FIXED_PARENT)),
        of(
            "the key has an attribute that is not known",
            _MALFORMED,
            "attributes",
            device.public(public_key, ATTRIBUTES | _RESERVED),
        ),
        of("the key is a symmetric one", "not-a-key-pair", "symmetric", symmetric),
        of("the key is a sealed secret", "not-a-key-pair", "symmetric", sealed),
        of("the key is of an unknown kind", _MALFORMED, "0x0099", b"\x00\x99" + public[2:]),
        of("the key is named by an unknown hash", _MALFORMED, "0x0012", b"\x00\x23\x00\x12" + public[4:]),
        of(
            "the key is on a curve of SM2",
            _MALFORMED,
            "0x0020",
            head + struct.pack(">HHHH", 16, 16, 32, 16) + tail,
        ),
        of(
            "the key has an unknown scheme",
            _MALFORMED,
            "0x0042",
            head + struct.pack(">HHHH", 16, 66, 3, 16) + tail,
        ),
        of("the point is on no curve", "malformed-key", "cannot be used", flip(public, -1)),
        of("the modulus is longer than it says", _MALFORMED, "2048 bits", shorter),
        of("something follows the public area", _MALFORMED, "trailing", public + b"\0"),
    ]


def _attestation_key_refusals(device: TestTpm, good: Evidence) -> list[Refusal]:
    maker = device.maker
    usage, constraints, policies, purpose, *_ = maker.attestation_extensions(device.key.spki)

    def of(name: str, check: str, names: str, *extensions: bytes) -> Refusal:
        chain = (maker.certify(device.key.spki, *extensions), maker.issuer_der)
        return Refusal(name, Evidence(FORMAT, good.data, chain), check, names)

    no_key = "not-a-device-certificate"
    weak = maker.certify(device.key.spki, key=_Sha1Key(maker.key("issuer").private_key))
    return [
        of("the key is an endorsement key", no_key, "no attestation key's", usage, purposes("2.23.133.8.1")),
        of("the key has no purpose", no_key, "no attestation key's", usage, constraints, policies),
        of("the key may issue", no_key, "no attestation key's", usage, basic_constraints(), purpose),
        of("the key may not sign", no_key, "no attestation key's", key_usage(2), constraints, purpose),
        of(
            "the key's certificate is malformed",
            no_key,
            "malformed",
            extension("2.5.29.19", b"\x30"),
            purpose,
        ),
        of(
            "the key has an unknown critical extension",
            "unknown-critical-extension",
            "1.2.3",
            usage,
            purpose,
            extension("1.2.3", b"", critical=True),
        ),
        Refusal(
            "the key's certificate is signed with SHA-1",
            Evidence(FORMAT, good.data, (weak, maker.issuer_der)),
            "signature-algorithm",
            "only a TPM's own statement",
        ),
    ]


def _authority_refusals(device: TestTpm, good: Evidence) -> list[Refusal]:
    def of(name: str, check: str, names: str, *extensions: bytes) -> Refusal:
        chain = (device.key_der, device.maker.issuer(*extensions))
        return Refusal(name, Evidence(FORMAT, good.data, chain), check, names)

    issues, usage = "not-an-issuing-certificate", key_usage(5)
    return [
        of("the authority is none", issues, "basicConstraints", usage, basic_constraints(authority=False)),
        of("the authority says nothing", issues, "basicConstraints", usage),
        of("the authority may not certify", issues, "keyUsage", key_usage(0), basic_constraints(0)),
        of(
            "the authority has an unknown critical extension",
            "unknown-critical-extension",
            "1.2.3",
            usage,
            basic_constraints(),
            extension("1.2.3", b"", critical=True),
        ),
    ]


class _Sha1Key(SigningKey):
    """A key that signs certificates with SHA-1."""

    def __init__(self, private_key: object) -> None:
        if not isinstance(private_key, ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey):
            raise TypeError("SHA-1 goes with RSA and ECDSA")
        super().__init__(private_key)
        if isinstance(private_key, rsa.RSAPrivateKey):
            self.algorithm = encode(SEQUENCE, encode_oid("1.2.840.113549.1.1.5"), encode(NULL))
        else:
            self.algorithm = encode(SEQUENCE, encode_oid("1.2.840.10045.4.1"))

    def sign(self, message: bytes) -> bytes:
        """The signature over `message`."""
        key, digest = self.private_key, hashes.SHA1()  # noqa: S303 - to be refused
        if isinstance(key, rsa.RSAPrivateKey):
            return key.sign(message, padding.PKCS1v15(), digest)
        if isinstance(key, ec.EllipticCurvePrivateKey):
            return key.sign(message, ec.ECDSA(digest, deterministic_signing=True))
        raise TypeError("SHA-1 goes with RSA and ECDSA")
