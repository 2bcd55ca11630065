# SPDX-License-Identifier: Apache-2.0
"""Makes `specs/vectors/extension.json`: the certificate extension, well-formed and not.

Run `python tests/vectors/make_extension_vectors.py > specs/vectors/extension.json`; the output depends on
nothing but this file and `specs/keystead-extension.asn1`. What is well-formed is encoded by asn1tools from that
ASN.1 module, what is not by a few lines of DER here, and the certificates by `cryptography`: none of it by
Keystead's own code.
"""

import json
import sys
from datetime import UTC, datetime
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any

import asn1tools
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding

ARC = "1.2.840.113556.1.8000.2554.10366.64129.34580.20006.40472.10032708.12524559"
MODULE = Path(__file__).resolve().parents[2] / "specs" / "keystead-extension.asn1"


@cache
def module() -> Any:
    """The compiled ASN.1 module."""
    return asn1tools.compile_files(str(MODULE), "der")


def digest(text: str) -> bytes:
    """32 bytes that stand for something."""
    return sha256(text.encode()).digest()


def device(number: int, value: str, name: str) -> dict[str, Any]:
    """A device identifier of one of the schemes."""
    return {"scheme": f"{ARC}.2.{number}", "deviceId": digest(f"keystead/device/v1\n{name}\n{value}")}


YUBIKEY = device(1, "28557046", "yubico-piv-serial")
MODULE_ESN = device(9, "8938-1075-88BB", "nshield-esn")
WORLD = device(10, "8780fd7238ee86ee3b124486d222b597aaa7a2a8", "nshield-world")
TOKEN = device(14, "thales/safenetetoken/02a1b2c3", "manufacturer-serial")
FOREIGN = {"scheme": "1.3.6.1.4.1.99999.1", "deviceId": digest("a scheme of somebody else's")}
EVIDENCE = digest("some evidence")
SERVICE = digest("some service")
METHODS = [
    "declared",
    "shippedByCA",
    "keyAttestation",
    "caPrescribedLibrary",
    "itAudit",
    "cloudReport",
    "witnessedCreation",
    "signingService",
]


def valid() -> list[dict[str, Any]]:
    """Values and their one encoding."""
    cases: list[tuple[str, dict[str, Any]]] = [
        ("one attested token", {"devices": [YUBIKEY], "method": METHODS[2], "evidenceDigest": EVIDENCE}),
        (
            "a module and its security world",
            {"devices": [MODULE_ESN, WORLD], "method": METHODS[2], "evidenceDigest": EVIDENCE},
        ),
        ("evidence that names no device", {"devices": [], "method": METHODS[2], "evidenceDigest": EVIDENCE}),
        ("a token that the CA shipped", {"devices": [TOKEN], "method": METHODS[1]}),
        ("a declared device", {"devices": [TOKEN], "method": METHODS[0]}),
        ("a scheme that is not Keystead's", {"devices": [FOREIGN], "method": METHODS[3]}),
        (
            "a device of a signing service",
            {"devices": [MODULE_ESN], "method": METHODS[7], "evidenceDigest": EVIDENCE, "service": SERVICE},
        ),
        (
            "sixteen devices of a cluster",
            {
                "devices": [device(5, str(number), "luna-serial") for number in range(16)],
                "method": METHODS[6],
            },
        ),
        *(
            (f"a service alone, {method}", {"devices": [], "method": method, "service": SERVICE})
            for method in METHODS[4:]
        ),
    ]
    return [
        {
            "what": what,
            "devices": [
                {"scheme": named["scheme"], "device_id": named["deviceId"].hex()}
                for named in value["devices"]
            ],
            "method": value["method"],
            "evidence_digest": value["evidenceDigest"].hex() if "evidenceDigest" in value else None,
            "service": value["service"].hex() if "service" in value else None,
            "der": module().encode("SignatureCreationDevice", {"version": 1, **value}).hex(),
        }
        for what, value in cases
    ]


def tlv(tag: int, *contents: bytes) -> bytes:
    """An element of DER."""
    content = b"".join(contents)
    if len(content) < 0x80:
        return bytes((tag, len(content))) + content
    size = (len(content).bit_length() + 7) // 8
    return bytes((tag, 0x80 | size)) + len(content).to_bytes(size, "big") + content


VERSION = tlv(0x02, b"\x01")
OID = bytes.fromhex("06032a0304")  # 1.2.3.4
ATTESTED = tlv(0x0A, b"\x02")
EVIDENCE_FIELD = tlv(0x80, EVIDENCE)
SERVICE_FIELD = tlv(0x81, SERVICE)


def one(identifier: bytes, oid: bytes = OID) -> bytes:
    """A device identifier."""
    return tlv(0x30, oid, tlv(0x04, identifier))


def devices(*identifiers: bytes) -> bytes:
    """The list of them."""
    return tlv(0x30, *identifiers)


DEVICES = devices(one(digest("one")))


