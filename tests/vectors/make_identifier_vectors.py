# SPDX-License-Identifier: Apache-2.0
"""Makes `specs/vectors/identifiers.json`: every derived identifier, with the bytes that are hashed.

Run `python tests/vectors/make_identifier_vectors.py > specs/vectors/identifiers.json`; the output depends on
nothing but this file. Canonical texts are written down by hand, hashes are hashlib's, DER comes from a few lines
here and certificates from `cryptography`: none of it from Keystead's own code.
"""

import json
import sys
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

ARC = "1.2.840.113556.1.8000.2554.10366.64129.34580.20006.40472.10032708.12524559"
SCHEMES = [
    (1, "yubico-piv-serial", "unit", "10203040"),
    (2, "yubihsm-serial", "unit", "10203040"),
    (3, "smartcard-hsm-id", "unit", "UTCC0200001"),
    (5, "luna-serial", "appliance", "600001"),
    (6, "primus-serial", "appliance", "19000001"),
    (7, "crypto4a-serial", "appliance", "QSM999999"),
    (8, "marvell-adapter", "appliance", "9.9G0000-ICM000001"),
    (9, "nshield-esn", "appliance", "0000-1111-ABCD"),
    (10, "nshield-world", "domain", "00112233445566778899aabbccddeeff00112233"),
    (13, "pkix-evidence-serial", "unit", "ab" * 32 + "//6d6f64656c/303031"),
    (14, "manufacturer-serial", "unit", "maker/line/0001"),
]


def tlv(tag: int, *contents: bytes) -> bytes:
    """An element of DER."""
    content = b"".join(contents)
    if len(content) < 0x80:
        return bytes((tag, len(content))) + content
    size = (len(content).bit_length() + 7) // 8
    return bytes((tag, 0x80 | size)) + len(content).to_bytes(size, "big") + content


def oid(dotted: str) -> bytes:
    """An OBJECT IDENTIFIER."""
    first, second, *rest = map(int, dotted.split("."))
    content = bytearray()
    for arc in (40 * first + second, *rest):
        septets = [arc & 0x7F]
        while arc := arc >> 7:
            septets.append(arc & 0x7F | 0x80)
        content += bytes(reversed(septets))
    return tlv(0x06, bytes(content))


def device_ids() -> list[dict[str, Any]]:
    """One identifier of each scheme; the first two differ only in the scheme."""
    listed = []
    for number, scheme, class_, value in SCHEMES:
        preimage = f"keystead/device/v1\n{scheme}\n{value}".encode()
        listed.append(
            {
                "number": number,
                "oid": f"{ARC}.2.{number}",
                "scheme": scheme,
                "class": class_,
                "value": value,
                "preimage": preimage.hex(),
                "device_id": sha256(preimage).hexdigest(),
            }
        )
    return listed


ATTRIBUTES = {
    "jurisdictionC": "1.3.6.1.4.1.311.60.2.1.3",
    "jurisdictionST": "1.3.6.1.4.1.311.60.2.1.2",
    "jurisdictionL": "1.3.6.1.4.1.311.60.2.1.1",
    "serialNumber": "2.5.4.5",
    "organizationIdentifier": "2.5.4.97",
    "C": "2.5.4.6",
    "O": "2.5.4.10",
    "CN": "2.5.4.3",
    "OU": "2.5.4.11",
}
UTF8, NUMERIC, PRINTABLE, T61, IA5, UNIVERSAL, BMP = 0x0C, 0x12, 0x13, 0x14, 0x16, 0x1C, 0x1E
Value = str | tuple[int, bytes]


def name(*attributes: tuple[str, Value]) -> bytes:
    """A Name of single attributes; text is UTF8String, else a tag and content octets."""
    rdns = []
    for label, value in attributes:
        tag, raw = (UTF8, value.encode()) if isinstance(value, str) else value
        rdns.append(tlv(0x31, tlv(0x30, oid(ATTRIBUTES[label]), tlv(tag, raw))))
    return tlv(0x30, *rdns)


