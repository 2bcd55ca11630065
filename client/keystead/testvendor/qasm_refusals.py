# SPDX-License-Identifier: Apache-2.0
"""QASM messages that must be refused, each for one reason, signed again where they are signed."""

from keystead.devices.evidence import Evidence
from keystead.devices.qasm import FORMAT
from keystead.encoding.der import (
    BIT_STRING,
    SEQUENCE,
    Element,
    encode,
    encode_integer,
    encode_oid,
    parse,
)
from keystead.testvendor.keys import derive_key
from keystead.testvendor.qasm import TestQasm, TestQasmMaker, claim, message
from keystead.testvendor.qasm_chain_refusals import chain_refusals
from keystead.testvendor.refusals import Refusal, flip

__all__ = ["all_qasm_refusals"]

_MALFORMED = "malformed-attestation"


def all_qasm_refusals(maker: TestQasmMaker) -> list[Refusal]:
    """Of a module of this maker."""
    device, public_key = maker.make(129), derive_key(maker.seed, "qasm/attested").spki
    return [
        *_key_claim_refusals(device, public_key),
        *_claim_refusals(device, public_key),
        *_structure_refusals(device, public_key),
        *_signature_refusals(device, public_key),
        *chain_refusals(device, public_key),
    ]


def _with_claims(device: TestQasm, claims: dict[str, bytes] | list[bytes]) -> Evidence:
    listed = list(claims.values()) if isinstance(claims, dict) else claims
    return Evidence(FORMAT, message(listed, device.signers(), [device.maker.issuer_der]))


def _key_claim_refusals(device: TestQasm, public_key: bytes) -> list[Refusal]:
    module, key = device.module_claims(), device.key_claims(public_key)
    subject = device.object_of(public_key)

    def changed(name: str, check: str, names: str, predicate: str, new: bytes | None = None) -> Refusal:
        claims = {other: der for other, der in key.items() if other != predicate}
        if new is not None:
            claims[predicate] = new
        return Refusal(name, _with_claims(device, module | claims), check, names)

    off_curve = encode(
        SEQUENCE,
        encode(SEQUENCE, encode_oid("1.2.840.10045.2.1"), encode_oid("1.2.840.10045.3.1.7")),
        encode(BIT_STRING, b"\0\x04" + b"\x01" * 64),
    )
    other = device.key_claims(derive_key(device.maker.seed, "qasm/another").spki)
    return [
        changed("the key's class is not claimed", "not-a-key-pair", "private", "2.4"),
        changed(
            "the key is symmetric",
            "not-a-key-pair",
            "private",
            "2.4",
            claim("2.4", encode_integer(3, 0x83), subject),
        ),
        changed("the key was not generated in hardware", "not-generated", "generated", "2.8"),
        changed("the key is not confined", "extractable-key", "confined", "2.7"),
        changed("the key was extracted", "extractable-key", "never extracted", "2.9"),
        changed("the key is archived", "extractable-key", "archived", "2.16", claim("2.16", b"", subject)),
        changed("the message is about no key", "not-an-attestation", "0 keys", "2.1"),
        changed(
            "the attested point is on no curve",
            "malformed-key",
            "key",
            "2.1",
            claim("2.1", encode(0x80, off_curve), subject),
        ),
        changed("a class is a text", _MALFORMED, "2.4", "2.4", claim("2.4", encode(0x81, b"4"), subject)),
        changed(
            "a key is a number", _MALFORMED, "2.1", "2.1", claim("2.1", encode_integer(4, 0x83), subject)
        ),
        Refusal(
            "the message is about two keys",
            _with_claims(device, [*module.values(), *key.values(), *other.values()]),
            "not-an-attestation",
            "2 keys",
        ),
        Refusal(
            "another object has what the key lacks",
            _with_claims(
                device,
                [
                    *module.values(),
                    *(der for predicate, der in key.items() if predicate != "2.9"),
                    *(der for predicate, der in other.items() if predicate == "2.9"),
                ],
            ),
            "extractable-key",
            "never extracted",
        ),
    ]


def _claim_refusals(device: TestQasm, public_key: bytes) -> list[Refusal]:
    module, key = device.module_claims(), device.key_claims(public_key)

    def of(name: str, names: str, *claims: bytes) -> Refusal:
        evidence = _with_claims(device, [*module.values(), *key.values(), *claims])
        return Refusal(name, evidence, _MALFORMED, names)

    def changed(name: str, names: str, predicate: str, complement: bytes) -> Refusal:
        claims = module | {predicate: claim(predicate, complement)} | key
        return Refusal(name, _with_claims(device, claims), _MALFORMED, names)

    serial = encode_oid("1.3.6.1.4.1.39901.6.1.1")
    return [
        of("a claim is there twice", "twice", key["2.7"]),
        of("the serial number is there twice", "twice", claim("1.1", encode(0x81, b"QSM000001"))),
        of("a subject is no UUID", "UUID", encode(SEQUENCE, serial, encode(0xA0, encode(0x80, b"short")))),
        of(
            "a claim has two complements",
            "other than one",
            encode(SEQUENCE, serial, encode(0xA1, b"\x81\0\x81\0")),
        ),
        of("a complement is of another kind", "tag 0x84", claim("1.7", encode(0x84, b""))),
        of("a claim has a fourth part", "more than", encode(SEQUENCE, serial, b"\x05\x00")),
        of("a claim is empty", "predicate", encode(SEQUENCE)),
        of("there are too many claims", "more than 256", *(claim(f"9.{number}") for number in range(256))),
        changed("the serial number has a space", "crypto4a-serial", "1.1", encode(0x81, b"QSM 129")),
        changed("the serial number is empty", "crypto4a-serial", "1.1", encode(0x81, b"")),
        changed("the serial number says nothing", "says nothing", "1.1", b""),
        changed("the firmware has an escape sequence", "ASCII", "1.3", encode(0x81, b"\x1b[2J")),
        changed("the module's identifier is short", "UUID", "1.0", encode(0x80, b"short")),
        changed("a time does not exist", "time", "1.2", encode(0x82, b"20241332143307Z")),
        changed("a time is written otherwise", "YYYYMMDD", "1.2", encode(0x82, b"2024-06-12")),
    ]


