# SPDX-License-Identifier: Apache-2.0
"""One test vendor for all formats of evidence.

>>> from keystead.devices.verify import verify_evidence
>>> vendor = TestVendor("example")
>>> device = vendor.yubikey(28557046)
>>> evidence = device.attest(device.generate("9c").spki, "9c")
>>> verify_evidence(evidence, vendor.anchors()).serial
'28557046'
"""

import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from keystead.devices import (
    fortanix,
    luna,
    marvell,
    nshield,
    pkix_evidence,
    primus,
    qasm,
    smartcard_hsm,
    tpm2_certify,
    yubihsm,
    yubikey_piv,
)
from keystead.devices.anchors import AnchorSet
from keystead.devices.vendor_anchor import VendorAnchor
from keystead.devices.verify import verify_evidence  # noqa: F401 - for the example above
from keystead.testvendor.certificates import to_pem
from keystead.testvendor.fortanix import TestFortanix, TestFortanixMaker
from keystead.testvendor.fortanix_refusals import all_fortanix_refusals
from keystead.testvendor.luna import TestLuna, TestLunaMaker
from keystead.testvendor.luna_refusals import all_luna_refusals
from keystead.testvendor.marvell import TestMarvell, TestMarvellMaker
from keystead.testvendor.marvell_refusals import all_marvell_refusals
from keystead.testvendor.nshield import TestNShield, TestNShieldMaker
from keystead.testvendor.nshield_refusals import all_nshield_refusals
from keystead.testvendor.pkix_evidence import TestPkixMaker, TestPkixModule
from keystead.testvendor.pkix_evidence_refusals import all_pkix_refusals
from keystead.testvendor.primus import TestPrimus, TestPrimusMaker
from keystead.testvendor.primus_refusals import all_primus_refusals
from keystead.testvendor.qasm import TestQasm, TestQasmMaker
from keystead.testvendor.qasm_refusals import all_qasm_refusals
from keystead.testvendor.refusals import Refusal
from keystead.testvendor.smartcard_hsm import TestSmartCardHsm, TestSmartCardHsmMaker
from keystead.testvendor.smartcard_hsm_refusals import all_smartcard_hsm_refusals
from keystead.testvendor.tpm import TestTpm, TestTpmMaker
from keystead.testvendor.tpm_refusals import all_tpm_refusals
from keystead.testvendor.yubihsm import TestYubiHsm, TestYubiHsmMaker
from keystead.testvendor.yubihsm_refusals import all_yubihsm_refusals
from keystead.testvendor.yubikey import TestYubiKey, TestYubiKeyMaker
from keystead.testvendor.yubikey_refusals import all_yubikey_refusals

__all__ = ["TestVendor"]


@dataclass(frozen=True, slots=True)
class _Line:
    """One format: the pinned keys that attest it, and all that must be refused of it."""

    anchors: Callable[[], tuple[VendorAnchor, ...]]
    refusals: Callable[[], list[Refusal]]