def invalid() -> list[dict[str, Any]]:
    """What must be refused, why, and the offset of the element at which a reader stops."""
    fine = tlv(0x30, VERSION, DEVICES, ATTESTED)
    many = [one(digest(str(number))) for number in range(17)]
    cases: list[tuple[str, bytes, int]] = [
        ("a byte after the end", fine + b"\x00", len(fine)),
        ("a byte missing at the end", fine[:-1], 0),
        ("an indefinite length", b"\x30\x80" + VERSION + DEVICES + ATTESTED + b"\x00\x00", 1),
        ("a length in more octets than needed", b"\x30\x81" + fine[1:], 1),
        ("a SET around everything", b"\x31" + fine[1:], 0),
        ("nothing inside", tlv(0x30), 2),
        ("no version", tlv(0x30, DEVICES, ATTESTED), len(tlv(0x30, DEVICES, ATTESTED))),
        ("version 2", tlv(0x30, tlv(0x02, b"\x02"), DEVICES, ATTESTED), 2),
        ("a version in more octets than needed", tlv(0x30, tlv(0x02, b"\x00\x01"), DEVICES, ATTESTED), 2),
        ("seventeen devices", tlv(0x30, VERSION, devices(*many), ATTESTED), 0),
        ("a device id of 31 bytes", tlv(0x30, VERSION, devices(one(bytes(31))), ATTESTED), 14),
        ("a device id of 33 bytes", tlv(0x30, VERSION, devices(one(bytes(33))), ATTESTED), 14),
        (
            "one id twice, under two schemes",
            tlv(
                0x30, VERSION, devices(one(bytes(32)), one(bytes(32), bytes.fromhex("06032a0305"))), ATTESTED
            ),
            48,
        ),
        (
            "a device with a third member",
            tlv(0x30, VERSION, devices(tlv(0x30, OID, tlv(0x04, bytes(32)), b"\x05\x00")), ATTESTED),
            7,
        ),
        (
            "a device without a scheme",
            tlv(0x30, VERSION, devices(tlv(0x30, tlv(0x04, bytes(32)))), ATTESTED),
            7,
        ),
        (
            "a scheme with a padded arc",
            tlv(0x30, VERSION, devices(one(bytes(32), bytes.fromhex("06042a800304"))), ATTESTED),
            9,
        ),
        ("devices in a SET", tlv(0x30, VERSION, tlv(0x31, one(bytes(32))), ATTESTED), 5),
        ("method 8", tlv(0x30, VERSION, DEVICES, tlv(0x0A, b"\x08")), 5 + len(DEVICES)),
        ("a negative method", tlv(0x30, VERSION, DEVICES, tlv(0x0A, b"\xff")), 5 + len(DEVICES)),
        ("a method that is an INTEGER", tlv(0x30, VERSION, DEVICES, tlv(0x02, b"\x02")), 5 + len(DEVICES)),
        ("no method", tlv(0x30, VERSION, DEVICES, EVIDENCE_FIELD), 5 + len(DEVICES)),
        (
            "an evidence digest of 31 bytes",
            tlv(0x30, VERSION, DEVICES, ATTESTED, tlv(0x80, bytes(31))),
            8 + len(DEVICES),
        ),
        (
            "an evidence digest tagged explicitly",
            tlv(0x30, VERSION, DEVICES, ATTESTED, tlv(0xA0, tlv(0x04, EVIDENCE))),
            8 + len(DEVICES),
        ),
        (
            "a service before the evidence digest",
            tlv(0x30, VERSION, DEVICES, ATTESTED, SERVICE_FIELD, EVIDENCE_FIELD),
            8 + len(DEVICES) + len(SERVICE_FIELD),
        ),
        (
            "two services",
            tlv(0x30, VERSION, DEVICES, ATTESTED, SERVICE_FIELD, SERVICE_FIELD),
            8 + len(DEVICES) + len(SERVICE_FIELD),
        ),
        ("an unknown field", tlv(0x30, VERSION, DEVICES, ATTESTED, tlv(0x82, bytes(32))), 8 + len(DEVICES)),
        ("no device, no evidence, no service", tlv(0x30, VERSION, devices(), ATTESTED), 5),
        (
            "a service alone, by a method that looks at devices",
            tlv(0x30, VERSION, devices(), ATTESTED, SERVICE_FIELD),
            5,
        ),
        ("a service alone, declared", tlv(0x30, VERSION, devices(), tlv(0x0A, b"\x00"), SERVICE_FIELD), 5),
    ]
    listed = [{"what": what, "der": der.hex(), "offset": offset} for what, der, offset in cases]
    seventeen = listed[9]
    # SEQUENCE header (4), version (3), list header (4), sixteen devices of 41 octets each
    seventeen["offset"] = 4 + 3 + 4 + 16 * len(many[0])
    return listed


def certificate() -> dict[str, Any]:
    """A certificate that carries the extension, and where in it."""
    key = ec.derive_private_key(7, ec.SECP256R1())
    value = bytes.fromhex(valid()[0]["der"])
    name = x509.Name([x509.NameAttribute(x509.NameOID.ORGANIZATION_NAME, "Exempel AB")])
    built = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(datetime(2026, 1, 1, tzinfo=UTC))
        .not_valid_after(datetime(2027, 1, 1, tzinfo=UTC))
        .add_extension(x509.ExtendedKeyUsage([x509.ExtendedKeyUsageOID.CODE_SIGNING]), critical=False)
        .add_extension(x509.UnrecognizedExtension(x509.ObjectIdentifier(f"{ARC}.1"), value), critical=False)
        .sign(key, SHA256(), ecdsa_deterministic=True)
        .public_bytes(Encoding.DER)
    )
    return {"der": built.hex(), "extension": value.hex(), "offset": built.index(value)}


def vectors() -> dict[str, Any]:
    """The file."""
    return {
        "about": "Vectors of specs/certificate-extension.md. Bytes are lowercase hex; offsets count from 0.",
        "made_by": "tests/vectors/make_extension_vectors.py",
        "oid": f"{ARC}.1",
        "valid": valid(),
        "invalid": invalid(),
        "certificate": certificate(),
    }


def encoded() -> str:
    """The file's text."""
    return json.dumps(vectors(), indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    sys.stdout.write(encoded())
