# SPDX-License-Identifier: Apache-2.0
"""One piece of evidence of every format, from a test vendor."""

from keystead.devices.evidence import Evidence
from keystead.testvendor.keys import derive_key
from keystead.testvendor.vendor import TestVendor

__all__ = ["every_piece"]


def every_piece(vendor: TestVendor) -> dict[str, Evidence]:
    """By format, evidence that verifies under the vendor's anchors; all but the card's about one key."""
    key = derive_key(vendor.seed, "every format").spki
    card = vendor.smartcard_hsm("XTTS0100001")
    pieces = [
        vendor.yubikey(20_000_001, firmware=(5, 7, 4)).attest(key),
        vendor.yubihsm(20_000_001).attest(key),
        vendor.luna(600_001).attest(key),
        vendor.marvell("5.2G1804-ICM000001").attest(key),
        vendor.fortanix().attest(key),
        vendor.nshield("AAAA-BBBB-0001").attest(key),
        vendor.primus(18_000_001).attest(key),
        vendor.qasm(1).attest(key),
        vendor.tpm(1).attest(key),
        vendor.pkix_module("1").attest(key),
        card.attest(card.generate("every format")),
    ]
    return {piece.format: piece for piece in pieces}
