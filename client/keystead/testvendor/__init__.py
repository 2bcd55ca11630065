# SPDX-License-Identifier: Apache-2.0
"""Test authorities and test vendors: certificates and attestation evidence that look real and prove nothing.

The demonstration and the tests use them; no server accepts their roots unless its operator lists them.
`ca` issues code-signing certificates, `vendor` makes devices that attest keys, `refusals` makes evidence that
must be refused and says why.
"""

from keystead.testvendor.ca import TestCertificateAuthority
from keystead.testvendor.vendor import TestVendor

__all__ = ["TestCertificateAuthority", "TestVendor"]
