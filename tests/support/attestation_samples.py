# SPDX-License-Identifier: Apache-2.0
"""Published attestations, as the evidence that they are."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from keystead.certificate.x509 import certificates_from_pem
from keystead.devices.containers import sort_files
from keystead.devices.evidence import Evidence

__all__ = ["YubicoSample", "der_of", "luna_sample", "yubihsm_samples", "yubikey_samples"]


@dataclass(frozen=True)
class YubicoSample:
    """One published attestation with the certificates above it, and the values that are known of it."""

    file: str
    evidence: Evidence
    expected: dict[str, Any]


def der_of(path: Path) -> bytes:
    """The one certificate in a PEM file."""
    (der,) = certificates_from_pem(path.read_bytes())
    return der


def yubikey_samples(samples: Path) -> Iterator[YubicoSample]:
    """Every attestation that `expected-yubico.json` lists, the swapped pairs among them."""
    folder = samples / "attestation"
    for expected in json.loads((folder / "expected-yubico.json").read_bytes()):
        if not expected["file"].startswith("yubikey-piv/"):
            continue
        leaf = folder / expected["file"]
        evidence = Evidence("yubikey-piv", der_of(leaf), (der_of(_f9_beside(leaf)),))
        yield YubicoSample(expected["file"], evidence, expected)


def _f9_beside(leaf: Path) -> Path:
    names = {
        leaf.name.replace("key-9a", "device-f9"),
        leaf.name.replace("key_cert", "device_cert"),
        "SlotF9Intermediate.pem",
        "attestation-intermediate.crt",
    }
    (f9,) = [path for path in sorted(leaf.parent.iterdir()) if path.name in names - {leaf.name}]
    return f9


def yubihsm_samples(samples: Path) -> Iterator[YubicoSample]:
    """Every attestation of a YubiHSM that `expected-yubico.json` lists."""
    folder = samples / "attestation"
    sub_ca = der_of(folder / "vendor-roots" / "yubico" / "E45DA5F361B091B30D8F2C6FA040DB6FEF57918E.pem")
    for expected in json.loads((folder / "expected-yubico.json").read_bytes()):
        if not expected["file"].startswith("yubihsm2/"):
            continue
        leaf = folder / expected["file"]
        if leaf.suffix == ".pem":
            data, device = der_of(leaf), der_of(leaf.with_name("realDeviceCertPEM.pem"))
        else:
            data, device = leaf.read_bytes(), next(leaf.parent.glob("*_cert.der")).read_bytes()
        yield YubicoSample(expected["file"], Evidence("yubihsm", data, (device, sub_ca)), expected)


def luna_sample(samples: Path) -> Evidence:
    """The published confirmation, without the root at its end."""
    file = samples / "attestation" / "thales-luna-pkc" / "rsa-pkc.p7b"
    found = sort_files({file.name: file.read_bytes()}).certificates
    leaf, *chain, _ = (one.certificate.der for one in found)
    return Evidence("luna-pkc", leaf, tuple(chain))
