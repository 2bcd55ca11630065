# SPDX-License-Identifier: Apache-2.0
"""Attestations of a test vendor whose evidence is a statement and no certificate, and what each must give.

One function a format; `STATEMENTS` lists them in the order of section 7 of `specs/evidence.md`.
"""

from collections.abc import Callable
from hashlib import sha256
from typing import Any

from keystead.testvendor.keys import SigningKey, derive_key
from keystead.testvendor.vendor import TestVendor
from vectors.attestation_vectors import KEY, SEED, Vector, attestation, identity


def nshield_attestations(vendor: TestVendor) -> list[Vector]:
    (anchor,) = vendor.anchors("nshield")

    def made(name: str, device: Any, fips: bool, protection: str, recoverable: bool, *added: str) -> Vector:
        world = device.world.hknso.hex()
        return attestation(
            name,
            device.attest(KEY, protection=protection, recoverable=recoverable),
            vendor="Entrust",
            identities=[
                identity("nshield-esn", "8938-1075-88BB", "appliance"),
                identity("nshield-world", world, "domain"),
            ],
            serial="8938-1075-88BB",
            model=None,
            firmware=None,
            form_factor=None,
            certification="FIPS 140-2 level 3",
            anchors=[sha256(anchor.key).hexdigest()],
            properties={
                "generated_on_device": True,
                "exportable": False,
                "recoverable": recoverable,
                "officers_may_export": recoverable,
                "protection": protection,
                "permissions": sorted(
                    {
                        "duplicate-handle",
                        "get-acl",
                        "get-app-data",
                        "reduce-acl",
                        "sign",
                        "sign-module-certificate",
                        "use-as-certificate",
                        *added,
                    }
                ),
                "security_world": world,
                "cipher_suite": "DLf3072s256mAEScSP800131Ar1",
                "fips_world": fips,
                "warrant": "field upgrade" if device.upgraded else "factory",
                "physical_serial": device.module_information()["PhysicalSerialNumber"],
            },
        )

    return [
        made(
            "nShield, module-protected and recoverable, after a field upgrade",
            vendor.nshield("8938-1075-88BB", upgraded=True),
            False,
            "module",
            True,
            "decrypt",
            "use-as-blob-key",
        ),
        made(
            "nShield, a softcard in a FIPS world",
            vendor.nshield("8938-1075-88BB", "2", fips=True),
            True,
            "softcard",
            False,
        ),
    ]


def primus_attestations(vendor: TestVendor) -> list[Vector]:
    (anchor,) = vendor.anchors("primus")
    return [
        attestation(
            "Primus HSM",
            vendor.primus(18_386_101).attest(KEY, "a &lt;label&gt;"),
            vendor="Securosys",
            identities=[identity("primus-serial", "18386101", "appliance")],
            serial="18386101",
            model="Primus HSM",
            firmware=None,
            form_factor=None,
            certification=None,
            anchors=[sha256(anchor.key).hexdigest()],
            properties={
                "generated_on_device": True,
                "exportable": False,
                "permissions": ["decrypt", "destroyable", "sign", "unique"],
                "label": "a <label>",
                "created": "2025-10-01T20:31:53Z",
                "attested": "2025-10-18T20:19:33Z",
                "use_count": 10,
            },
        )
    ]


def qasm_attestations(vendor: TestVendor) -> list[Vector]:
    device = vendor.qasm(129)
    (anchor,) = vendor.anchors("qasm")
    digest = sha256(anchor.key).hexdigest()

    def made(name: str, evidence: Any, paths: int, certification: str | None) -> Vector:
        return attestation(
            name,
            evidence,
            vendor="Crypto4A",
            identities=[identity("crypto4a-serial", "QSM000129", "appliance")],
            serial="QSM000129",
            model="QASM",
            firmware="4.0.2.493",
            form_factor=None,
            certification=certification,
            anchors=[digest] * paths,
            properties={
                "object": str(device.object_of(KEY)),
                "generated_on_device": True,
                "exportable": False,
                "certified_production": True,
                "attestation_keys_unique": True,
                "module": str(device.uuid),
                "attested": "2024-06-12T14:33:07Z",
                "permissions": ["sign"],
            },
        )

    beside = device.attest(KEY, hss=False, attached=[], chain=(device.maker.issuer_der,), fips=True)
    return [
        made("QASM, two signatures, certificates attached", device.attest(KEY), 2, None),
        made("QASM, one signature, the issuer beside the message, FIPS mode", beside, 1, "FIPS mode"),
    ]


