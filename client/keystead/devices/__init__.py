# SPDX-License-Identifier: Apache-2.0
"""Attestation evidence of hardware crypto modules, verified offline into device identities.

Usable with or without a log. With a test vendor's device in place of a real one:

>>> from keystead.testvendor import TestVendor
>>> vendor = TestVendor("example")
>>> key = vendor.yubikey(28557046).generate("9c").spki
>>> evidence = vendor.yubikey(28557046).attest(key, "9c")

what files hold becomes evidence, and evidence becomes identities:

>>> from keystead.devices.collect import collect
>>> from keystead.devices.verify import require_key, verify_evidence
>>> files = {"attestation.der": evidence.data, "f9.der": evidence.chain[0]}
>>> (piece,) = collect(files, vendor.anchors()).pieces
>>> attestation = verify_evidence(piece.evidence, vendor.anchors())
>>> require_key(attestation, key)
>>> [(one.scheme, one.value) for one in attestation.identities]
[('yubico-piv-serial', '28557046')]

Without anchors, both functions go by the vendors' keys that ship with the package. `evidence` is the canonical
encoding, `collect` makes it, `verify` verifies it under the keys of `anchors`, `result` says what was proven;
each format is a module (`yubikey_piv`).
"""
