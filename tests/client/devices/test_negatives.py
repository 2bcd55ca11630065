# SPDX-License-Identifier: Apache-2.0
"""Every kind of bad evidence is made for every format, and refused; where a kind cannot exist, it is said why.

A row of `MADE` is a kind of bad evidence. For each format it names the refusal of the test vendor's that shows it (the
format's own tests run all of them), or, behind a dash, why nothing of that kind can be made.
"""

import pytest

from keystead.devices.anchors import AnchorSet, VendorAnchor
from keystead.devices.evidence import Evidence
from keystead.devices.verify import FORMATS, require_key, verify_evidence
from keystead.errors import EvidenceError
from keystead.testvendor import TestVendor
from keystead.testvendor.keys import derive_key
from keystead.testvendor.refusals import Refusal
from support.every_format import every_piece
from support.mutation import flip_bits
from support.refused_evidence import assert_refused_by_name

VENDOR = TestVendor("test negatives", "ec-p256")
ANCHORS = VENDOR.anchors()
GOOD = every_piece(VENDOR)

_ONLY_GENERATED = "- the device attests no key that it did not generate: that there is evidence is the proof"
_NEVER_LEAVES = "- the device attests no key that can leave it: that there is evidence is the proof"
_CERTIFICATE = "- the evidence is a certificate, which holds a public key whatever it says"
_ONE_NAME = "- no other part of the evidence names a device"

MADE: dict[str, dict[str, str]] = {
    "imported key": {
        "yubikey-piv": _ONLY_GENERATED,
        "yubihsm": "the key was imported",
        "luna-pkc": _ONLY_GENERATED,
        "marvell": "the key was imported",
        "fortanix": "the key was imported",
        "nshield": "nothing certifies that the key was generated",
        "primus": "the key was imported",
        "qasm": "the key was not generated in hardware",
        "tpm2-certify": "the key was imported",
        "pkix-evidence": "the key was imported",
        "smartcard-hsm": _ONLY_GENERATED,
    },
    "extractable key": {
        "yubikey-piv": _NEVER_LEAVES,
        "yubihsm": "the key may leave under wrap",
        "luna-pkc": _NEVER_LEAVES,
        "marvell": "the key is extractable",
        "fortanix": "the key is exportable",
        "nshield": "everybody may export-as-plain",
        "primus": "extractable is true",
        "qasm": "the key was extracted",
        "tpm2-certify": "the key may be duplicated",
        "pkix-evidence": "the key is extractable",
        "smartcard-hsm": "- requests say nothing of it: the result says that it is unproven, and logs admit none",
    },
    "swapped intermediate": {
        **dict.fromkeys(FORMATS, "an intermediate is swapped"),
        "nshield": "the warrant is another module's",
    },
    "user-made attestation key": {
        "yubikey-piv": "the user made f9 and its root",
        "yubihsm": "the user made the device certificate",
        "luna-pkc": "the user made the module's certificate",
        "marvell": "the user made the partition's certificate",
        "fortanix": "the user made the authority",
        "nshield": "the user made the warrant",
        "primus": "the attestation key is the user's",
        "qasm": "the user made the attestation key",
        "tpm2-certify": "the attestation key is the user's",
        "pkix-evidence": "the attestation key is the user's",
        "smartcard-hsm": "the device key is the user's",
    },
    "another key's statement": {
        "yubikey-piv": "- the key is in the certificate that is signed: see the comparison of keys below",
        "yubihsm": "- the key is in the certificate that is signed: see the comparison of keys below",
        "luna-pkc": "- the key is in the certificate that is signed: see the comparison of keys below",
        "fortanix": "- the key is in the certificate that is signed: see the comparison of keys below",
        "marvell": "the halves are of two keys",
        "nshield": "another key's certificate is replayed",
        "primus": "another key's statement is replayed",
        "qasm": "another key's signatures are replayed",
        "tpm2-certify": "another key's attestation is replayed",
        "pkix-evidence": "another key's signature is replayed",
        "smartcard-hsm": "another key's signature is replayed",
    },
    "symmetric key": {
        "yubikey-piv": _CERTIFICATE,
        "yubihsm": _CERTIFICATE,
        "luna-pkc": _CERTIFICATE,
        "marvell": "it is about a symmetric key",
        "fortanix": _CERTIFICATE,
        "nshield": "a symmetric key was generated",
        "primus": "the statement is about a symmetric key",
        "qasm": "the key is symmetric",
        "tpm2-certify": "the key is a symmetric one",
        "pkix-evidence": "the key has no public half",
        "smartcard-hsm": "the key is missing",
    },
    "truncated": {
        "yubikey-piv": "the attestation is cut short",
        "yubihsm": "the attestation is cut short",
        "luna-pkc": "the confirmation is cut short",
        "marvell": "the statement is cut short",
        "fortanix": "the statement is cut short",
        "nshield": "the bundle is cut short",
        "primus": "the data is cut short",
        "qasm": "the message is cut short",
        "tpm2-certify": "the data is cut short",
        "pkix-evidence": "the evidence is cut short",
        "smartcard-hsm": "the request is cut short",
    },
    "wrong signature": {
        "yubikey-piv": "the attestation's signature is wrong",
        "yubihsm": "its signature is wrong",
        "luna-pkc": "its signature is wrong",
        "marvell": "its signature is wrong",
        "fortanix": "its signature is wrong",
        "nshield": "the user signed for the key",
        "primus": "the signature is wrong",
        "qasm": "the classical signature is wrong",
        "tpm2-certify": "the attestation was altered",
        "pkix-evidence": "the signature is wrong",
        "smartcard-hsm": "the signature is wrong",
    },
    "unknown anchor": {
        **dict.fromkeys(FORMATS, "the chain is missing"),
        "nshield": "the delegation is missing",
        "qasm": "the issuer is missing",
    },
    "wrong adapter": {
        "yubikey-piv": _ONE_NAME,
        "yubihsm": "the device's name contradicts the attestation",
        "luna-pkc": "the module's name is another's",
        "marvell": "the partition is of another card",
        "fortanix": _ONE_NAME,
        "nshield": "the module state names another module",
        "primus": _ONE_NAME,
        "qasm": _ONE_NAME,
        "tpm2-certify": _ONE_NAME,
        "pkix-evidence": _ONE_NAME,
        "smartcard-hsm": "another device is said to have made it",
    },
    "the root in the chain": {
        **dict.fromkeys(FORMATS, "the root is in the chain"),
        "nshield": "- the root is a point and has no certificate; the chain is empty",
        "qasm": "the root is beside it",
    },
    "a stray certificate in the chain": {
        **dict.fromkeys(FORMATS, "a stray certificate ends the chain"),
        "nshield": "a stray certificate is in the chain",
        "qasm": "a stray certificate is beside it",
    },
}
REFUSALS: dict[str, dict[str, list[Refusal]]] = {}
for _name in FORMATS:
    for _refusal in VENDOR.refusals(_name):
        REFUSALS.setdefault(_name, {}).setdefault(_refusal.name, []).append(_refusal)


