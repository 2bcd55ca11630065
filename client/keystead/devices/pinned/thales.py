# SPDX-License-Identifier: Apache-2.0
"""Thales's roots for Luna modules: one for confirmations of RSA keys, one for those of EC keys.

Thales has published two certificates of the first, with one key; the older one's self-signature is SHA-1.
"""

import base64

from keystead.devices.vendor_anchor import VendorAnchor

__all__ = ["THALES"]

THALES = (
    VendorAnchor(
        name="Chrysalis-ITS Root",
        # SHA-256 5d31fc462ae8a1a5327b149ff43aa6d867a28d7e17ca1cca7e7d514cf8cdc132
        key=base64.b64decode(
            "MIICIDANBgkqhkiG9w0BAQEFAAOCAg0AMIICCAKCAgEAumAZOCcEhuMbWkao2zkD9Qud/JwNsFmeobZeOlcRVP1W"
            "xknrabsFadaYQwy7lntDPaiVWwzXXsBm+CemB6AlFZxcIRVy7tIydQGHCY5mOeHTRTO/HS1JEbwZaNXc7U6dhtnj"
            "jWrJlzNDHQO/QAxMGvRs0rXJerwm13iQ5uJHolMjA6DSQH6dM2gA3KF8Zkd+K3okfGZS6z7J9ZmbCE98av7hfoZI"
            "Y/xKl5GK4qqgJLaArEpqsjyZ5m6SAG0HrIWfWnpNfb/vLJxusWGTKi99f69NO4goHC7toGHDNeax+Wdtogfupk+W"
            "HSWDswFOzmK8uEFWXjbcRpolAapwZJBbNviDCdXflOo4Ad43t4gGLkMuTeG/9zIHV9wcM66oabZGSAvOrrpDGQR8"
            "OB+zZVsssfxsGloEVuO+qLTEq+6cgo656MKEwCcw9yffeJEWdpL+aQbI5HNkHeo6n5WnySKd8MHWLzRfj2hoIdEA"
            "XhyiF3zz4kSfYsRJPVdC5ulRZ89nWKYTRs6DrwF14XMfMayL9r+eRXjk/yeyklwsfznFiLOVnoXsKXJUY8apfIpx"
            "CZL6bLJD4IXgQ2ghkwje/5hotMP35QAPgBX64sLy/EuuU4+mLjZQztiaaDoB3tPW3cA3KyPX9wUl1ysDUALTZJEi"
            "cI4jUptorrcUmoAFLHUbCWkCAQM="
        ),
        formats=frozenset({"luna-pkc"}),
        source="https://thalesdocs.com/gphsm/luna/7/docs/network/Content/admin_partition/confirm/confirm_hsm.htm",
        note="2002-01-01 to 2032-01-01; certificates 804500000007 and 80450000000D; RSA keys",
    ),
    VendorAnchor(
        name="SafeNet ECC Manufacturer Integrity Module",
        # SHA-256 9ce6c272050d813428e7b7a6754143690128b823151671efc5e29ca1321c6804
        key=base64.b64decode(
            "MHYwEAYHKoZIzj0CAQYFK4EEACIDYgAEY4hhhatC4xJx8QCpcx/uC7TmcGDM7fdXdEQicWmlOG7SUKc8djjLgRSh"
            "Ua4WLqfZJf/C92AjtY8UXp5+PEQmr5GzdVw+mg5JYo94xaLxBubzg8KQaT8Pew/nEH7XnXvm"
        ),
        formats=frozenset({"luna-pkc"}),
        source="https://github.com/ThalesGroup/luna-pkc-validator/blob/main/tests/luna-ecc-root-certificate.pem",
        note="2010-08-12 to 2030-08-12; EC keys",
    ),
)
"""What may attest a Luna module."""
