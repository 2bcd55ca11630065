# SPDX-License-Identifier: Apache-2.0
"""Makes `specs/vectors/device-index.json`: keys, histories, the map, its proofs, and whole answers.

Run `python tests/vectors/make_index_vectors.py > specs/vectors/device-index.json`; the output depends on nothing but
this file and the scripts beside it that it takes statements, notes and DER from. It is written from
`specs/device-index.md` on hashlib alone, by recursion as the definitions read. What an entry is listed under is
written down by hand.
"""

import base64
import json
import sys
from hashlib import sha256
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from vectors import make_identifier_vectors as der
from vectors import make_log_vectors as log
from vectors import signed_statements as said
from vectors.statement_log import LOGGED

KINDS = {
    1: "device-certificates",
    2: "key-certificates",
    3: "subscriber-certificates",
    4: "service-certificates",
    5: "undecodable",
    6: "device-statements",
    7: "service-statements",
    8: "subscriber-statements",
    9: "certificate-statements",
    10: "certificate-entries",
    11: "policies",
}
HEAD_TIME = LOGGED[-1]["time_ms"] + 1000
Map = dict[bytes, bytes]


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


# Sections 1 to 4 of the specification.


def map_key(kind: int, value: bytes) -> bytes:
    return sha256(b"keystead/index/v1\n" + bytes([kind]) + len(value).to_bytes(2) + value).digest()


def history_leaves(entries: list[int]) -> list[bytes]:
    return [log.leaf_hash(entry.to_bytes(8)) for entry in entries]


def map_value(entries: list[int]) -> bytes:
    return len(entries).to_bytes(8) + log.root(history_leaves(entries))


def varint(value: int) -> bytes:
    return bytes([value]) if value < 128 else bytes([value & 127 | 128]) + varint(value >> 7)


