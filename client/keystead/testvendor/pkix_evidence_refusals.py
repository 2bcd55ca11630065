# SPDX-License-Identifier: Apache-2.0
"""PKIX Evidence that must be refused, each for one reason, signed again where it is signed."""

from keystead.devices.evidence import Evidence
from keystead.devices.pkix_evidence import FORMAT
from keystead.devices.pkix_evidence_structure import ARC
from keystead.encoding.der import SEQUENCE, encode, encode_integer, encode_oid
from keystead.testvendor.certificates import basic_constraints, extension, key_usage
from keystead.testvendor.keys import derive_key
from keystead.testvendor.pkix_evidence import (
    ATTESTS,
    KEY,
    PLATFORM,
    TRANSACTION,
    TestPkixMaker,
    TestPkixModule,
    claim,
    element,
    evidence_der,
    purposes,
    signature_block,
    tbs_evidence,
)
from keystead.testvendor.refusals import Refusal, chain_refusals, flip

__all__ = ["all_pkix_refusals"]

_MALFORMED = "malformed-attestation"


def all_pkix_refusals(maker: TestPkixMaker) -> list[Refusal]:
    """Of a module of this maker."""
    device, public_key = maker.make("17-a1b2"), derive_key(maker.seed, "pkix/attested").spki
    good = device.attest(public_key)
    return [
        *chain_refusals(good, maker.root_der),
        *_signature_refusals(device, public_key, good),
        *_key_refusals(device, public_key),
        *_element_refusals(device, public_key),
        *_encoding_refusals(device, public_key),
        *_certificate_refusals(device, good),
    ]


def _elements(device: TestPkixModule, public_key: bytes) -> tuple[bytes, bytes, bytes]:
    return (
        element(TRANSACTION, device.transaction_claims()),
        element(PLATFORM, device.platform_claims()),
        element(KEY, device.key_claims(public_key)),
    )


def _signature_refusals(device: TestPkixModule, public_key: bytes, good: Evidence) -> list[Refusal]:
    elements, maker = _elements(device, public_key), device.maker
    tbs, other_tbs = tbs_evidence(elements), tbs_evidence(_elements(device, device.generate("another").spki))
    user = derive_key(maker.seed, "pkix/the user's own")
    users = device.transaction_claims() | {"ak-spki": user.spki}
    by_user = tbs_evidence([element(TRANSACTION, users), *elements[1:]])

    def of(name: str, check: str, names: str, data: bytes, chain: tuple[bytes, ...] = good.chain) -> Refusal:
        return Refusal(name, Evidence(FORMAT, data, chain), check, names)

    def signed(name: str, check: str, names: str, block: bytes) -> Refusal:
        return of(name, check, names, evidence_der(tbs, [block]))

    named = signature_block(tbs, device.key, der=good.chain[1])
    return [
        of("the evidence is cut short", _MALFORMED, "element", good.data[:-1]),
        of("something follows the evidence", _MALFORMED, "trailing", good.data + b"\0"),
        of("nobody signed it", "not-an-attestation", "nobody signed", evidence_der(tbs, [])),
        of("the signature is wrong", "wrong-signature", "did not sign", flip(good.data, -1)),
        of(
            "another key's signature is replayed",
            "wrong-signature",
            "did not sign",
            evidence_der(tbs, [device.block(other_tbs)]),
        ),
        of(
            "the user signed it, and claims to attest",
            "wrong-signature",
            "did not sign",
            evidence_der(by_user, [signature_block(by_user, user, spki=user.spki)]),
        ),
        of(
            "the user signed it, and there is no certificate",
            "unknown-anchor",
            "neither in the chain",
            evidence_der(by_user, [signature_block(by_user, user, spki=user.spki)]),
            (),
        ),
        of(
            "the attestation key is the user's",
            "wrong-signature",
            "did not sign",
            evidence_der(by_user, [signature_block(by_user, user, identifier=b"1")]),
            (maker.certify(user.spki, signer="the user's own"), maker.issuer_der),
        ),
        signed("the signature names another certificate", "binding-mismatch", "another signer", named),
        signed(
            "the signature names another key",
            "binding-mismatch",
            "another signer",
            signature_block(tbs, device.key, spki=user.spki),
        ),
        of(
            "the evidence names other attestation keys",
            "binding-mismatch",
            "other attestation keys",
            device.evidence(element(TRANSACTION, users), *elements[1:]).data,
        ),
        signed(
            "the signature does not say whose it is",
            _MALFORMED,
            "whose",
            signature_block(tbs, device.key),
        ),
        signed(
            "the signer is named in the wrong order",
            _MALFORMED,
            "another way",
            signature_block(tbs, device.key, identifier=b"1").replace(
                b"\x30\x05\xa0\x03\x04\x01\x31", b"\x30\x05\xa3\x03\x04\x01\x31"
            ),
        ),
        of(
            "there are too many signatures",
            _MALFORMED,
            "9 signatures",
            evidence_der(tbs, [device.block(tbs)] * 9),
        ),
    ]


