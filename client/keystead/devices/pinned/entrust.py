# SPDX-License-Identifier: Apache-2.0
"""Entrust's warrant root for nShield modules, as published on the page "nShield root key".

The vendor publishes the point of a key on NIST P-521, not a certificate; it is pinned as SubjectPublicKeyInfo.
"""

from keystead.devices.vendor_anchor import VendorAnchor

__all__ = ["ENTRUST"]

_X = (
    "1d21dfde6d7e001c5a4f78ae8d2f799e0caf79c60d673d0da88b206a3ba52f20"
    "dce0956ce02f01af32736767c8b9feff398c29e0208527371856aa2f40fcae61d96"
)
_Y = (
    "1641ca5472f06257de815ae06b33e1b868c149645f55fb7c91738014d3d235e7b"
    "247649cc2f7d1075e9b4d4388661e754a7fc386913c33ddd60208bded5301a1b77"
)

ENTRUST = (
    VendorAnchor(
        name="nShield KWARN-1",
        # SEQUENCE { SEQUENCE { ecPublicKey, secp521r1 }, BIT STRING 04 || x || y }
        key=bytes.fromhex("30819b301006072a8648ce3d020106052b8104002303818600" + "04")
        + bytes.fromhex(_X.zfill(132) + _Y.zfill(132)),
        formats=frozenset({"nshield"}),
        source="https://nshielddocs.entrust.com",
        note="no dates; the only root of warrants that hold KLF2",
    ),
)
"""What may attest an nShield module."""
