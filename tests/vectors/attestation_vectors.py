# SPDX-License-Identifier: Apache-2.0
"""Attestations of a test vendor, and what each must give: written down, not asked of the verifier.

One function a format whose evidence is a certificate; `ATTESTATIONS` lists them in the order of section 7 of
`specs/evidence.md`. `statement_vectors` has the others.
"""

from collections.abc import Callable
from hashlib import sha256
from typing import Any

from keystead.testvendor.keys import derive_bytes, derive_key
from keystead.testvendor.vendor import TestVendor
from vectors.evidence_form import encode, in_json

SEED = "evidence vectors"
KEY = derive_key(SEED.encode(), "attested").spki
"""The key that all of them attest."""

OBJECT_PREFIX = "41000000" + derive_bytes(KEY, "luna-object", 4).hex()
"""How the test vendor's Luna modules begin the name of the object that holds that key."""

Vector = dict[str, Any]


def identity(scheme: str, value: str, class_: str) -> dict[str, str]:
    """One member of `identities`."""
    digest = sha256(f"keystead/device/v1\n{scheme}\n{value}".encode()).hexdigest()
    return {"scheme": scheme, "value": value, "class": class_, "device_id": digest}


def attestation(name: str, evidence: Any, **gives: Any) -> Vector:
    """A vector: the evidence, its digest, and members of section 6 that it gives."""
    return {
        "name": name,
        "evidence": in_json(evidence),
        "digest": sha256(encode(evidence.format, evidence.data, list(evidence.chain))).hexdigest(),
        "gives": {
            "format": evidence.format,
            "assurance": "attested",
            "cloud": False,
            "key_sha256": sha256(KEY).hexdigest(),
            **gives,
        },
    }


def _yubikey(name: str, evidence: Any, expected: dict[str, Any], serial: int | None) -> Vector:
    value = None if serial is None else str(serial)
    identities = [] if value is None else [identity("yubico-piv-serial", value, "unit")]
    return attestation(name, evidence, vendor="Yubico", identities=identities, serial=value, **expected)


def yubikey_attestations(vendor: TestVendor) -> list[dict[str, Any]]:
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
        _yubikey(
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
        _yubikey(
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
        _yubikey(
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


def yubihsm_attestations(vendor: TestVendor) -> list[Vector]:
    def expected(serial: int, hierarchy: str, properties: dict[str, Any], **stated: Any) -> dict[str, Any]:
        common = {"generated_on_device": True, "exportable": False, "capabilities": ["sign-ecdsa"]}
        (anchor,) = [one for one in vendor.anchors("yubihsm") if hierarchy in one.name]
        return {
            "vendor": "Yubico",
            "identities": [identity("yubihsm-serial", str(serial), "unit")],
            "serial": str(serial),
            "form_factor": None,
            "anchors": [sha256(anchor.key).hexdigest()],
            "properties": {**common, **properties},
            **stated,
        }

    older = vendor.yubihsm(13_200_460, firmware=(2, 1, 2))
    newer = vendor.yubihsm(4_294_967_295, hierarchy="attestation-root")
    return [
        attestation(
            "YubiHSM 2, firmware 2.1.2",
            older.attest(KEY, 0x7E57, label="signing"),
            **expected(
                13_200_460,
                "YubiHSM",
                {"object_id": "0x7e57", "domains": ["1"], "label": "signing", "fips_series": False},
                model="YubiHSM 2",
                firmware="2.1.2",
                certification=None,
            ),
        ),
        attestation(
            "YubiHSM 2 FIPS, firmware 2.4.0, newer hierarchy, no label",
            newer.attest(KEY, label=None, fips=True),
            **expected(
                4_294_967_295,
                "Attestation Root",
                {"object_id": "0x0003", "domains": ["1"], "fips_series": True},
                model="YubiHSM 2 FIPS",
                firmware="2.4.0",
                certification="FIPS series",
            ),
        ),
    ]


def marvell_attestations(vendor: TestVendor) -> list[Vector]:
    maker, owner = vendor.anchors("marvell")

    def vector(name: str, version: int, *, owned: bool) -> Vector:
        module = vendor.marvell("5.2G1804-ICM000678", owned=owned, version=version)
        stated = {"owner": owner.name} if owned else {}
        return attestation(
            name,
            module.attest(KEY),
            vendor="Marvell",
            model="LiquidSecurity",
            identities=[identity("marvell-adapter", "5.2G1804-ICM000678", "cloud" if owned else "appliance")],
            serial="5.2G1804-ICM000678",
            firmware=None,
            form_factor=None,
            certification="FIPS mode",
            cloud=owned,
            anchors=[sha256(one.key).hexdigest() for one in ((maker, owner) if owned else (maker,))],
            properties={
                "statement_version": version,
                "partition": 1,
                "generated_on_device": True,
                "exportable": False,
                "purposes": ["decrypt", "unwrap", "sign"],
                "label": "app_key",
                "key_id": derive_bytes(KEY, "marvell-id", 64).hex(),
                **stated,
            },
        )

    return [
        vector("LiquidSecurity, version 2, a cloud provider's card", 2, owned=True),
        vector("LiquidSecurity, version 1, a customer's own card", 1, owned=False),
    ]


def luna_attestations(vendor: TestVendor) -> list[Vector]:
    def vector(name: str, path: str, serial: int, **stated: Any) -> Vector:
        module = vendor.luna(serial, path=path)
        evidence = module.attest(KEY)
        (anchor,) = [one for one in vendor.anchors("luna-pkc") if ("ECC" in one.name) == (path == "ecc")]
        form = {"chrysalis-its": "Chrysalis-ITS", "tc-trustcenter": "TC-TrustCenter", "ecc": "ECC"}[path]
        return attestation(
            name,
            evidence,
            vendor="Thales",
            identities=[identity("luna-serial", str(serial), "appliance")],
            serial=str(serial),
            form_factor=None,
            certification=None,
            anchors=[sha256(anchor.key).hexdigest()],
            properties={
                "confirmation": form,
                "generated_on_device": True,
                "exportable": False,
                "object_id": OBJECT_PREFIX + serial.to_bytes(4, "little").hex(),
            },
            **stated,
        )

    return [
        vector("Luna, Chrysalis-ITS path", "chrysalis-its", 521_174, model="Luna K7", firmware="7.84"),
        vector("Luna, TC-TrustCenter path", "tc-trustcenter", 1, model=None, firmware="7.84"),
        vector(
            "Luna, ECC path, signatures without sign octets", "ecc", 4_294_967_295, model=None, firmware=None
        ),
    ]


def fortanix_attestations(vendor: TestVendor) -> list[Vector]:
    (anchor,) = vendor.anchors("fortanix")
    digits = derive_bytes(KEY, "fortanix-key", 16).hex()
    return [
        attestation(
            "Fortanix DSM: class none",
            vendor.fortanix().attest(KEY),
            vendor="Fortanix",
            model=None,
            identities=[],
            serial=None,
            firmware=None,
            form_factor=None,
            certification=None,
            anchors=[sha256(anchor.key).hexdigest()],
            properties={
                "generated_on_device": True,
                "exportable": False,
                "minimum_protection": "Fortanix FX2200",
                "site_operator_approval": True,
                "key_id": "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:])),
            },
        )
    ]


ATTESTATIONS: tuple[Callable[[TestVendor], list[Vector]], ...] = (
    yubikey_attestations,
    yubihsm_attestations,
    marvell_attestations,
    luna_attestations,
    fortanix_attestations,
)
