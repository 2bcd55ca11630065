# SPDX-License-Identifier: Apache-2.0
"""Makes `specs/vectors/evidence.json`: encodings of evidence, attestations of a test vendor, and refusals.

Run `python tests/vectors/make_evidence_vectors.py > specs/vectors/evidence.json`; the output depends on nothing
but the sources. Encodings, digests and device ids are computed here on hashlib alone, and what an attestation
must give is written down, not asked of the verifier; certificates come from the test vendor.
"""

import base64
import json
import sys
from hashlib import sha256
from typing import Any

from keystead.testvendor.keys import derive_key
from keystead.testvendor.vendor import TestVendor

SEED = "evidence vectors"
HIERARCHIES = ("piv", "u2f", "attestation-root")


def uint(value: int, size: int) -> bytes:
    return value.to_bytes(size, "big")


def opaque(data: bytes, size: int) -> bytes:
    return uint(len(data), size) + data


def encode(name: str, data: bytes, chain: list[bytes]) -> bytes:
    """Section 2.1, written out again."""
    elements = b"".join(opaque(element, 3) for element in chain)
    magic = b"keystead/evidence/v1\n"
    return magic + opaque(name.encode(), 1) + opaque(data, 3) + uint(len(chain), 2) + elements


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


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


def attestation(name: str, evidence: Any, expected: dict[str, Any], serial: int | None) -> dict[str, Any]:
    value = None if serial is None else str(serial)
    identity = {
        "scheme": "yubico-piv-serial",
        "value": value,
        "class": "unit",
        "device_id": sha256(f"keystead/device/v1\nyubico-piv-serial\n{value}".encode()).hexdigest(),
    }
    return {
        "name": name,
        "evidence": in_json(evidence),
        "digest": sha256(encode(evidence.format, evidence.data, list(evidence.chain))).hexdigest(),
        "gives": {
            "format": "yubikey-piv",
            "identities": [] if serial is None else [identity],
            "vendor": "Yubico",
            "serial": value,
            "assurance": "attested",
            "cloud": False,
            **expected,
        },
    }


def in_json(evidence: Any) -> dict[str, Any]:
    return {
        "format": evidence.format,
        "data": b64(evidence.data),
        "chain": [b64(part) for part in evidence.chain],
    }


def attestations(vendor: TestVendor) -> list[dict[str, Any]]:
    def expected(key: bytes, hierarchy: str, properties: dict[str, Any], **stated: Any) -> dict[str, Any]:
        anchor = vendor.anchor(hierarchy)
        common = {
            "generated_on_device": True,
            "exportable": False,
            "fips_series": False,
            "cspn_series": False,
        }
        return {
            "key_sha256": sha256(key).hexdigest(),
            "anchors": [sha256(anchor.key).hexdigest()],
            "properties": {**common, **properties},
            **stated,
        }

    made = []
    key = derive_key(SEED.encode(), "attested").spki
    device = vendor.yubikey(28_557_046, form_factor=1, fips=True)
    made.append(
        attestation(
            "firmware 5.4.3, FIPS series",
            device.attest(key, "9a"),
            expected(
                key,
                "piv",
                {
                    "slot": "9a",
                    "pin_policy": "once",
                    "touch_policy": "never",
                    "fips_series": True,
                    "security_key_series": False,
                },
                firmware="5.4.3",
                model="YubiKey 5 FIPS",
                form_factor="USB-A keychain",
                certification="FIPS series",
            ),
            28_557_046,
        )
    )
    device = vendor.yubikey(None, firmware=(4, 3, 7), form_factor=None)
    made.append(
        attestation(
            "firmware 4.3.7 without a serial number: class none",
            device.attest(key, "9c", pin_policy="always", touch_policy="cached"),
            expected(
                key,
                "u2f",
                {"slot": "9c", "pin_policy": "always", "touch_policy": "cached"},
                firmware="4.3.7",
                model="YubiKey 4",
                form_factor=None,
                certification=None,
            ),
            None,
        )
    )
    device = vendor.yubikey(4_294_967_295, firmware=(5, 7, 4), form_factor=7)
    made.append(
        attestation(
            "firmware 5.7.4, three certificates, the greatest serial number",
            device.attest(key, "95", pin_policy="match-once", touch_policy="always"),
            expected(
                key,
                "attestation-root",
                {
                    "slot": "95",
                    "pin_policy": "match-once",
                    "touch_policy": "always",
                    "security_key_series": False,
                },
                firmware="5.7.4",
                model="YubiKey 5",
                form_factor="USB-C biometric",
                certification=None,
            ),
            4_294_967_295,
        )
    )
    return made


def refusals(vendor: TestVendor) -> list[dict[str, Any]]:
    """One for each check, and all that concern the places in the chain."""
    seen: set[str] = set()
    chosen = []
    for refusal in vendor.refusals():
        if refusal.check not in seen or refusal.check == "not-a-device-certificate":
            seen.add(refusal.check)
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
            for anchor in (vendor.anchor(hierarchy) for hierarchy in HIERARCHIES)
        ],
        "attestations": attestations(vendor),
        "refusals": refusals(vendor),
    }


if __name__ == "__main__":
    json.dump(vectors(), sys.stdout, indent=1, ensure_ascii=False)
    sys.stdout.write("\n")