def _key_refusals(device: TestPkixModule, public_key: bytes) -> list[Refusal]:
    transaction, platform, _ = _elements(device, public_key)
    claims = device.key_claims(public_key)

    def of(name: str, check: str, names: str, *keys: bytes, platform: bytes = platform) -> Refusal:
        return Refusal(name, device.evidence(transaction, platform, *keys), check, names)

    def changed(name: str, check: str, claimed: str, value: bool | None) -> Refusal:
        others = {one: stated for one, stated in claims.items() if one != claimed}
        if value is not None:
            others[claimed] = value
        return of(name, check, claimed, element(KEY, others))

    debugged = element(PLATFORM, device.platform_claims() | {"dbgstat": 0})
    secret = {one: value for one, value in claims.items() if one != "spki"}
    return [
        changed("the key was imported", "not-generated", "local", False),
        changed("nothing is said of where the key was made", "not-generated", "local", None),
        changed("the key is extractable", "extractable-key", "extractable", True),
        changed("nothing is said of extraction", "extractable-key", "extractable", None),
        changed("the key was extractable once", "extractable-key", "never-extractable", False),
        changed("nothing is said of extraction before", "extractable-key", "never-extractable", None),
        changed("the key is not sensitive", "extractable-key", "sensitive", False),
        of("debugging is enabled", "extractable-key", "dbgstat", element(KEY, claims), platform=debugged),
        of("the evidence is about no key", "not-an-attestation", "0 keys"),
        of("the evidence is about two keys", "not-an-attestation", "2 keys", *[element(KEY, claims)] * 2),
        of("the key has no public half", "not-a-key-pair", "which public key", element(KEY, secret)),
        of(
            "the public key cannot be used",
            "malformed-key",
            "cannot be used",
            element(KEY, claims | {"spki": flip(public_key, -1)}),
        ),
    ]


def _element_refusals(device: TestPkixModule, public_key: bytes) -> list[Refusal]:
    transaction, platform, key = _elements(device, public_key)
    claims = device.platform_claims()

    def of(name: str, names: str, *elements: bytes) -> Refusal:
        return Refusal(name, device.evidence(*elements), _MALFORMED, names)

    def stated(name: str, names: str, claimed: str, value: bytes | str | int | bool | None) -> Refusal:
        return of(name, names, transaction, element(PLATFORM, claims | {claimed: value}), key)

    def listed(*members: bytes) -> bytes:
        return encode(SEQUENCE, encode_oid(PLATFORM), encode(SEQUENCE, *members))

    serial = claim("hwserial", "1")
    return [
        of("there are two platforms", "more than one platform", transaction, platform, platform, key),
        of(
            "there are two transactions", "more than one transaction", transaction, transaction, platform, key
        ),
        of("a claim is there twice", "hwserial is there twice", transaction, listed(serial, serial), key),
        of("an element has no claims", "0 claims", transaction, listed(), key),
        of("there are too many elements", "300 elements", *[platform] * 300),
        of("there are no elements", "0 elements"),
        of("there are too many claims", "300 claims", transaction, listed(*[claim("1.2.3", 1)] * 300), key),
        of(
            "a claim has three parts",
            "type and a value",
            listed(encode(SEQUENCE, *[encode_integer(1)] * 3)),
            key,
        ),
        of(
            "an element has three parts",
            "type and claims",
            encode(SEQUENCE, *[encode_oid(PLATFORM)] * 3),
            key,
        ),
        stated("a claim has no value", "vendor has no value", "vendor", None),
        stated("a text is a number", "hwserial", "hwserial", 17),
        stated("a number is a text", "dbgstat", "dbgstat", "0"),
        stated("a text is empty", "hwserial is empty", "hwserial", ""),
        stated("a text is too long", "too long", "hwserial", "1" * 257),
        stated("a text turns the writing around", "printed", "hwserial", "1\u202e2"),
    ]