DURABLE = "1.3.6.1.4.1.311.97"
CODE_SIGNING = "1.3.6.1.5.5.7.3.3"
ACME: list[tuple[str, Value]] = [("C", "DE"), ("O", "Beispiel AG"), ("CN", "Beispiel AG")]
REGISTERED: list[tuple[str, Value]] = [("jurisdictionC", "DE"), ("serialNumber", "HRB 12-345")]

# What the case shows; attributes; DER of the LEI extension's value or None; key purposes; canonical text,
# or None for rule 6; whether everything that the rule reads is text.
SUBSCRIBERS: list[tuple[str, list[tuple[str, Value]], bytes | None, list[str], str | None, bool]] = [
    ("rule 1", [*REGISTERED, *ACME], None, [], "registration\nde\n\n\nhrb12345", True),
    (
        "rule 1, all lines, white space collapsed and ASCII letters lowered",
        [
            ("jurisdictionC", " US "),
            ("jurisdictionST", "New\x00 \t York"),
            ("jurisdictionL", "ÉTÉ Town"),
            ("serialNumber", "Nº 7/8"),
            ("O", "x"),
        ],
        None,
        [],
        "registration\nus\nnew york\nÉtÉ town\nnº78",
        True,
    ),
    (
        "a date is no number",
        [("jurisdictionC", "DE"), ("serialNumber", " 2003-05-04 "), *ACME],
        None,
        [],
        "name\nde\nbeispiel ag",
        True,
    ),
    (
        "only one notation of a date is known to the rule",
        [("jurisdictionC", "DE"), ("serialNumber", "4.5.2003"), *ACME],
        None,
        [],
        "registration\nde\n\n\n452003",
        True,
    ),
    (
        "digits are ASCII",
        [("jurisdictionC", "DE"), ("serialNumber", "٤٥"), *ACME],
        None,
        [],
        "name\nde\nbeispiel ag",
        True,
    ),
    (
        "a number without a jurisdiction",
        [("jurisdictionC", " "), ("serialNumber", "1"), *ACME],
        None,
        [],
        "name\nde\nbeispiel ag",
        True,
    ),
    (
        "rule 2",
        [("organizationIdentifier", "NTRDE-HRB 12345"), *ACME],
        tlv(PRINTABLE, b"5493001KJTIIGC8Y1R12"),
        [],
        "organization\nntrdehrb12345",
        True,
    ),
    ("rule 3", ACME, tlv(PRINTABLE, b"5493001KJTIIGC8Y1R12"), [], "lei\n5493001kjtiigc8y1r12", True),
    (
        "rule 4: the first purpose under the arc, but not under its marker",
        ACME,
        None,
        [f"{DURABLE}.1.0", CODE_SIGNING, f"{DURABLE}.10.20", f"{DURABLE}.30"],
        f"eku\n{DURABLE}.10.20",
        True,
    ),
    ("rule 4 needs more than the arc", ACME, None, [DURABLE, f"{DURABLE}.1"], "name\nde\nbeispiel ag", True),
    (
        "rule 5 with a common name",
        [("CN", "Eva Beispiel"), ("C", "DE")],
        None,
        [],
        "name\nde\neva beispiel",
        True,
    ),
    ("rule 5 reads the first value", [("O", "Erste"), ("O", "Zweite")], None, [], "name\n\nerste", True),
    ("an empty organization is one", [("O", " "), ("CN", "Eva Beispiel")], None, [], None, True),
    ("rule 6: nothing to name", [("C", "DE")], None, [], None, True),
    ("an empty subject", [], None, [], None, True),
    (
        "the other string types",
        [
            ("C", (PRINTABLE, b"DE")),
            ("O", (T61, b"B\xe9ta")),
            ("CN", (BMP, "β".encode("utf-16-be"))),
            ("serialNumber", (NUMERIC, b"12")),
            ("jurisdictionC", (IA5, b"de")),
        ],
        None,
        [],
        "registration\nde\n\n\n12",
        True,
    ),
    (
        "T61String is Latin-1",
        [("O", (T61, b"B\xe9ta GmbH"))],
        None,
        [],
        "name\n\nbéta gmbh",
        True,
    ),
    (
        "a UniversalString is no text",
        [*REGISTERED, ("CN", (UNIVERSAL, b"\x00\x00\x00x"))],
        None,
        [],
        None,
        False,
    ),
    ("UTF-8 that is none", [*REGISTERED, ("O", (UTF8, b"\xff"))], None, [], None, False),
    ("a PrintableString above 0x7f", [*REGISTERED, ("C", (PRINTABLE, b"\xe9"))], None, [], None, False),
    ("a BMPString with surrogates", [("O", (BMP, "😀".encode("utf-16-be")))], None, [], None, False),
    ("an LEI that is no string", [*REGISTERED, *ACME], tlv(0x04, b"x"), [], None, False),
    (
        "what the rule does not read may be anything",
        [*REGISTERED, ("OU", (UTF8, b"\xff")), ("serialNumber", (UTF8, b"\xff"))],
        None,
        [],
        "registration\nde\n\n\nhrb12345",
        True,
    ),
]


