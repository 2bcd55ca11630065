# SPDX-License-Identifier: Apache-2.0
"""Securosys's root for key attestation by Primus HSMs."""

import base64

from keystead.devices.vendor_anchor import VendorAnchor

__all__ = ["SECUROSYS"]

SECUROSYS = (
    VendorAnchor(
        name="PRIMUS_HSM_ROOTKEY",
        # SHA-256 a22f3406121ed57c1d4a2b94fb0553b5f80f1f48e46d9f954e3e7cb0ee99903a
        key=base64.b64decode(
            "MIICIjANBgkqhkiG9w0BAQEFAAOCAg8AMIICCgKCAgEAtOsW9Oki47ppAmHuQSOHP2OqPAg7fj18pflb0RGK7yPKP3i4"
            "2w84JRS9jApc3q8K4cTL1skq6rnGzBOUIsSb6hUJiJDyTcwv4f7DffDP9ovVWg3YgJx7GdImAMXJtZ4w1TCDNFYvbVpv"
            "vh9ZAGUEFgOmY2CkjyYKfPCT5QrEBGZaL3Y025yttsPmGiwEujbohV8BqnUrrxPnLJ0XY1t/tcDcg0+sn+Y0DVphTtvy"
            "2PLkPoCoH+bSBYbobCtqd00Yo7A6/+n+dVnFJAAMhvUJyQ84YJi8lTTaUUJTYE/LetVKjH3wb5Sl5v8285HCq1ApMPGC"
            "HswdMtKMs0zWkuSLBmeQSJrJQonYEOms0LeAsyr/KE11kYPtYgXUioH/vQCSCQpwKJPRH0XYf3ZLzthhcntZp+DHCAqp"
            "bcg75yEOHBupd9LIy7xjtFpzLG8vIrAdQt/fvNDcBDItXXqUDrmPvHgmrGDZHMmgqzwHGqPo7Wbe4PxljsHD4Wesihvq"
            "w9zdQP7KbYBeExGyWsfcIknkV2QBXPa5t3+sH+NnrtvyWzUdUpXqptOqfJJbkg1fN43vABA7xxQ5C2rfXk6iZOplOSwx"
            "32yUo1V8YBsOJzPMUAhsjWI4I7/79UqkiWdHjCMgfT1dkFZ9RBLE+3hy3S0j59YsCVFax91Gr/eof7W+pqECAwEAAQ=="
        ),
        formats=frozenset({"primus"}),
        source="https://docs.securosys.com/tsb/Use-Cases/QualifiedSignature",
        note="2024-08-21 to 2054-08-14; hsm_rsa_root.crt",
    ),
)
"""What may attest a Primus HSM."""
