# SPDX-License-Identifier: Apache-2.0
"""Crypto4A's root for attestation by QASM modules: version 1.0 of its authority key infrastructure."""

import base64

from keystead.devices.vendor_anchor import VendorAnchor

__all__ = ["CRYPTO4A"]

CRYPTO4A = (
    VendorAnchor(
        name="C4A_RCA",
        # SHA-256 40146cbf7912e0a29ca601f9a1635e37ba8d69a4cdb88a9af1631633e7349bf0
        key=base64.b64decode(
            "MHYwEAYHKoZIzj0CAQYFK4EEACIDYgAEsUwR2USPKBZ9pXJqiYG7tAO8MEsyQFVgK1qwdhLtV/HRSgjoQcp8Y3C2g/c8"
            "WRn87s2fQZYTxuFB0VBLo7dCMYnQlAAxE5P0uAu7GOfhh3IDWxf9HoSnm7/G6YaJMGff"
        ),
        formats=frozenset({"qasm"}),
        source="https://pkic.org/remote-key-attestation/validation/crypto4a-qasm/",
        note="2020-07-13 to 2045-07-13; a later version is announced with post-quantum keys",
    ),
)
"""What may attest a QASM."""
