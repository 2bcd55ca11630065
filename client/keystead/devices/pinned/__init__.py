# SPDX-License-Identifier: Apache-2.0
"""The vendors' public keys that ship with Keystead, one module a vendor.

Public keys, names and digests are facts that vendors publish; fetch the certificates again from the address
beside each key, and compare the digest, before you rely on this table.
"""
