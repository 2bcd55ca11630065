# SPDX-License-Identifier: Apache-2.0
"""Google's root for the modules of Cloud HSM: it owns them, and others make them."""

import base64

from keystead.devices.vendor_anchor import VendorAnchor

__all__ = ["GOOGLE"]

GOOGLE = (
    VendorAnchor(
        name="Hawksbill Root v1 prod",
        # SHA-256 11fa0c80423f28ee497a189bed4f7043629be7a7642d20eee9347a73c1ff46e8
        key=base64.b64decode(
            "MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEArC6oYokhoHCS37COw5NNJjjbpaJfax5tqGwsg9ZbmvgC"
            "oPiwFvtc2rmbuYtNvBUm4A5PL7UgQxwxfl7BZ6k2yBlewrWotpZ2kHtVFU1TFhDwYtXYmBnHng6yaSaj89ml03CI"
            "IaxiEnsqviAuM9ubkKexvw/AEXrCmKmMTTanH2ZTCJNLOhIeGj8rwl2LS5fUFw9Bgyep8+DZgvhcN9QeXeSoPVl8"
            "Q2TmAtc1OfSV23ccc3gvxCaNZNQB4IbaPyfHnb0yJeTUNGoThyqFGc4YQ0bFQYqBZsplbsGhznF01LB3tzU5Dcni"
            "yH6BabEEOF3B/ZIzuu2F05HQlnjWMPxWGQIDAQAB"
        ),
        formats=frozenset({"marvell"}),
        cloud=True,
        source="https://www.gstatic.com/cloudhsm/roots/global_1498867200.pem",
        note="2017-07-01 to 2030-01-01; Cloud HSM's certificates of partitions",
    ),
)
"""What may say that a LiquidSecurity module is Google's."""
