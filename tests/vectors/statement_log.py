# SPDX-License-Identifier: Apache-2.0
"""The statement log of the vectors: a policy, and statements of every kind under it.

Their envelopes are signed in `signed_statements`; what may be concluded from them is in `make_statement_vectors`.
"""

from hashlib import sha256

from vectors.signed_statements import (
    NAME,
    ORIGIN,
    SERVICE,
    b64,
    compact,
    device,
    digest,
    spki,
    statement,
)

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
