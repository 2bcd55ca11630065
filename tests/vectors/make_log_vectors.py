# SPDX-License-Identifier: Apache-2.0
"""Makes `specs/vectors/log.json`: the log formats, with every value on the way.

Run `python tests/vectors/make_log_vectors.py > specs/vectors/log.json`; the output depends on nothing but this
file. It is written from the specifications on hashlib and `cryptography` alone, so that the vectors are a
second opinion on Keystead's own code and not its echo.

Certificates are opaque to these formats: where one belongs, three bytes of DER stand for it.
"""

import base64
import json
import sys
from hashlib import sha256
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

NAME = "log.example"
ISSUANCE = f"{NAME}/issuance"
STATEMENTS = f"{NAME}/statements"
TIMES = (1_767_225_600_000, 1_767_225_600_200, 1_767_225_600_400)
"""When the three batches were sequenced: 2026-01-01T00:00:00Z, and 200 and 400 ms later."""

CHECKPOINT_KEY = Ed25519PrivateKey.from_private_bytes(sha256(b"keystead vectors: checkpoint key").digest())
STATEMENT_KEY = Ed25519PrivateKey.from_private_bytes(sha256(b"keystead vectors: statement key").digest())
# The digests are below the order of P-256.
SCT_KEY = ec.derive_private_key(int.from_bytes(sha256(b"keystead vectors: SCT key").digest()), ec.SECP256R1())
PARTY_KEY = ec.derive_private_key(
    int.from_bytes(sha256(b"keystead vectors: CA key").digest()), ec.SECP256R1()
)
ECDSA = ec.ECDSA(SHA256(), deterministic_signing=True)


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def uint(value: int, size: int) -> bytes:
    return value.to_bytes(size, "big")


def opaque(data: bytes, size: int) -> bytes:
    return uint(len(data), size) + data


def spki(key: Ed25519PrivateKey | ec.EllipticCurvePrivateKey) -> bytes:
    return key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


LOG_ID = sha256(spki(SCT_KEY)).digest()


# RFC 6962 section 2.1, by recursion as the RFC writes it.


