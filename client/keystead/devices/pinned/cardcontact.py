# SPDX-License-Identifier: Apache-2.0
"""CardContact's root for SmartCard-HSMs, whoever produces them: Nitrokey HSM and others."""

import base64

from keystead.devices.vendor_anchor import VendorAnchor

__all__ = ["CARDCONTACT"]

CARDCONTACT = (
    VendorAnchor(
        name="DESRCACC100001",
        # SHA-256 5dc25e921c7050ac6f7c33190eb3f93fbe8d01a26028b284594a291475ead285
        key=base64.b64decode(
            "MFowFAYHKoZIzj0CAQYJKyQDAwIIAQEHA0IABG0CWoAmzbokXxDfG3LpiA//dG2rQKQ6PVxr6/J3B8MPbepyQw7jKHsG"
            "ZcHqpuqk+ibEYwMAGYP4K9GqMeA9oGI="
        ),
        formats=frozenset({"smartcard-hsm"}),
        source="https://github.com/CardContact/scsh-scripts/blob/master/sc-hsm/lib/smartcardhsm.js",
        note="2012-11-09 to 2032-11-08; the scheme's root for tests, UTSRCACC100001, is not pinned",
    ),
)
"""What may attest a SmartCard-HSM."""
