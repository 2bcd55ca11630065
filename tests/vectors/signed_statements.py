# SPDX-License-Identifier: Apache-2.0
"""Sections 1 to 4 of `specs/statements.md`, written out again for the vectors: keys, envelopes, and a logged statement.

On hashlib and `cryptography` alone.
"""

import base64
import json
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
