# SPDX-License-Identifier: Apache-2.0
"""Makes `specs/vectors/statements.json`: statements of every kind, and what may be concluded from them.

Run `python tests/vectors/make_statement_vectors.py > specs/vectors/statements.json`; the output depends on nothing
but this file, and `signed_statements` and `statement_log` beside it. They are written from `specs/statements.md` and
`specs/policy.md` on hashlib and `cryptography` alone, so that the vectors are a second opinion on Keystead's own code
and not its echo. What is concluded about services (section "service") is written down by hand.
"""

import json
import sys
from hashlib import sha256
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from vectors.signed_statements import (
    KEYS,
    NAME,
    ORIGIN,
    SERVICE,
    b64,
    compact,
    device,
    digest,
    keyid,
    payload_type,
    seed,
    spki,
)
from vectors.statement_log import DAY, LOGGED, POLICY, START


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
