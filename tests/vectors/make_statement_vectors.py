# SPDX-License-Identifier: Apache-2.0
"""Makes `specs/vectors/statements.json`: statements of every kind, and what may be concluded from them.

Run `python tests/vectors/make_statement_vectors.py > specs/vectors/statements.json`; the output depends on nothing
but this file. It is written from `specs/statements.md` and `specs/policy.md` on hashlib and `cryptography` alone,
so that the vectors are a second opinion on Keystead's own code and not its echo. What it concludes about services
(section "service") is written down by hand.
"""

import base64
import json
import sys
from hashlib import sha256
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.hashes import SHA256, SHA384
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

ORIGIN = "log.example/statements"
NAME = "Example Signing Service"
PrivateKey = Ed25519PrivateKey | ec.EllipticCurvePrivateKey


def seed(name: str) -> bytes:
    # The digests are below the orders of P-256 and P-384.
    return sha256(f"keystead vectors: {name}".encode()).digest()


def ed25519(name: str) -> PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(seed(name))


def on(curve: ec.EllipticCurve, name: str) -> PrivateKey:
    return ec.derive_private_key(int.from_bytes(seed(name)), curve)


KEYS: dict[str, PrivateKey] = {
    "log": ed25519("statement key"),
    "auditor": ed25519("auditor"),
    "ca": on(ec.SECP256R1(), "ca"),
    "operator": on(ec.SECP256R1(), "operator"),
    "operator 2": on(ec.SECP384R1(), "operator 2"),
    "stranger": ed25519("stranger"),
}


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def compact(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def spki(name: str) -> bytes:
    return KEYS[name].public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def keyid(name: str) -> str:
    return sha256(spki(name)).hexdigest()


def digest(name: str) -> str:
    return seed(name).hex()


def device(name: str) -> dict[str, str]:
    return {
        "scheme": "yubico-piv-serial",
        "device_id": sha256(f"keystead/device/v1\nyubico-piv-serial\n{name}".encode()).hexdigest(),
    }


SERVICE = sha256(b"keystead/service/v1\n" + sha256(spki("operator")).digest() + NAME.encode()).hexdigest()


def sign(name: str, message: bytes) -> bytes:
    key = KEYS[name]
    if isinstance(key, Ed25519PrivateKey):
        return key.sign(message)
    hashes = SHA256() if isinstance(key.curve, ec.SECP256R1) else SHA384()
    return key.sign(message, ec.ECDSA(hashes, deterministic_signing=True))


def pae(payload_type: str, payload: bytes) -> bytes:
    return b"DSSEv1 %d %s %d %s" % (len(payload_type), payload_type.encode(), len(payload), payload)


def payload_type(kind: str) -> str:
    return f"application/vnd.keystead.{kind}.v1+json"


def envelope(kind: str, payload: bytes, signer: str, signature: bytes) -> bytes:
    return compact(
        {
            "payloadType": payload_type(kind),
            "payload": b64(payload),
            "signatures": [{"keyid": keyid(signer), "sig": b64(signature)}],
        }
    )


def statement(time_ms: int, kind: str, signer: str, members: dict[str, Any]) -> dict[str, Any]:
    """Every value on the way from members to the leaf hash."""
    payload = compact({"log": ORIGIN, **members})
    signed = pae(payload_type(kind), payload)
    signature = sign(signer, signed)
    canonical = envelope(kind, payload, signer, signature)
    entry = b"\x00" + time_ms.to_bytes(8) + canonical
    of_identity = payload_type(kind).encode()
    identity = (
        b"keystead/statement/v1\n"
        + len(of_identity).to_bytes(1)
        + of_identity
        + len(payload).to_bytes(3)
        + payload
        + bytes.fromhex(keyid(signer))
    )
    return {
        "kind": kind,
        "signer": signer,
        "time_ms": time_ms,
        "payload": payload.decode(),
        "payload_sha256": sha256(payload).hexdigest(),
        "pae_sha256": sha256(signed).hexdigest(),
        "signature": signature.hex(),
        "envelope": canonical.decode(),
        "identity": sha256(identity).hexdigest(),
        "leaf_hash": sha256(b"\x00" + entry).hexdigest(),
    }


POLICY = {
    "roots": [digest("root")],
    "vendor_anchors": [
        {"name": "Example Vendor", "key": b64(b"key"), "formats": ["yubihsm", "yubikey-piv"], "cloud": False}
    ],
    "parties": [
        {"name": "Auditor", "kinds": ["audit-withdrawal", "service-audit"], "key": b64(spki("auditor"))},
        {
            "name": 'Example "CA" Ö',
            "kinds": ["certificate-revoked", "device-binding", "device-transfer", "subscriber-alias"],
            "key": b64(spki("ca")),
            "issuers": sorted([digest("issuing key"), digest("second issuing key")]),
        },
    ],
    "backfill": "evidence",
    "limits": {
        "pool": 10000,
        "per_issuer": 0,
        "per_issuer_fresh": 0,
        "per_party": 0,
        "max_chain_bytes": 65536,
    },
    "qualifying_schemes": ["webtrust-csbr-netsec", "etsi-en-319-411-1"],
    "distrusted": [{"key": digest("bad key"), "from": "2026-01-31T00:00:00Z"}],
}

START = 1_767_225_600_000  # 2026-01-01T00:00:00Z
DAY = 86_400_000

AUDIT = {
    "issued": "2026-01-02T00:00:00Z",
    "service": SERVICE,
    "service_name": NAME,
    "founding_key": b64(spki("operator")),
    "operator": {"name": "Example Operator", "key": b64(spki("operator"))},
    "scheme": "webtrust-csbr-netsec",
    "auditor": "Auditor",
    "not_before": "2025-12-15T00:00:00Z",
    "not_after": "2026-12-31T23:59:59Z",
    "period_start": "2024-12-01T00:00:00Z",
    "period_end": "2025-11-30T23:59:59Z",
    "report": "https://auditor.example/2025",
}

LOGGED = [
    statement(
        START,
        "log-policy",
        "log",
        {"issued": "2026-01-01T00:00:00Z", "policy": sha256(compact(POLICY)).hexdigest()},
    ),
    statement(
        START + DAY,
        "device-evidence",
        "log",
        {
            "issued": "2026-01-02T00:00:00Z",
            "certificate": digest("certificate"),
            "issuance_index": 0,
            "evidence_digest": digest("evidence"),
            "format": "yubikey-piv",
            "devices": [device("28557046")],
            "anchors": [sha256(b"key").hexdigest()],
            "policy_index": 0,
        },
    ),
    statement(START + DAY, "service-audit", "auditor", AUDIT),
    statement(
        START + 2 * DAY,
        "service-devices",
        "operator",
        {
            "issued": "2026-01-03T00:00:00Z",
            "service": SERVICE,
            "from": "2026-01-01T00:00:00Z",
            "join": [device("1"), device("2")],
            "leave": [],
        },
    ),
    statement(
        START + 3 * DAY,
        "service-devices",
        "operator",
        {
            "issued": "2026-01-04T00:00:00Z",
            "service": SERVICE,
            "from": "2026-01-11T00:00:00Z",
            "join": [],
            "leave": [device("1")],
            "next_key": b64(spki("operator 2")),
        },
    ),
    statement(
        START + 4 * DAY,
        "service-audit",
        "auditor",
        {
            **AUDIT,
            "issued": "2026-01-05T00:00:00Z",
            "operator": {"name": "Stranger Ltd", "key": b64(spki("stranger"))},
            "scheme": "soc2",
            "period_end": "2026-01-31T23:59:59Z",
        },
    ),
    statement(
        START + 5 * DAY,
        "service-devices",
        "operator 2",
        {
            "issued": "2026-01-06T00:00:00Z",
            "service": SERVICE,
            "from": "2026-01-06T00:00:00Z",
            "join": [device("3")],
            "leave": [],
        },
    ),
    statement(
        START + 6 * DAY,
        "device-binding",
        "ca",
        {
            "issued": "2026-01-07T00:00:00Z",
            "certificate": digest("certificate"),
            "issuance_index": 0,
            "devices": [device("1")],
            "method": "shippedByCA",
        },
    ),
    statement(
        START + 7 * DAY,
        "device-binding",
        "ca",
        {
            "issued": "2026-01-08T00:00:00Z",
            "certificate": digest("certificate"),
            "issuance_index": 0,
            "devices": [],
            "method": "signingService",
            "service": SERVICE,
            "supersedes": 7,
            "supersedes_extension": True,
        },
    ),
    statement(
        START + 8 * DAY,
        "certificate-revoked",
        "ca",
        {
            "issued": "2026-01-09T00:00:00Z",
            "certificate": digest("certificate"),
            "issuance_index": 0,
            "on": "2026-01-08T12:00:00Z",
            "reason": "keyCompromise",
        },
    ),
]
LOGGED.append(
    statement(
        START + 20 * DAY,
        "audit-withdrawal",
        "auditor",
        {
            "issued": "2026-01-21T00:00:00Z",
            "audit": LOGGED[2]["payload_sha256"],
            "service": SERVICE,
            "from": "2026-01-15T00:00:00Z",
            "reason": "records of key ceremonies were false",
        },
    )
)
LOGGED += [
    statement(
        START + 21 * DAY,
        "device-transfer",
        "ca",
        {
            "issued": "2026-01-22T00:00:00Z",
            "device": device("1"),
            "subscribers": [digest("seller"), digest("buyer")],
            "on": "2026-01-20T00:00:00Z",
            "reason": "sold with the business",
        },
    ),
    statement(
        START + 22 * DAY,
        "subscriber-alias",
        "ca",
        {
            "issued": "2026-01-23T00:00:00Z",
            "subscribers": [digest("buyer"), digest("buyer, renamed")],
            "reason": "renamed",
        },
    ),
    statement(
        START + 22 * DAY + 1000,
        "index-head",
        "log",
        {
            "issued": "2026-01-23T00:00:01Z",
            "issuance": {
                "origin": ORIGIN.replace("statements", "issuance"),
                "size": 1,
                "root": digest("root"),
            },
            "statements": {"size": 13},
            "map_root": digest("map root"),
        },
    ),
]


def at(day: int, milliseconds: int = 0) -> int:
    return START + day * DAY + milliseconds


def standing(at_ms: int, known_at_ms: int | None, code: str) -> dict[str, Any]:
    return {"at_ms": at_ms, "known_at_ms": known_at_ms, "code": code}


def stay(name: str, known_at_ms: int | None, *times: list[int | None]) -> dict[str, Any]:
    return {"device_id": device(name)["device_id"], "known_at_ms": known_at_ms, "enrolments": list(times)}


SERVICES = {
    "founding_key": b64(spki("operator")),
    "service_name": NAME,
    "service": SERVICE,
    "shortcomings": [
        {"index": 2, "shortcomings": []},
        {
            "index": 5,
            "shortcomings": [
                "scheme-not-qualifying",
                "period-too-long",
                "period-not-ended",
                "operator-key-not-in-force",
            ],
        },
    ],
    "operator_key_for": [
        {"index": 3, "keyid": keyid("operator")},
        {"index": 4, "keyid": keyid("operator")},
        {"index": 5, "keyid": keyid("operator 2")},
        {"index": 6, "keyid": keyid("operator 2")},
    ],
    "standings": [
        standing(at(0), at(0), "unaudited"),
        standing(at(-18), None, "lapsed"),
        standing(at(-17, -1), None, "lapsed"),
        standing(at(-17), None, "in-force"),
        standing(at(14, -1), None, "in-force"),
        standing(at(14), None, "withdrawn"),
        standing(at(14), at(20, -1), "in-force"),
        standing(at(365, -1), at(20, -1), "in-force"),
        standing(at(365), at(20, -1), "lapsed"),
        standing(at(365, -1), None, "withdrawn"),
        standing(at(365), None, "lapsed"),
    ],
    "devices": [
        stay("1", None, [at(2), at(10)]),
        stay("1", at(2), [at(2), None]),
        stay("2", None, [at(2), None]),
        stay("3", None, [at(5), None]),
        stay("3", at(4)),
        stay("28557046", None),
    ],
}


def spelled(kind: str, signer: str, index: int) -> str:
    """An envelope as a submitter might write it: another order, white space, an escape."""
    logged = LOGGED[index]
    text = json.dumps(
        {
            "signatures": [{"sig": b64(bytes.fromhex(logged["signature"])), "keyid": keyid(signer)}],
            "payload": b64(logged["payload"].encode()),
            "payloadType": payload_type(kind),
        },
        indent=2,
    )
    return text.replace('"payload"', '"p\\u0061yload"', 1)


def malformed(kind: str, why: str, payload: str) -> dict[str, str]:
    return {"payload_type": payload_type(kind), "why": why, "payload": payload}


REVOKED = LOGGED[9]["payload"]
REFUSED_PAYLOADS = [
    malformed(
        "certificate-revoked", "a member twice", REVOKED.replace('"on"', '"reason":"unspecified","on"')
    ),
    malformed("certificate-revoked", "an unknown member", REVOKED.replace('"on"', '"note":"","on"')),
    malformed("certificate-revoked", "a member missing", REVOKED.replace(',"reason":"keyCompromise"', "")),
    malformed(
        "certificate-revoked",
        "a reason that ends no validity",
        REVOKED.replace("keyCompromise", "certificateHold"),
    ),
    malformed("certificate-revoked", "a time with an offset", REVOKED.replace("12:00:00Z", "12:00:00+00:00")),
    malformed("certificate-revoked", "a day that is not", REVOKED.replace("2026-01-08T12", "2026-02-29T12")),
    malformed("certificate-revoked", "an integer with a fraction", REVOKED.replace(":0,", ":0.0,")),
    malformed("certificate-revoked", "an integer with a leading zero", REVOKED.replace(":0,", ":00,")),
    malformed("certificate-revoked", "an integer as text", REVOKED.replace(":0,", ':"0",')),
    malformed(
        "certificate-revoked",
        "a digest in upper case",
        REVOKED.replace(digest("certificate"), digest("certificate").upper()),
    ),
    malformed("certificate-revoked", "bytes after the object", REVOKED + " {}"),
    malformed(
        "device-transfer",
        "three subscribers",
        LOGGED[11]["payload"].replace('"],"on"', f'","{digest("third")}"],"on"'),
    ),
    malformed(
        "subscriber-alias",
        "one subscriber",
        LOGGED[12]["payload"].replace(f',"{digest("buyer, renamed")}"', ""),
    ),
    malformed(
        "device-binding", "false where only true may be", LOGGED[8]["payload"].replace("true", "false")
    ),
    malformed(
        "service-audit",
        "a control character in a name",
        LOGGED[2]["payload"].replace("Example Operator", "Example\\u001b[2J"),
    ),
    malformed(
        "service-audit",
        "a key with a compressed point",
        LOGGED[2]["payload"].replace(
            b64(spki("operator")),
            b64(
                bytes.fromhex("3039301306072a8648ce3d020106082a8648ce3d030107032200")
                + KEYS["operator"].public_key().public_bytes(Encoding.X962, PublicFormat.CompressedPoint)
            ),
            1,
        ),
    ),
]

CONTRADICTIONS = [
    {
        **malformed("service-audit", "an id of another name", LOGGED[2]["payload"].replace(NAME, "Another")),
        "check": "service-id-mismatch",
    },
    {
        **malformed(
            "service-audit",
            "backwards",
            LOGGED[2]["payload"].replace("2026-12-31T23:59:59Z", "2025-12-14T23:59:59Z"),
        ),
        "check": "audit-ends-before-it-begins",
    },
    {
        **malformed(
            "service-devices",
            "nothing said",
            LOGGED[6]["payload"].replace(compact([device("3")]).decode(), "[]"),
        ),
        "check": "says-nothing",
    },
    {
        **malformed(
            "service-devices",
            "joins and leaves",
            LOGGED[6]["payload"].replace('"leave":[]', '"leave":' + compact([device("3")]).decode()),
        ),
        "check": "joins-and-leaves",
    },
    {
        **malformed(
            "device-binding",
            "one id under two schemes",
            LOGGED[7]["payload"].replace(
                compact([device("1")]).decode(),
                compact([device("1"), device("1") | {"scheme": "luna-serial"}]).decode(),
            ),
        ),
        "check": "device-named-twice",
    },
    {
        **malformed(
            "device-binding",
            "a service by attestation",
            LOGGED[8]["payload"].replace("signingService", "keyAttestation"),
        ),
        "check": "inconsistent-binding",
    },
    {
        **malformed(
            "device-transfer",
            "to the same subscriber",
            LOGGED[11]["payload"].replace(digest("seller"), digest("buyer")),
        ),
        "check": "subscriber-named-twice",
    },
    {
        **malformed(
            "subscriber-alias",
            "one id twice",
            LOGGED[12]["payload"].replace(digest("buyer, renamed"), digest("buyer")),
        ),
        "check": "subscriber-named-twice",
    },
    {**malformed("device-bindings", "no such kind", LOGGED[7]["payload"]), "check": "unknown-kind"},
]


def vectors() -> dict[str, Any]:
    return {
        "keys": [
            {
                "name": name,
                "private": seed({"log": "statement key"}.get(name, name)).hex(),
                "spki": b64(spki(name)),
                "keyid": keyid(name),
            }
            for name in KEYS
        ],
        "origin": ORIGIN,
        "policy": {"json": compact(POLICY).decode(), "sha256": sha256(compact(POLICY)).hexdigest()},
        "statements": LOGGED,
        "submitted": [{"statement": 7, "envelope": spelled("device-binding", "ca", 7)}],
        "malformed": REFUSED_PAYLOADS,
        "contradictions": CONTRADICTIONS,
        "service": SERVICES,
    }


def encoded() -> str:
    """The file."""
    return json.dumps(vectors(), indent=1, ensure_ascii=True) + "\n"


if __name__ == "__main__":
    sys.stdout.write(encoded())