def _encoding_refusals(device: TestPkixModule, public_key: bytes) -> list[Refusal]:
    elements = _elements(device, public_key)

    def of(name: str, names: str, tbs: bytes, *more: bytes) -> Refusal:
        data = encode(SEQUENCE, tbs, encode(SEQUENCE, device.block(tbs)), *more)
        return Refusal(name, Evidence(FORMAT, data, device.chain), _MALFORMED, names)

    good = tbs_evidence(elements)
    odd = good.replace(b"\x01\x01\xff", b"\x01\x01\x01")
    latin = good.replace(b"Acme Corp", b"Acme \xc4\xc4\xc4\xc4")
    return [
        of("the version is another", "version 1", tbs_evidence(elements, 2)),
        of("a truth value is neither", "truth value", odd),
        of("a text is not UTF-8", "UTF-8", latin),
        of("there are four parts", "two or three parts", good, encode(0xA0), encode(0xA1)),
        of("the third part is something else", "attached certificates", good, encode(0xA1)),
        of(
            "an attached certificate is none",
            "attached certificate",
            good,
            encode(0xA0, *[encode_integer(1)] * 2),
        ),
    ]


def _certificate_refusals(device: TestPkixModule, good: Evidence) -> list[Refusal]:
    maker = device.maker
    no_key, issues, unknown = (
        "not-a-device-certificate",
        "not-an-issuing-certificate",
        "unknown-critical-extension",
    )
    leaf, odd = (basic_constraints(authority=False), key_usage(0)), extension("1.2.3", b"", critical=True)

    def of(name: str, check: str, names: str, *extensions: bytes) -> Refusal:
        chain = (maker.certify(device.key.spki, *extensions), maker.issuer_der)
        return Refusal(name, Evidence(FORMAT, good.data, chain), check, names)

    def issuer(name: str, check: str, names: str, *extensions: bytes) -> Refusal:
        return Refusal(
            name, Evidence(FORMAT, good.data, (good.chain[0], maker.issuer(*extensions))), check, names
        )

    return [
        of("the key has no purpose", no_key, "no attestation key's", *leaf),
        of("the key is for something else", no_key, "no attestation key's", *leaf, purposes(f"{ARC}.9")),
        of("the key has no usage", no_key, "no attestation key's", leaf[0], purposes(ATTESTS)),
        of("the key may not sign", no_key, "no attestation key's", leaf[0], key_usage(2), purposes(ATTESTS)),
        of(
            "the key may issue",
            no_key,
            "no attestation key's",
            basic_constraints(),
            leaf[1],
            purposes(ATTESTS),
        ),
        of("the key's certificate is malformed", no_key, "malformed", *leaf, extension("2.5.29.37", b"\x30")),
        of("the key has an unknown critical extension", unknown, "1.2.3", *leaf, purposes(ATTESTS), odd),
        issuer("the authority is none", issues, "basicConstraints", leaf[0], key_usage(5)),
        issuer("the authority may not certify", issues, "keyUsage", basic_constraints(), key_usage(0)),
        issuer("the authority has an unknown critical extension", unknown, "1.2.3", basic_constraints(), odd),
    ]