def _structure_refusals(device: TestQasm, public_key: bytes) -> list[Refusal]:
    good = device.attest(public_key)
    version, claims, blocks, attached = (part.encoded for part in parse(good.data).children())
    block = parse(blocks).children()[0]

    def of(name: str, names: str, data: bytes) -> Refusal:
        return Refusal(name, Evidence(FORMAT, data), _MALFORMED, names)

    def made(*parts: bytes) -> bytes:
        return encode(SEQUENCE, *parts)

    def changed_block(*parts: bytes | Element) -> bytes:
        whole = encode(SEQUENCE, *(part if isinstance(part, bytes) else part.encoded for part in parts))
        return made(version, claims, encode(SEQUENCE, whole), attached)

    signer, algorithm, signature = block.children()
    key, certificate = signer.children()
    claims_only = list(device.module_claims().values())
    return [
        Refusal("the format is unknown", Evidence("no-such-format", good.data), "unknown-format", "no-such"),
        of("the message is cut short", "past its container", good.data[:-1]),
        of("the message has trailing bytes", "trailing", good.data + b"\0"),
        of("the message has two parts", "three nor four", made(version, claims)),
        of("the message has another version", "version", made(encode_integer(2), claims, blocks)),
        of(
            "the claims have another version",
            "version",
            message(claims_only, device.signers(), [], version=2),
        ),
        of("the claims have one part", "two parts", made(version, encode(SEQUENCE, version), blocks)),
        of("there is no signature", "0 signatures", made(version, claims, encode(SEQUENCE))),
        of(
            "there are three signatures",
            "3 signatures",
            made(version, claims, encode(SEQUENCE, block.encoded * 3)),
        ),
        of(
            "there are two signatures of one algorithm",
            "one algorithm",
            made(version, claims, encode(SEQUENCE, block.encoded * 2), attached),
        ),
        of("a signature has no algorithm", "three parts", changed_block(signer, signature)),
        of("a signature has half an octet", "octets", changed_block(signer, algorithm, b"\x03\x02\x04\x10")),
        of(
            "a signer has no certificate",
            "key and certificate",
            changed_block(encode(SEQUENCE, key.encoded), algorithm, signature),
        ),
        of(
            "a signer has two certificates in one tag",
            "other than one",
            changed_block(
                encode(SEQUENCE, key.encoded, encode(0xA2, certificate.content * 2)), algorithm, signature
            ),
        ),
        of("certificates are in another tag", "tag", made(version, claims, blocks, encode(0xA1, b""))),
    ]


def _signature_refusals(device: TestQasm, public_key: bytes) -> list[Refusal]:
    maker = device.maker
    claims = [*device.module_claims().values(), *device.key_claims(public_key).values()]
    own = maker.key("the user's own")
    classical, hashed = device.signers()
    good = device.attest(public_key)
    other = device.attest(derive_key(maker.seed, "qasm/another").spki)
    version, _, blocks, attached = (part.encoded for part in parse(good.data).children())
    _, other_claims, *_ = (part.encoded for part in parse(other.data).children())

    def of(name: str, data: bytes, check: str = "wrong-signature", names: str = "did not sign") -> Refusal:
        return Refusal(name, Evidence(FORMAT, data), check, names)

    def altered(name: str, number: int, position: int) -> Refusal:
        parts = [block.encoded for block in parse(blocks).children()]
        parts[number] = flip(parts[number], position)
        return of(name, encode(SEQUENCE, version, claims_of(good), encode(SEQUENCE, *parts), attached))

    def claims_of(evidence: Evidence) -> bytes:
        return parse(evidence.data).children()[1].encoded

    rsa = encode(SEQUENCE, encode_oid("1.2.840.113549.1.1.11"), b"\x05\x00")
    signer = parse(parse(blocks).children()[0].encoded).children()[0].encoded
    restated = encode(
        SEQUENCE,
        version,
        claims_of(good),
        encode(SEQUENCE, encode(SEQUENCE, signer, rsa, encode(BIT_STRING, b"\0\x01"))),
        attached,
    )
    return [
        altered("the classical signature is wrong", 0, -1),
        altered("the hash-based signature is wrong", 1, -1),
        altered("the hash-based signature's level is wrong", 1, -2500),
        of("the claims were altered", good.data.replace(b"4.0.2.493", b"4.0.2.494")),
        of(
            "another key's signatures are replayed",
            encode(SEQUENCE, version, other_claims, blocks, attached),
        ),
        of("the user signed the claims", message(claims, [(own, classical[1])], [maker.issuer_der])),
        of(
            "only the hash-based signature is the user's",
            message(claims, [classical, (own, hashed[1])], [maker.issuer_der]),
            _MALFORMED,
            "one algorithm",
        ),
        of(
            "another hash-based key signed",
            message(claims, [classical, (maker.make(130).hash_key, hashed[1])], [maker.issuer_der]),
        ),
        of("the signature is of another algorithm", restated, "signature-algorithm", "algorithm"),
        of(
            "the hash-based key has a classical signature",
            message(claims, [(device.key, hashed[1])], [maker.issuer_der]),
        ),
    ]