def tpm_attestations(vendor: TestVendor) -> list[Vector]:
    (anchor,) = vendor.anchors("tpm2-certify")

    def made(name: str, device: Any, extra: bytes, digest: str) -> Vector:
        return attestation(
            name,
            device.attest(KEY, extra=extra),
            vendor="Nuvoton",
            identities=[],
            serial=None,
            model="NPCT6xx",
            firmware=None,
            form_factor=None,
            certification=None,
            anchors=[sha256(anchor.key).hexdigest()],
            properties={
                "generated_on_device": True,
                "exportable": False,
                "permissions": ["decrypt", "sign"],
                "qualifying_data": extra.hex(),
                "signature_hash": digest,
                "tpm_version": "id:13",
            },
        )

    return [
        made("TPM 2.0", vendor.tpm(1), b"challenge", "sha256"),
        made("TPM 2.0, SHA-1 and no challenge", vendor.tpm(2, digest="sha1"), b"", "sha1"),
    ]


def pkix_attestations(vendor: TestVendor) -> list[Vector]:
    (anchor,) = vendor.anchors("pkix-evidence")
    digest = sha256(anchor.key).hexdigest()

    def made(name: str, serial: str | None, identities: list[Vector]) -> Vector:
        device = vendor.pkix_module(serial)
        return attestation(
            name,
            device.attest(KEY),
            vendor="Acme Corp",
            identities=identities,
            serial=serial,
            model="HSM-9000",
            firmware=None,
            form_factor=None,
            certification="FIPS mode",
            anchors=[digest],
            properties={
                "generated_on_device": True,
                "exportable": False,
                "key_identifiers": ["9a25f603-a2c4-4dad-9ee0-a1b4e771f2c3"],
                "permissions": ["sign"],
                "timestamp": "20260721111338Z",
                "nonce": device.nonce.hex(),
                "hwversion": "2.1.0",
                "uptime": 86400,
                "fipsboot": True,
                "fipslevel": 3,
            },
        )

    value = "/".join((digest, b"Acme Corp".hex(), b"HSM-9000".hex(), b"17-a1b2".hex()))
    return [
        made("PKIX Evidence", "17-a1b2", [identity("pkix-evidence-serial", value, "unit")]),
        made("PKIX Evidence without a serial number", None, []),
    ]


def smartcard_hsm_attestations(vendor: TestVendor) -> list[Vector]:
    (anchor,) = vendor.anchors("smartcard-hsm")
    device = vendor.smartcard_hsm("XTTS0100001")

    def made(name: str, key: SigningKey) -> Vector:
        return attestation(
            name,
            device.attest(key),
            vendor="CardContact",
            identities=[identity("smartcard-hsm-id", "XTTS0100001", "unit")],
            serial="XTTS0100001",
            model="SmartCard-HSM",
            firmware=None,
            form_factor=None,
            certification=None,
            key_sha256=sha256(key.spki).hexdigest(),
            anchors=[sha256(anchor.key).hexdigest()],
            properties={
                "generated_on_device": True,
                "exportable": None,
                "key_holder": "XTTS010000100001",
                "requested_from": "XTCA00001",
                "device_issuer": "XTDITS0100001",
            },
        )

    return [
        made("SmartCard-HSM, a key on P-256", derive_key(SEED.encode(), "attested")),
        made("SmartCard-HSM, an RSA key", device.generate("rsa", "rsa-2048")),
    ]


STATEMENTS: tuple[Callable[[TestVendor], list[Vector]], ...] = (
    nshield_attestations,
    primus_attestations,
    qasm_attestations,
    tpm_attestations,
    pkix_attestations,
    smartcard_hsm_attestations,
)