def subscribers() -> list[dict[str, Any]]:
    """The strict rule."""
    listed = []
    for what, attributes, lei, purposes, text, decodable in SUBSCRIBERS:
        subject = name(*attributes)
        canonical = "subject\n" + sha256(subject).hexdigest() if text is None else text
        listed.append(
            {
                "what": what,
                "subject": subject.hex(),
                "lei_extension": None if lei is None else lei.hex(),
                "key_purposes": purposes,
                "rule": canonical.split("\n", maxsplit=1)[0],
                "canonical": canonical,
                "decodable": decodable,
                "subscriber_id": sha256(b"keystead/subscriber/v1\n" + canonical.encode()).hexdigest(),
            }
        )
    return listed


def spki(key: ec.EllipticCurvePrivateKey) -> bytes:
    """DER of the SubjectPublicKeyInfo."""
    return key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def certificates() -> list[dict[str, Any]]:
    """A certificate without promises, its precertificate and one with an SCT list: one certificate id."""
    issuer, key = ec.derive_private_key(2, ec.SECP256R1()), ec.derive_private_key(3, ec.SECP256R1())
    poison = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.3.6.1.4.1.11129.2.4.3"), b"\x05\x00")
    scts = x509.UnrecognizedExtension(
        x509.ObjectIdentifier("1.3.6.1.4.1.11129.2.4.2"), tlv(0x04, b"\x00\x05\x00\x03sct")
    )
    listed = []
    for kind, extra, critical in (
        ("certificate", None, False),
        ("precertificate", poison, True),
        ("with SCTs", scts, False),
    ):
        builder = (
            x509.CertificateBuilder()
            .subject_name(x509.Name([x509.NameAttribute(x509.NameOID.ORGANIZATION_NAME, "Beispiel AG")]))
            .issuer_name(x509.Name([x509.NameAttribute(x509.NameOID.ORGANIZATION_NAME, "Beispiel CA")]))
            .public_key(key.public_key())
            .serial_number(77)
            .not_valid_before(datetime(2026, 1, 1, tzinfo=UTC))
            .not_valid_after(datetime(2027, 1, 1, tzinfo=UTC))
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        )
        if extra is not None:
            builder = builder.add_extension(extra, critical)
        builder = builder.add_extension(
            x509.ExtendedKeyUsage([x509.ExtendedKeyUsageOID.CODE_SIGNING]), critical=False
        )
        signed = builder.sign(issuer, SHA256(), ecdsa_deterministic=True)
        listed.append(
            {
                "kind": kind,
                "der": signed.public_bytes(Encoding.DER).hex(),
                "tbs": signed.tbs_certificate_bytes,
            }
        )
    tbs = listed[0]["tbs"]
    issuer_key_hash = sha256(spki(issuer)).digest()
    return [
        {
            "kind": made["kind"],
            "der": made["der"],
            "issuer_spki": spki(issuer).hex(),
            "issuer_key_hash": issuer_key_hash.hex(),
            "tbs": tbs.hex(),
            "certificate_id": sha256(b"keystead/certificate/v1\n" + issuer_key_hash + tbs).hexdigest(),
        }
        for made in listed
    ]