class TestVendor:
    """A maker of test devices of every format.

    Args:
        seed: what keys and serial numbers of certificates follow from; None: chance.
        key: kind of the vendor's own keys: `rsa-2048` as in production (a quarter of a second each), or
            `ec-p256`.
    """

    __test__ = False  # the name is no test's

    def __init__(self, seed: str | bytes | int | None = "test vendor", key: str = "rsa-2048") -> None:
        if seed is None:
            seed = os.urandom(32)
        self.seed = seed if isinstance(seed, bytes) else str(seed).encode()
        self._yubikeys = TestYubiKeyMaker(self.seed, key)
        self._yubihsms = TestYubiHsmMaker(self._yubikeys, key)
        self._nshields = TestNShieldMaker(self.seed)
        self._primus = TestPrimusMaker(self.seed)
        self._qasms = TestQasmMaker(self.seed)
        self._tpms = TestTpmMaker(self.seed, key)
        self._pkix = TestPkixMaker(self.seed)
        self._cards = TestSmartCardHsmMaker(self.seed)
        self._lunas = TestLunaMaker(self.seed, key)
        self._marvells = TestMarvellMaker(self.seed, key)
        self._clusters = TestFortanixMaker(self.seed, key)
        self._lines: dict[str, _Line] = {
            yubikey_piv.FORMAT: _Line(self._yubikeys.anchors, partial(all_yubikey_refusals, self._yubikeys)),
            yubihsm.FORMAT: _Line(self._yubihsms.anchors, partial(all_yubihsm_refusals, self._yubihsms)),
            luna.FORMAT: _Line(self._lunas.anchors, partial(all_luna_refusals, self._lunas)),
            marvell.FORMAT: _Line(self._marvells.anchors, partial(all_marvell_refusals, self._marvells)),
            fortanix.FORMAT: _Line(self._clusters.anchors, partial(all_fortanix_refusals, self._clusters)),
            nshield.FORMAT: _Line(self._nshields.anchors, partial(all_nshield_refusals, self._nshields)),
            primus.FORMAT: _Line(self._primus.anchors, partial(all_primus_refusals, self._primus)),
            qasm.FORMAT: _Line(self._qasms.anchors, partial(all_qasm_refusals, self._qasms)),
            tpm2_certify.FORMAT: _Line(self._tpms.anchors, partial(all_tpm_refusals, self._tpms)),
            pkix_evidence.FORMAT: _Line(self._pkix.anchors, partial(all_pkix_refusals, self._pkix)),
            smartcard_hsm.FORMAT: _Line(
                self._cards.anchors, partial(all_smartcard_hsm_refusals, self._cards)
            ),
        }

    def yubikey(
        self,
        serial: int | None,
        *,
        firmware: tuple[int, int, int] = (5, 4, 3),
        form_factor: int | None = 1,
        fips: bool = False,
        batch: str = "1",
        hierarchy: str | None = None,
    ) -> TestYubiKey:
        """A YubiKey; devices of one `batch` share their f9 key. See `TestYubiKey` for the rest."""
        return self._yubikeys.make(
            serial, firmware=firmware, form_factor=form_factor, fips=fips, batch=batch, hierarchy=hierarchy
        )

    def yubihsm(
        self, serial: int, *, firmware: tuple[int, int, int] = (2, 4, 0), hierarchy: str = "sub-ca"
    ) -> TestYubiHsm:
        """A YubiHSM 2; see `TestYubiHsm`."""
        return self._yubihsms.make(serial, firmware=firmware, hierarchy=hierarchy)

    def nshield(
        self, esn: str, world: str = "1", *, fips: bool = False, upgraded: bool = False
    ) -> TestNShield:
        """An nShield module; those of one `world` share its keys. See `TestNShield`."""
        return self._nshields.make(esn, world, fips=fips, upgraded=upgraded)

    def primus(self, serial: int) -> TestPrimus:
        """A Primus HSM; see `TestPrimus`."""
        return self._primus.make(serial)

    def qasm(self, number: int) -> TestQasm:
        """A QASM with the serial number `QSM` and six digits; see `TestQasm`."""
        return self._qasms.make(number)

    def tpm(self, number: int, *, key: str = "", digest: str = "sha256") -> TestTpm:
        """A TPM; see `TestTpm`. `key` is the kind of its attestation key."""
        return self._tpms.make(number, key=key, digest=digest)

    def pkix_module(self, serial: str | None) -> TestPkixModule:
        """A module that speaks PKIX Evidence; see `TestPkixModule`."""
        return self._pkix.make(serial)

    def smartcard_hsm(self, serial: str) -> TestSmartCardHsm:
        """A SmartCard-HSM; `serial` is its holder reference without the sequence number (`XTTS0100001`)."""
        return self._cards.make(serial)

    def luna(
        self, serial: int, *, firmware: tuple[int, int] = (7, 84), path: str = "chrysalis-its"
    ) -> TestLuna:
        """A Luna module; see `TestLuna`."""
        return self._lunas.make(serial, firmware=firmware, path=path)

    def marvell(
        self, adapter: str, *, partition: int = 1, owned: bool = True, version: int = 2
    ) -> TestMarvell:
        """A partition of a LiquidSecurity card; see `TestMarvell`."""
        return self._marvells.make(adapter, partition=partition, owned=owned, version=version)

    def fortanix(self, cluster: str = "1") -> TestFortanix:
        """A DSM cluster; see `TestFortanix`."""
        return self._clusters.make(cluster)

    def refusals(self, *formats: str) -> list[Refusal]:
        """Evidence that must be refused under `anchors()`, for every reason; without `formats`, of all."""
        return [refusal for name in formats or self._lines for refusal in self._lines[name].refusals()]

    def anchor(self, hierarchy: str = "piv") -> VendorAnchor:
        """The pinned key of one hierarchy of YubiKeys: `piv`, `u2f` or `attestation-root`."""
        return self._yubikeys.anchor(hierarchy)

    def anchors(self, *formats: str) -> AnchorSet:
        """The pinned keys of this vendor that attest `formats`; without any, all of them."""
        return AnchorSet(anchor for name in formats or self._lines for anchor in self._lines[name].anchors())

    def root_pem(self, hierarchy: str = "piv") -> str:
        """The root's certificate as PEM text, for a policy file."""
        return to_pem(self._yubikeys.root_der(hierarchy))
