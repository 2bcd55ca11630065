# SPDX-License-Identifier: Apache-2.0
"""Makes `specs/vectors/evidence.json`: encodings of evidence, attestations of a test vendor, and refusals.

Run `PYTHONPATH=tests python -m vectors.make_evidence_vectors > specs/vectors/evidence.json`; the output depends on
nothing but the sources. Encodings, digests and device ids are computed on hashlib alone, and what an attestation
must give is written down, not asked of the verifier; the evidence comes from the test vendor.
"""

import json
import sys
from hashlib import sha256
from typing import Any

from keystead.testvendor.vendor import TestVendor
from vectors.attestation_vectors import ATTESTATIONS, SEED
from vectors.evidence_form import b64, encode, in_json
from vectors.statement_vectors import STATEMENTS

PLACES = frozenset({"not-a-device-certificate"})
"""Checks of which every refusal is a vector: they are what implementations forget."""


def encoding(name: str, data: bytes, chain: list[bytes]) -> dict[str, Any]:
    encoded = encode(name, data, chain)
    return {
        "format": name,
        "data": data.hex(),
        "chain": [element.hex() for element in chain],
        "encoded": encoded.hex(),
        "digest": sha256(encoded).hexdigest(),
    }


def encodings() -> list[dict[str, Any]]:
    return [
        encoding("yubikey-piv", b"leaf", [b"f9"]),
        encoding("nshield", b"{}", []),
        encoding("a", b"\0", [b"\0", b"\0\0"]),
        encoding("a-name-of-thirty-two-characters-", b"x" * 300, [b"y" * 70]),
    ]


def refused_encodings() -> list[dict[str, str]]:
    good = encode("yubikey-piv", b"leaf", [b"f9"])
    refused = {
        "it is empty": b"",
        "the version is another": good.replace(b"/v1\n", b"/v2\n"),
        "it ends early": good[:-1],
        "something follows it": good + b"\0",
        "the format has no name": encode("", b"leaf", []),
        "the format's name has an upper-case letter": encode("Yubikey-piv", b"leaf", []),
        "the format's name is longer than 32": encode("a" * 33, b"leaf", []),
        "the format's name is not ASCII": encode("yubikey-pív", b"leaf", []),
        "there is no data": encode("yubikey-piv", b"", [b"f9"]),
        "an element of the chain is empty": encode("yubikey-piv", b"leaf", [b"f9", b""]),
        "fewer elements follow than announced": encode("a", b"b", [])[:-2] + b"\x00\x01",
    }
    return [{"why": why, "encoded": encoded.hex()} for why, encoded in refused.items()]


def refusals(vendor: TestVendor) -> list[dict[str, Any]]:
    """One for each check that formats share, and one a format of those of its own."""
    shared = {refusal.check for refusal in vendor.refusals("yubikey-piv")}
    seen: set[tuple[str, str]] = set()
    chosen = []
    for refusal in vendor.refusals():
        name = refusal.evidence.format
        case = ("" if refusal.check in shared else name, refusal.check)
        if case not in seen or (refusal.check in PLACES and name == "yubikey-piv"):
            seen.add(case)
            chosen.append(
                {"name": refusal.name, "evidence": in_json(refusal.evidence), "check": refusal.check}
            )
    return chosen


def vectors() -> dict[str, Any]:
    """All of `evidence.json`."""
    vendor = TestVendor(SEED)
    return {
        "encodings": encodings(),
        "refused_encodings": refused_encodings(),
        "anchors": [
            {
                "name": anchor.name,
                "key": b64(anchor.key),
                "key_sha256": sha256(anchor.key).hexdigest(),
                "formats": sorted(anchor.formats),
                "cloud": anchor.cloud,
            }
            for anchor in vendor.anchors()
        ],
        "attestations": [one for make in (*ATTESTATIONS, *STATEMENTS) for one in make(vendor)],
        "refusals": refusals(vendor),
    }


if __name__ == "__main__":
    json.dump(vectors(), sys.stdout, indent=1, ensure_ascii=False)
    sys.stdout.write("\n")