def bit_of(key: bytes, bit: int) -> int:
    return key[bit // 8] >> (7 - bit % 8) & 1


def leaf(key: bytes, value: bytes) -> bytes:
    return varint(len(key)) + key + varint(len(value)) + value


def split(content: Map) -> tuple[int, Map, Map]:
    first, *others = content
    bit = next(b for b in range(256) if any(bit_of(key, b) != bit_of(first, b) for key in others))
    left, right = ({k: v for k, v in content.items() if bit_of(k, bit) == side} for side in (0, 1))
    return bit, left, right


def map_root(content: Map) -> bytes:
    if not content:
        return sha256(b"").digest()
    if len(content) == 1:
        return sha256(b"\x00" + leaf(*next(iter(content.items())))).digest()
    bit, left, right = split(content)
    return sha256(b"\x01" + varint(bit) + map_root(left) + map_root(right)).digest()


def map_proof(content: Map, key: bytes) -> bytes:
    """Of presence, or of absence."""
    if not content:
        return b""
    if len(content) == 1:
        ((found, value),) = content.items()
        return b"" if found == key else leaf(found, value)
    bit, left, right = split(content)
    inside, beside = (right, left) if bit_of(key, bit) else (left, right)
    return map_proof(inside, key) + varint(bit) + map_root(beside)


def complete_subtrees(leaves: list[bytes], start: int, stop: int) -> list[bytes]:
    """The maximal complete subtrees over `[start, stop)`."""
    if start == stop:
        return []
    size = 1
    while start % (2 * size) == 0 and start + 2 * size <= stop:
        size *= 2
    return [log.root(leaves[start : start + size]), *complete_subtrees(leaves, start + size, stop)]


# Section 5: entries.

ISSUER = log.spki(log.PARTY_KEY)
ISSUER_KEY_HASH = sha256(ISSUER).digest()
DEVICES = [sha256(f"keystead/device/v1\nyubihsm-serial\n{n}".encode()).digest() for n in (13200460, 13200461)]
SERVICE = bytes.fromhex(said.SERVICE)
KEY = log.spki(log.SCT_KEY)
SUBJECT = der.name(("C", "DE"), ("O", "Beispiel AG"))
SUBSCRIBER = sha256(b"keystead/subscriber/v1\nname\nde\nbeispiel ag").digest()
UNREADABLE = der.name(("O", (der.UNIVERSAL, b"\x00\x00\x00A")))


def by_subject(subject: bytes) -> bytes:
    return sha256(b"keystead/subscriber/v1\nsubject\n" + sha256(subject).hexdigest().encode()).digest()


def device_extension(broken: bool = False) -> bytes:
    devices = [
        der.tlv(0x30, der.oid(f"{der.ARC}.2.2"), der.tlv(0x04, device[: 31 if broken else 32]))
        for device in DEVICES
    ]
    value = der.tlv(
        0x30,
        der.tlv(0x02, b"\x01"),
        der.tlv(0x30, *devices),
        der.tlv(0x0A, b"\x07"),
        der.tlv(0x81, SERVICE),
    )
    return der.tlv(0x30, der.oid(f"{der.ARC}.1"), der.tlv(0x04, value))


ALGORITHM = der.tlv(0x30, der.oid("1.2.840.10045.4.3.2"))
SCT_LIST = der.tlv(
    0x30, der.oid("1.3.6.1.4.1.11129.2.4.2"), der.tlv(0x04, der.tlv(0x04, b"\x00\x03\x00\x01\x00"))
)
CODE_SIGNING = der.tlv(0x30, der.oid("2.5.29.37"), der.tlv(0x04, der.tlv(0x30, der.oid("1.3.6.1.5.5.7.3.3"))))


def tbs(subject: bytes, *extensions: bytes) -> bytes:
    return der.tlv(
        0x30,
        der.tlv(0xA0, der.tlv(0x02, b"\x02")),
        der.tlv(0x02, b"\x05"),
        ALGORITHM,
        der.name(("O", "Example CA")),
        der.tlv(0x30, der.tlv(0x17, b"260101000000Z"), der.tlv(0x17, b"270101000000Z")),
        subject,
        KEY,
        der.tlv(0xA3, der.tlv(0x30, *extensions)),
    )


def certificate(to_be_signed: bytes) -> bytes:
    return der.tlv(0x30, to_be_signed, ALGORITHM, der.tlv(0x03, b"\x00no signature"))


def certificate_id(to_be_signed: bytes) -> bytes:
    return sha256(b"keystead/certificate/v1\n" + ISSUER_KEY_HASH + to_be_signed).digest()


PLAIN = tbs(SUBJECT, CODE_SIGNING, device_extension())
NAMELESS = tbs(UNREADABLE, CODE_SIGNING)
BROKEN = tbs(SUBJECT, CODE_SIGNING, device_extension(broken=True))
NO_TBS = bytes.fromhex("3003020101")
KEY_HASH = sha256(KEY).digest()
OF_PLAIN = [
    (1, DEVICES[0]),
    (1, DEVICES[1]),
    (2, KEY_HASH),
    (3, SUBSCRIBER),
    (4, SERVICE),
    (10, certificate_id(PLAIN)),
]

# Why; precertificate or not; what is signed; whether the issuer can be had; what it is listed under.
ISSUANCE: list[tuple[str, bool, bytes, bool, list[tuple[int, bytes]]]] = [
    ("a precertificate whose extension names two devices and a service", True, PLAIN, True, OF_PLAIN),
    (
        "its certificate, with an SCT list",
        False,
        certificate(tbs(SUBJECT, CODE_SIGNING, device_extension(), SCT_LIST)),
        True,
        OF_PLAIN,
    ),
    (
        "an organization that is no text",
        True,
        NAMELESS,
        True,
        [(2, KEY_HASH), (3, by_subject(UNREADABLE)), (5, b""), (10, certificate_id(NAMELESS))],
    ),
    (
        "a device id of 31 bytes",
        True,
        BROKEN,
        True,
        [(2, KEY_HASH), (3, SUBSCRIBER), (5, b""), (10, certificate_id(BROKEN))],
    ),
    ("what is no TBSCertificate", True, NO_TBS, True, [(5, b""), (10, certificate_id(NO_TBS))]),
    (
        "a certificate whose issuer cannot be had",
        False,
        certificate(tbs(SUBJECT, CODE_SIGNING)),
        False,
        [(2, KEY_HASH), (3, SUBSCRIBER), (5, b"")],
    ),
]


def device(name: str) -> tuple[int, bytes]:
    return 6, bytes.fromhex(said.device(name)["device_id"])


def subscriber(name: str) -> tuple[int, bytes]:
    return 8, said.seed(name)


OF_SERVICE = (7, SERVICE)
OF_CERTIFICATE = (9, said.seed("certificate"))
STATEMENTS: list[list[tuple[int, bytes]]] = [
    [(11, b"")],
    [device("28557046"), OF_CERTIFICATE],
    [OF_SERVICE],
    [device("1"), device("2"), OF_SERVICE],
    [device("1"), OF_SERVICE],
    [OF_SERVICE],
    [device("3"), OF_SERVICE],
    [device("1"), OF_CERTIFICATE],
    [OF_SERVICE, OF_CERTIFICATE],
    [OF_CERTIFICATE],
    [OF_SERVICE],
    [device("1"), subscriber("seller"), subscriber("buyer")],
    [subscriber("buyer"), subscriber("buyer, renamed")],
    [],
]
"""Of each statement of `statements.json`, the index head at its end included."""


def listed(subjects: list[tuple[int, bytes]]) -> list[dict[str, str]]:
    return [{"kind": KINDS[kind], "value": value.hex()} for kind, value in subjects]


def merkle_tree_leaf(index: int, is_precertificate: bool, signed: bytes) -> bytes:
    entry_type = b"\x00\x01" + ISSUER_KEY_HASH if is_precertificate else b"\x00\x00"
    extensions = b"\x00\x00\x05" + index.to_bytes(5)
    return b"\x00\x00" + b"".join(
        (log.TIMES[1].to_bytes(8), entry_type, log.opaque(signed, 3), log.opaque(extensions, 2))
    )


LEAVES = [
    merkle_tree_leaf(index, is_precertificate, signed)
    for index, (_, is_precertificate, signed, _, _) in enumerate(ISSUANCE)
]


def histories() -> dict[tuple[int, bytes], list[int]]:
    found: dict[tuple[int, bytes], list[int]] = {}
    for index, (*_, subjects) in enumerate(ISSUANCE):
        for subject in subjects:
            found.setdefault(subject, []).append(index)
    for index, subjects in enumerate(STATEMENTS):
        for subject in subjects:
            found.setdefault(subject, []).append(index)
    return found


HISTORIES = histories()
MAP = {map_key(*subject): map_value(entries) for subject, entries in HISTORIES.items()}


# Section 6: whole answers. The head covers all entries above; the issuance log has grown by one since.

HASHES = [log.leaf_hash(entry) for entry in LEAVES]
GROWN = [*HASHES, log.leaf_hash(b"one more")]
ENTRIES = [b"\x00" + one["time_ms"].to_bytes(8) + one["envelope"].encode() for one in LOGGED]
HEAD = log.statement_entry(
    len(ENTRIES),
    HEAD_TIME,
    "index-head",
    {
        "log": log.STATEMENTS,
        "issued": "2026-01-23T00:00:02Z",
        "issuance": {"origin": log.ISSUANCE, "size": len(HASHES), "root": log.root(HASHES).hex()},
        "statements": {"size": len(ENTRIES)},
        "map_root": map_root(MAP).hex(),
    },
    log.STATEMENT_KEY,
)
STATEMENT_HASHES = [*map(log.leaf_hash, ENTRIES), bytes.fromhex(HEAD["leaf_hash"])]


def answer(kind: int, value: bytes, start: int, limit: int) -> dict[str, Any]:
    entries = HISTORIES.get((kind, value), [])
    leaves = history_leaves(entries)
    page = entries[start : start + limit]
    before = min(start, len(entries))
    return {
        "kind": KINDS[kind],
        "value": value.hex(),
        "count": len(entries),
        "from": start,
        "entries": page,
        "page_proof": {
            "left": [b64(one) for one in complete_subtrees(leaves, 0, before)],
            "right": [b64(one) for one in complete_subtrees(leaves, before + len(page), len(entries))],
        },
        "map_proof": b64(map_proof(MAP, map_key(kind, value))),
        "head": {
            "entry": b64(bytes.fromhex(HEAD["entry"])),
            "proof": log.proof_text(
                len(ENTRIES), STATEMENT_HASHES, log.checkpoint(log.STATEMENTS, STATEMENT_HASHES, None)["note"]
            ),
        },
        "issuance": {
            "checkpoint": log.checkpoint(log.ISSUANCE, GROWN, HEAD_TIME)["note"],
            "consistency": [b64(one) for one in log.subproof(len(HASHES), GROWN, True)],
        },
    }


def pages() -> list[dict[str, Any]]:
    """Pages of a history of 13 entries: at its ends, inside, across a power of two, empty."""
    entries = [3 * number + 1 for number in range(13)]
    leaves = history_leaves(entries)
    return [
        {
            "from": start,
            "entries": entries[start : start + limit],
            "left": [one.hex() for one in complete_subtrees(leaves, 0, min(start, 13))],
            "right": [one.hex() for one in complete_subtrees(leaves, min(start + limit, 13), 13)],
        }
        for start, limit in ((0, 13), (0, 1), (3, 2), (5, 6), (7, 2), (12, 1), (13, 1), (20, 5))
    ]


def vectors() -> dict[str, Any]:
    absent = map_key(6, DEVICES[0])
    return {
        "about": "Vectors of specs/device-index.md. Bytes are lowercase hex; trust and answers are as they travel.",
        "made_by": "tests/vectors/make_index_vectors.py",
        "keys": [
            {"kind": KINDS[kind], "number": kind, "value": value.hex(), "key": map_key(kind, value).hex()}
            for kind, value in HISTORIES
        ],
        "map_hashes": [
            {"content": {}, "root": map_root({}).hex()},
            *(
                {"content": {k.hex(): v.hex() for k, v in content.items()}, "root": map_root(content).hex()}
                for content in (
                    {bytes(32): bytes(40)},
                    {bytes(32): bytes(40), bytes(31) + b"\x01": b"\x01" * 40},
                    {
                        bytes(32): bytes(40),
                        bytes(16) + b"\x80" + bytes(15): b"\x01" * 40,
                        b"\xff" * 32: b"\x02" * 40,
                    },
                )
            ),
        ],
        "page_history": {
            "entries": [3 * number + 1 for number in range(13)],
            "value": map_value([3 * number + 1 for number in range(13)]).hex(),
            "pages": pages(),
        },
        "issuance_entries": [
            {
                "why": why,
                "merkle_tree_leaf": LEAVES[index].hex(),
                "issuer_spki": ISSUER.hex() if known and not is_precertificate else None,
                "listed_under": listed(subjects),
            }
            for index, (why, is_precertificate, _, known, subjects) in enumerate(ISSUANCE)
        ],
        "statement_entries": [
            {"entry": entry.hex(), "listed_under": listed(subjects)}
            for entry, subjects in zip(ENTRIES, STATEMENTS, strict=True)
        ],
        "index": {
            "issuance_size": len(LEAVES),
            "statements_size": len(ENTRIES),
            "histories": [
                {
                    "kind": KINDS[kind],
                    "value": value.hex(),
                    "entries": entries,
                    "map_value": map_value(entries).hex(),
                    "presence_proof": map_proof(MAP, map_key(kind, value)).hex(),
                }
                for (kind, value), entries in HISTORIES.items()
            ],
            "absent": [
                {
                    "kind": KINDS[6],
                    "value": DEVICES[0].hex(),
                    "absence_proof": map_proof(MAP, absent).hex(),
                }
            ],
            "map_root": map_root(MAP).hex(),
        },
        "trust": {
            "version": 1,
            "name": log.NAME,
            "issuance": {
                "origin": log.ISSUANCE,
                "url": f"https://{log.ISSUANCE}",
                "vkey": log.ed25519_key(log.ISSUANCE)["vkey"],
                "sct_key": b64(log.spki(log.SCT_KEY)),
                "log_id": b64(log.LOG_ID),
            },
            "statements": {
                "origin": log.STATEMENTS,
                "url": f"https://{log.STATEMENTS}",
                "vkey": log.ed25519_key(log.STATEMENTS)["vkey"],
                "statement_key": b64(log.spki(log.STATEMENT_KEY)),
            },
            "index": {"url": f"https://{log.NAME}/index/v1"},
            "witness_policy": None,
        },
        "head": {"leaf_index": len(ENTRIES), "timestamp": HEAD_TIME, "lag": 1},
        "answers": [
            answer(1, DEVICES[0], 0, 100),
            answer(2, KEY_HASH, 1, 2),
            answer(5, b"", 7, 100),
            answer(6, DEVICES[0], 0, 100),
        ],
    }


def encoded() -> str:
    """The file."""
    return json.dumps(vectors(), indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    sys.stdout.write(encoded())
