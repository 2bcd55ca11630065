# SPDX-License-Identifier: Apache-2.0
"""Published attestations of YubiKeys, as the evidence that they are."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from keystead.certificate.x509 import certificates_from_pem
from keystead.devices.evidence import Evidence

__all__ = ["YubiKeySample", "der_of", "yubikey_samples"]


@dataclass(frozen=True)
class YubiKeySample:
    """One published attestation, the f9 certificate that lies beside it, and the values that are known of it."""

    file: str
    evidence: Evidence
    expected: dict[str, Any]


def der_of(path: Path) -> bytes:
    """The one certificate in a PEM file."""
    (der,) = certificates_from_pem(path.read_bytes())
    return der


def yubikey_samples(samples: Path) -> Iterator[YubiKeySample]:
    """Every attestation that `expected-yubico.json` lists, the swapped pairs among them."""
    folder = samples / "attestation"
    for expected in json.loads((folder / "expected-yubico.json").read_bytes()):
        if not expected["file"].startswith("yubikey-piv/"):
            continue
        leaf = folder / expected["file"]
        evidence = Evidence("yubikey-piv", der_of(leaf), (der_of(_f9_beside(leaf)),))
        yield YubiKeySample(expected["file"], evidence, expected)


def _f9_beside(leaf: Path) -> Path:
    names = {
        leaf.name.replace("key-9a", "device-f9"),
        leaf.name.replace("key_cert", "device_cert"),
        "SlotF9Intermediate.pem",
        "attestation-intermediate.crt",
    }
    (f9,) = [path for path in sorted(leaf.parent.iterdir()) if path.name in names - {leaf.name}]
    return f9
