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

from keystead.devices.anchors import AnchorSet
from keystead.devices.vendor_anchor import VendorAnchor
from keystead.devices.verify import verify_evidence  # noqa: F401 - for the example above
from keystead.testvendor.certificates import to_pem
from keystead.testvendor.refusals import Refusal
from keystead.testvendor.yubikey import HIERARCHIES, TestYubiKey, TestYubiKeyMaker
from keystead.testvendor.yubikey_refusals import yubikey_refusals

__all__ = ["TestVendor"]


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

    def refusals(self) -> list[Refusal]:
        """Evidence that must be refused under `anchors()`, of every format and for every reason."""
        refusals: list[Refusal] = []
        for firmware in ((5, 4, 3), (5, 7, 4)):
            device = self.yubikey(20_000_001, firmware=firmware)
            refusals += yubikey_refusals(device, device.generate("9c").spki)
        return refusals

    def anchor(self, hierarchy: str = "piv") -> VendorAnchor:
        """The pinned key of one hierarchy: `piv`, `u2f` or `attestation-root`."""
        return self._yubikeys.anchor(hierarchy)

    def anchors(self) -> AnchorSet:
        """All pinned keys of this vendor."""
        return AnchorSet(self.anchor(hierarchy) for hierarchy in HIERARCHIES)

    def root_pem(self, hierarchy: str = "piv") -> str:
        """The root's certificate as PEM text, for a policy file."""
        return to_pem(self._yubikeys.root_der(hierarchy))
