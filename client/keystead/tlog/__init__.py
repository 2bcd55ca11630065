# SPDX-License-Identifier: Apache-2.0
"""Transparency-log formats: the Merkle tree of RFC 6962 and what C2SP builds on it.

One module a specification: `merkle` (RFC 6962 section 2.1), `tiles` (tlog-tiles), `note` (signed-note),
`checkpoint` (tlog-checkpoint, with the tree heads of static-ct-api), `cosignature` (tlog-cosignature) and
`proof` (tlog-proof). `digitally_signed` is the TLS signature that tree heads and SCTs share.

All of it is pure: bytes and values in and out. What verifies raises, and what parses is strict.
"""