@pytest.mark.parametrize("kind", MADE)
def test_every_kind_is_made_for_every_format(kind: str) -> None:
    """A format is in each row, and each of its refusals exists, is of the format, and is refused as it says."""
    assert MADE[kind].keys() == FORMATS.keys()
    for format_name, refusal_name in MADE[kind].items():
        if refusal_name.startswith("- "):
            continue
        made = REFUSALS[format_name].get(refusal_name)
        assert made, f"the test vendor makes no {format_name} of which {refusal_name!r}"
        for refusal in made:
            assert refusal.evidence.format == format_name
            assert_refused_by_name(refusal, ANCHORS)


@pytest.mark.parametrize("format_name", FORMATS)
def test_evidence_about_another_key_is_refused(format_name: str) -> None:
    """Statements are public: whatever the format, a certificate with another key has no evidence in them."""
    attestation = verify_evidence(GOOD[format_name], ANCHORS)
    require_key(attestation, attestation.key)
    with pytest.raises(EvidenceError) as caught:
        require_key(attestation, derive_key(b"test negatives", "another").spki)
    assert caught.value.check == "key-mismatch"


@pytest.mark.parametrize("format_name", FORMATS)
def test_a_strangers_roots_attest_nothing(format_name: str) -> None:
    """The same makers' names and other keys: no path ends there."""
    strangers = TestVendor("a stranger", "ec-p256").anchors()
    renamed = AnchorSet(
        VendorAnchor(f"Stranger {n}", one.key, one.formats) for n, one in enumerate(strangers)
    )
    with pytest.raises(EvidenceError) as caught:
        verify_evidence(GOOD[format_name], renamed)
    assert caught.value.check == "unknown-anchor"


@pytest.mark.parametrize("format_name", FORMATS)
def test_no_beginning_of_evidence_is_evidence(format_name: str) -> None:
    """Data and each certificate, cut short anywhere."""
    good = GOOD[format_name]
    whole = len(good.data.rstrip(b"\n"))  # the tool ends its JSON with one, which means nothing
    for size in range(1, whole, max(1, whole // 200)):
        _assert_refused(Evidence(format_name, good.data[:size], good.chain))
    for place, der in enumerate(good.chain):
        for size in range(1, len(der), max(1, len(der) // 40)):
            chain = (*good.chain[:place], der[:size], *good.chain[place + 1 :])
            _assert_refused(Evidence(format_name, good.data, chain))


def _assert_refused(evidence: Evidence) -> None:
    with pytest.raises(EvidenceError) as caught:
        verify_evidence(evidence, ANCHORS)
    assert caught.value.check


@pytest.mark.parametrize("format_name", ["yubikey-piv", "yubihsm", "luna-pkc", "marvell"])
def test_no_flipped_bit_goes_unnoticed(format_name: str) -> None:
    """Every byte of pieces that are all signed; formats of which parts are not have tests of their own."""
    assert flip_bits(GOOD[format_name], None, 20260501, ANCHORS) == []
