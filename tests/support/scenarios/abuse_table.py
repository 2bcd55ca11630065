# SPDX-License-Identifier: Apache-2.0
"""Which scenarios tell which kind of abuse, and which its near misses: what a monitor must find, and must not.

A row names the scenarios that begin with its texts; every row has at least one.
"""

ABUSE: dict[str, tuple[str, ...]] = {
    "a token that was leaked or sold, with certificates that overlap": ("A: a token of one company",),
    "the same without overlap, the first one revoked or expired": (
        "B: one after the other",
        "B: the first one",
    ),
    "a reseller's device under five subscribers at three CAs, without an audit": (
        "C: a reseller's token",
        "C: a reseller's HSM",
    ),
    "the same with a qualifying audit": ("D: covered from the beginning",),
    "the same with an audit that lapsed": ("D: the audit lapsed",),
    "the same with SOC 2 only": ("D: SOC 2",),
    "a cloud's card under 300 subscribers": ("E: a cloud card with 300 subscribers",),
    "one company at several CAs in several spellings": (
        "F: one registration number",
        "F: one name at two CAs",
    ),
    "two modules of one world": ("G: two modules", "the world and its modules"),
    "evidence for another key": ("H: an attestation replayed",),
    "an attestation key that was swapped, made or imported": ("H: f9 was swapped",),
    "a key that was imported into the device": ("H: a key that was imported",),
    "a statement of a kind that proves nothing": ("H: everything that is no evidence",),
    "another serial number than the evidence proves": ("H: a statement that names another device",),
    "an attestation key shared by a batch": ("I: two subscribers with a token each",),
    "equal numbers in two schemes": ("equal numbers of a YubiKey",),
    "one attested key for two subscribers": ("J: one key certified",),
    "a CA that omits or garbles the serial number": (
        "K: a CA garbles",
        "K: an eToken that two CAs vouch for",
    ),
}

NEAR_MISSES: dict[str, tuple[str, ...]] = {
    "the same number in a YubiHSM and a YubiKey": ("equal numbers of a YubiKey",),
    "a shared f9": ("I: two subscribers with a token each",),
    "a cluster listed in one certificate": ("a cluster listed in one certificate",),
    "an audit by SOC 2 only": ("D: SOC 2",),
    "a device enrolled after issuance": ("D: the operator enrols later", "D: before the operator enrols"),
    "an operator key that is not the audited one": ("an audit that names another operator key",),
    "an audit period over a year": ("an audited period of more than a year",),
    "a service that someone tries to take over": ("a service that somebody tries to take over",),
    "a competitor's device enrolled": (
        "a competitor's device enrolled",
        "a stranger who enrols a device first",
    ),
    "an eToken without attestation enrolled twice": ("K: an eToken without attestation enrolled twice",),
    "a transfer between": ("transfer between:", "transfer between, stated before"),
    "a revocation dated back": ("a revocation that is dated back",),
    "notIssued and then issued": ("notIssued is void", "… and looking back"),
    "three spellings with one registration number": ("three spellings with one registration number",),
    "one name in two states": ("one name in two states",),
    "a cloud card with 300 subscribers and one bare claim of it": ("E: a cloud card with 300 subscribers",),
}
