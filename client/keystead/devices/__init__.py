# SPDX-License-Identifier: Apache-2.0
"""Attestation evidence of hardware crypto modules, verified offline into device identities.

Usable with or without a log::

    collection = collect({"attestation.pem": leaf_pem, "f9.pem": f9_pem})
    attestation = verify_evidence(collection.pieces[0].evidence)
    require_key(attestation, certificate_spki)

`evidence` is the canonical encoding, `collect` makes it out of the files that people have, `verify` verifies
it under the keys of `anchors`, `result` says what was proven; each format is a module (`yubikey_piv`).
"""