def public_keys() -> list[dict[str, Any]]:
    """Encodings of one key, and the one that is hashed."""
    public = ec.derive_private_key(4, ec.SECP256R1()).public_key()
    point = public.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    compressed = public.public_bytes(Encoding.X962, PublicFormat.CompressedPoint)
    hybrid = bytes([6 | point[-1] & 1]) + point[1:]

    def ec_spki(octets: bytes) -> bytes:
        algorithm = tlv(0x30, oid("1.2.840.10045.2.1"), oid("1.2.840.10045.3.1.7"))
        return tlv(0x30, algorithm, tlv(0x03, b"\x00" + octets))

    def rsa_spki(parameters: bytes) -> bytes:
        algorithm = tlv(0x30, oid("1.2.840.113549.1.1.1"), parameters)
        key = tlv(0x30, tlv(0x02, b"\x00" + b"\xd5" * 128), tlv(0x02, b"\x01\x00\x01"))
        return tlv(0x30, algorithm, tlv(0x03, b"\x00" + key))

    other = tlv(0x30, tlv(0x30, oid("1.2.3.4")), tlv(0x03, b"\x00key"))
    cases = [
        ("an uncompressed point", ec_spki(point), ec_spki(point)),
        ("the same point compressed", ec_spki(compressed), ec_spki(point)),
        ("the same point in the hybrid form", ec_spki(hybrid), ec_spki(point)),
        ("a point that is on no curve", ec_spki(b"\x02" + b"\xff" * 32), ec_spki(b"\x02" + b"\xff" * 32)),
        ("RSA with NULL", rsa_spki(b"\x05\x00"), rsa_spki(b"\x05\x00")),
        ("RSA without parameters", rsa_spki(b""), rsa_spki(b"\x05\x00")),
        ("an algorithm that nobody knows", other, other),
    ]
    return [
        {
            "what": what,
            "spki": given.hex(),
            "normalized": normalized.hex(),
            "key_hash": sha256(normalized).hexdigest(),
        }
        for what, given, normalized in cases
    ]


def services() -> list[dict[str, Any]]:
    """A service is its founding key and its name."""
    founding_key, service_name = (
        spki(ec.derive_private_key(5, ec.SECP256R1())),
        "Beispiel Signierdienst – Süd",
    )
    preimage = b"keystead/service/v1\n" + sha256(founding_key).digest() + service_name.encode()
    return [
        {
            "founding_key": founding_key.hex(),
            "service_name": service_name,
            "preimage": preimage.hex(),
            "service_id": sha256(preimage).hexdigest(),
        }
    ]


def evidence() -> list[dict[str, Any]]:
    """What is hashed of a piece of evidence."""
    listed = []
    for name_, data, chain in (("yubikey-piv", b"data", [b"first", b"second"]), ("nshield", b"{}", [])):
        encoded_ = b"keystead/evidence/v1\n" + bytes([len(name_)]) + name_.encode()
        encoded_ += len(data).to_bytes(3, "big") + data + len(chain).to_bytes(2, "big")
        encoded_ += b"".join(len(element).to_bytes(3, "big") + element for element in chain)
        listed.append(
            {
                "format": name_,
                "data": data.hex(),
                "chain": [element.hex() for element in chain],
                "encoded": encoded_.hex(),
                "digest": sha256(encoded_).hexdigest(),
            }
        )
    return listed


def vectors() -> dict[str, Any]:
    """The file."""
    return {
        "about": "Vectors of specs/identifiers.md. Bytes are lowercase hex; texts are as they are hashed.",
        "made_by": "tests/vectors/make_identifier_vectors.py",
        "device_ids": device_ids(),
        "certificates": certificates(),
        "subscribers": subscribers(),
        "services": services(),
        "public_keys": public_keys(),
        "evidence": evidence(),
    }


def encoded() -> str:
    """The file's text."""
    return json.dumps(vectors(), indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    sys.stdout.write(encoded())