def leaf_hash(entry: bytes) -> bytes:
    return sha256(b"\x00" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    return sha256(b"\x01" + left + right).digest()


def split(count: int) -> int:
    """The largest power of two smaller than `count`."""
    return 1 << (count - 1).bit_length() - 1


def root(hashes: list[bytes]) -> bytes:
    if len(hashes) < 2:
        return hashes[0] if hashes else sha256(b"").digest()
    k = split(len(hashes))
    return node_hash(root(hashes[:k]), root(hashes[k:]))


def path(index: int, hashes: list[bytes]) -> list[bytes]:
    if len(hashes) == 1:
        return []
    k = split(len(hashes))
    if index < k:
        return [*path(index, hashes[:k]), root(hashes[k:])]
    return [*path(index - k, hashes[k:]), root(hashes[:k])]


def subproof(old: int, hashes: list[bytes], whole: bool) -> list[bytes]:
    if old == len(hashes):
        return [] if whole else [root(hashes)]
    k = split(len(hashes))
    if old <= k:
        return [*subproof(old, hashes[:k], whole), root(hashes[k:])]
    return [*subproof(old - k, hashes[k:], False), root(hashes[:k])]


# C2SP signed-note and static-ct-api: keys and checkpoints.


def note_key(name: str, kind: int, key: bytes, hashed: bytes) -> dict[str, Any]:
    preimage = name.encode() + b"\n" + uint(kind, 1) + hashed
    key_id = sha256(preimage).digest()[:4]
    return {
        "name": name,
        "key_id_preimage": preimage.hex(),
        "key_id": key_id.hex(),
        "vkey": f"{name}+{key_id.hex()}+{b64(uint(kind, 1) + key)}",
    }


def ed25519_key(name: str) -> dict[str, Any]:
    public = CHECKPOINT_KEY.public_key().public_bytes_raw()
    return note_key(name, 0x01, public, public)


TREE_HEAD_KEY = note_key(ISSUANCE, 0x05, spki(SCT_KEY), LOG_ID)


def checkpoint(origin: str, hashes: list[bytes], time: int | None) -> dict[str, Any]:
    text = f"{origin}\n{len(hashes)}\n{b64(root(hashes))}\n"
    signature = CHECKPOINT_KEY.sign(text.encode())
    key_id = bytes.fromhex(ed25519_key(origin)["key_id"])
    lines = [f"— {origin} {b64(key_id + signature)}\n"]
    made: dict[str, Any] = {
        "size": len(hashes),
        "root": root(hashes).hex(),
        "text": text,
        "ed25519_signature": signature.hex(),
    }
    if time is not None:
        tree_head = b"\x00\x01" + uint(time, 8) + uint(len(hashes), 8) + root(hashes)
        der = SCT_KEY.sign(tree_head, ECDSA)
        note_signature = uint(time, 8) + b"\x04\x03" + opaque(der, 2)
        lines.append(f"— {ISSUANCE} {b64(bytes.fromhex(TREE_HEAD_KEY['key_id']) + note_signature)}\n")
        made |= {
            "timestamp": time,
            "tree_head_input": tree_head.hex(),
            "tree_head_signature": der.hex(),
            "rfc6962_note_signature": note_signature.hex(),
        }
    return made | {"lines": lines, "note": text + "\n" + "".join(lines)}


# The issuance log: RFC 6962 and static-ct-api structures.


def issuance_entry(index: int, time: int, submitted: dict[str, bytes]) -> dict[str, Any]:
    extensions = b"\x00" + opaque(uint(index, 5), 2)
    if "certificate" in submitted:
        entry_type, signed = 0, opaque(submitted["certificate"], 3)
        beside = b""
    else:
        entry_type, signed = 1, submitted["issuer_key_hash"] + opaque(submitted["tbs"], 3)
        beside = opaque(submitted["precertificate"], 3)
    timestamped = uint(time, 8) + uint(entry_type, 2) + signed + opaque(extensions, 2)
    leaf = b"\x00\x00" + timestamped
    fingerprints = b"".join(sha256(der).digest() for der in CHAIN)
    signature = SCT_KEY.sign(leaf, ECDSA)
    sct = b"\x00" + LOG_ID + uint(time, 8) + opaque(extensions, 2) + b"\x04\x03" + opaque(signature, 2)
    sct_list = opaque(opaque(sct, 2), 2)
    return {
        "leaf_index": index,
        "timestamp": time,
        "entry_type": entry_type,
        **{name: value.hex() for name, value in submitted.items()},
        "chain": [der.hex() for der in CHAIN],
        "extensions": extensions.hex(),
        "extensions_base64": b64(extensions),
        "merkle_tree_leaf": leaf.hex(),
        "leaf_hash": leaf_hash(leaf).hex(),
        "tile_leaf": (timestamped + beside + opaque(fingerprints, 2)).hex(),
        "sct_signature_input": leaf.hex(),
        "sct_signature": signature.hex(),
        "digitally_signed_base64": b64(b"\x04\x03" + opaque(signature, 2)),
        "serialized_sct": sct.hex(),
        "sct_list": sct_list.hex(),
        # Both are shorter than 128 and than 256 bytes: the DER length is 0x81 and one byte.
        "sct_list_extension_value": (b"\x04\x81" + opaque(sct_list, 1)).hex(),
    }


CHAIN = (bytes.fromhex("3003020110"), bytes.fromhex("3003020111"))
"""Stand-ins for an intermediate and the anchor."""

SUBMITTED = (
    {
        "issuer_key_hash": sha256(b"keystead vectors: issuing key").digest(),
        "tbs": bytes.fromhex("3003020101"),
        "precertificate": bytes.fromhex("3003020102"),
    },
    {"certificate": bytes.fromhex("3003020103")},
    {
        "issuer_key_hash": sha256(b"keystead vectors: issuing key").digest(),
        "tbs": bytes.fromhex("3003020104"),
        "precertificate": bytes.fromhex("3003020105"),
    },
)


# The statement log.


def statement_entry(index: int, time: int, kind: str, payload: dict[str, Any], key: Any) -> dict[str, Any]:
    payload_type = f"application/vnd.keystead.{kind}.v1+json"
    encoded = json.dumps(payload, separators=(",", ":")).encode()
    pae = b"DSSEv1 %d %b %d %b" % (len(payload_type), payload_type.encode(), len(encoded), encoded)
    signature = key.sign(pae) if isinstance(key, Ed25519PrivateKey) else key.sign(pae, ECDSA)
    keyid = sha256(spki(key)).hexdigest()
    envelope = (
        f'{{"payloadType":"{payload_type}","payload":"{b64(encoded)}",'
        f'"signatures":[{{"keyid":"{keyid}","sig":"{b64(signature)}"}}]}}'
    )
    entry = b"\x00" + uint(time, 8) + envelope.encode()
    return {
        "leaf_index": index,
        "timestamp": time,
        "payload_type": payload_type,
        "payload": encoded.decode(),
        "key": b64(spki(key)),
        "keyid": keyid,
        "pae": pae.hex(),
        "signature": signature.hex(),
        "envelope": envelope,
        "entry": entry.hex(),
        "leaf_hash": leaf_hash(entry).hex(),
    }


def proof_text(index: int, hashes: list[bytes], note: str) -> str:
    lines = ["c2sp.org/tlog-proof@v1", f"index {index}", *(b64(value) for value in path(index, hashes))]
    return "\n".join(lines) + "\n\n" + note


def altered(note: str, text: str, by: str) -> str:
    assert text in note
    return note.replace(text, by, 1)


def refused(good: str, other: str) -> list[dict[str, str]]:
    """Issuance checkpoints that a verifier must not accept, each made from a good one."""
    head, lines = good.split("\n\n")
    ed25519, tree_head = lines.splitlines(keepends=True)
    ed25519_other, tree_head_other = other.split("\n\n")[1].splitlines(keepends=True)
    head += "\n\n"
    return [
        {"why": "the log's Ed25519 signature is missing", "note": head + tree_head},
        {"why": "the log's tree head signature is missing", "note": head + ed25519},
        {"why": "no signature at all", "note": head},
        {"why": "the Ed25519 signature is of another checkpoint", "note": head + ed25519_other + tree_head},
        {"why": "the tree head signature is of another size", "note": head + ed25519 + tree_head_other},
        {"why": "another origin", "note": altered(good, ISSUANCE + "\n", STATEMENTS + "\n")},
        {"why": "a size with a zero in front", "note": altered(good, "\n3\n", "\n03\n")},
        {"why": "base64 without its padding", "note": altered(good, "=\n\n", "\n\n")},
        {"why": "a carriage return", "note": altered(good, "\n3\n", "\n3\r\n")},
        {"why": "text behind the last line feed", "note": good + "x"},
    ]


def vectors() -> dict[str, Any]:
    entries = [
        issuance_entry(index, TIMES[1 if index < 2 else 2], submitted)
        for index, submitted in enumerate(SUBMITTED)
    ]
    policy_digest = sha256(b"keystead vectors: a policy").hexdigest()
    statements = [
        statement_entry(
            0,
            TIMES[0],
            "log-policy",
            {"log": STATEMENTS, "issued": "2026-01-01T00:00:00Z", "policy": policy_digest},
            STATEMENT_KEY,
        ),
        statement_entry(
            1,
            TIMES[2],
            "certificate-revoked",
            {
                "log": STATEMENTS,
                "issued": "2026-01-01T00:00:00Z",
                "certificate": sha256(b"keystead vectors: a certificate").hexdigest(),
                "issuance_index": 0,
                "on": "2025-12-31T00:00:00Z",
                "reason": "keyCompromise",
            },
            PARTY_KEY,
        ),
    ]
    hashes = [bytes.fromhex(entry["leaf_hash"]) for entry in entries]
    statement_hashes = [bytes.fromhex(entry["leaf_hash"]) for entry in statements]
    checkpoints = [
        checkpoint(ISSUANCE, hashes[:size], time)
        for size, time in ((0, TIMES[0]), (2, TIMES[1]), (3, TIMES[2]))
    ]
    statement_checkpoints = [checkpoint(STATEMENTS, statement_hashes[:size], None) for size in (1, 2)]
    note = checkpoints[-1]["note"]
    return {
        "about": "Vectors of specs/log.md. Bytes are lowercase hex unless a name says base64; times are in ms.",
        "made_by": "tests/vectors/make_log_vectors.py",
        "name": NAME,
        "keys": {
            "checkpoint": {
                "algorithm": "Ed25519",
                "private_seed": CHECKPOINT_KEY.private_bytes_raw().hex(),
                "public": CHECKPOINT_KEY.public_key().public_bytes_raw().hex(),
                "issuance": ed25519_key(ISSUANCE),
                "statements": ed25519_key(STATEMENTS),
            },
            "sct": {
                "algorithm": "ECDSA P-256",
                "private_scalar": uint(SCT_KEY.private_numbers().private_value, 32).hex(),
                "spki": spki(SCT_KEY).hex(),
                "log_id": LOG_ID.hex(),
                "tree_head": TREE_HEAD_KEY,
            },
            "statement": {
                "algorithm": "Ed25519",
                "private_seed": STATEMENT_KEY.private_bytes_raw().hex(),
                "spki": spki(STATEMENT_KEY).hex(),
                "keyid": sha256(spki(STATEMENT_KEY)).hexdigest(),
            },
        },
        "issuance": {
            "origin": ISSUANCE,
            "entries": entries,
            "checkpoints": checkpoints,
            "objects": {
                "tile/0/000.p/3": b"".join(hashes).hex(),
                "tile/data/000.p/3": "".join(entry["tile_leaf"] for entry in entries),
                "tile/entries/000.p/3": b"".join(
                    opaque(bytes.fromhex(entry["merkle_tree_leaf"]), 2) for entry in entries
                ).hex(),
            },
            "consistency": {
                "old_size": 2,
                "new_size": 3,
                "proof": [value.hex() for value in subproof(2, hashes, True)],
            },
            "proofs": [
                {
                    "index": index,
                    "leaf_hash": hashes[index].hex(),
                    "path": [value.hex() for value in path(index, hashes)],
                    "tlog_proof": proof_text(index, hashes, note),
                }
                for index in range(len(hashes))
            ],
            "refused_checkpoints": refused(note, checkpoints[1]["note"]),
        },
        "statements": {
            "origin": STATEMENTS,
            "entries": statements,
            "checkpoints": statement_checkpoints,
            "objects": {
                "tile/0/000.p/2": b"".join(statement_hashes).hex(),
                "tile/entries/000.p/2": b"".join(
                    opaque(bytes.fromhex(entry["entry"]), 2) for entry in statements
                ).hex(),
            },
            "proofs": [
                {
                    "index": 1,
                    "leaf_hash": statement_hashes[1].hex(),
                    "path": [value.hex() for value in path(1, statement_hashes)],
                    "tlog_proof": proof_text(1, statement_hashes, statement_checkpoints[-1]["note"]),
                }
            ],
        },
        "paths": [
            {"level": 0, "index": 0, "width": 256, "path": "tile/0/000"},
            {"level": 0, "index": 0, "width": 1, "path": "tile/0/000.p/1"},
            {"level": 1, "index": 999, "width": 255, "path": "tile/1/999.p/255"},
            {"level": 0, "index": 1000, "width": 256, "path": "tile/0/x001/000"},
            {"level": 0, "index": 1234067, "width": 8, "path": "tile/0/x001/x234/067.p/8"},
        ],
        "tiles_of_a_size": [
            {"size": 255, "partial": ["tile/0/000.p/255"], "full": {}},
            {"size": 256, "partial": ["tile/1/000.p/1"], "full": {"0": 1}},
            {
                "size": 70000,
                "partial": ["tile/0/273.p/112", "tile/1/001.p/17", "tile/2/000.p/1"],
                "full": {"0": 273, "1": 1},
            },
        ],
    }


def encoded() -> str:
    """The file's text."""
    return json.dumps(vectors(), indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    sys.stdout.write(encoded())
