# SPDX-License-Identifier: Apache-2.0
"""Signed statements: what parties say about services, devices and certificates, and their right to say it.

Pure: bytes and values in and out. From the bytes up: `statement_key` and `dsse` (the envelope and its
signature), `entry` (what the statement log stores), `members` (closed JSON objects), `statement` and `kinds`
(what each kind says, one module a kind), `payloads` (the registry of kinds), `policy` and `policy_history`
(who is recognized, and when), `qualification` and `services` (signing services, their audits, keys and devices
in time), `view` and `rights` (may this signer say this, now).
"""
