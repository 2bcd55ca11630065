# SPDX-License-Identifier: Apache-2.0
"""Test LiquidSecurity modules are shaped like real ones: attribute by attribute as in the published statement."""

from pathlib import Path

import pytest

from keystead.certificate.x509 import certificates_from_pem
from keystead.devices.collect import collect
from keystead.devices.marvell.statement import KeyObject, parse_statement
from keystead.devices.verify import verify_evidence
from keystead.errors import EvidenceError
from keystead.testvendor import TestVendor
from support.attestation_samples import der_of
from support.certificate_shape import shape

VENDOR = TestVendor("test marvell shapes")
_SAME_VALUE = {0x0, 0x1, 0x2, 0x3, 0x86, 0x100, 0x121, 0x161, 0x1000} | {*range(0x103, 0x10D)}


def outline(half: KeyObject) -> object:
    """What two objects of one class have in common: types, their order and lengths, and every plain value."""
    return [
        (kind, value if kind in _SAME_VALUE or len(value) == 1 else len(value))
        for kind, value in half.attributes.items()
    ]


@pytest.mark.samples
def test_statements_are_shaped_like_the_real_one(samples: Path) -> None:
    """Header, both objects and all three certificates; the owner's root has a name of its own."""
    folder = samples / "attestation" / "gcp-cloudhsm-marvell"
    (piece,) = collect({name: (folder / name).read_bytes() for name in ("ec.dat", "ec.certs")}).pieces
    real = piece.evidence
    made = VENDOR.marvell("5.2G1804-ICM000678").attest(verify_evidence(real).key)
    assert made.data[:40] == real.data[:40]
    assert len(made.data) == len(real.data)
    ours, theirs = parse_statement(made.data), parse_statement(real.data)
    for half in ("public", "private"):
        assert outline(getattr(ours, half)) == outline(getattr(theirs, half)), half
        assert getattr(ours, half).handle == getattr(theirs, half).handle
    for place, (mine, other) in enumerate(zip(made.chain, real.chain, strict=True)):
        # Dates differ by when a device was made.
        assert undated(shape(mine, issuer=place == 0)) == undated(shape(other, issuer=place == 0)), place


def undated(certificate: object) -> object:
    """A certificate's shape without its dates."""
    tag, fields, rest = certificate  # type: ignore[misc]
    return (tag, [one for one in fields if not (isinstance(one, tuple) and _is_validity(one))], rest)


def _is_validity(field: tuple[object, ...]) -> bool:
    return (
        isinstance(field[1], list) and len(field[1]) == 2 and all(one[0] in {0x17, 0x18} for one in field[1])
    )


@pytest.mark.samples
def test_roots_are_shaped_like_the_real_ones(samples: Path) -> None:
    """Versions and extensions; their names say that they are test roots."""
    folder = samples / "attestation"
    maker = VENDOR.marvell("x").maker
    pem = (folder / "gcp-cloudhsm-marvell" / "ec.certs").read_bytes()
    assert der_of(folder / "vendor-roots/google/hawksbill-root-v1-prod.pem") in certificates_from_pem(pem)
    for label, file in (
        ("root", "marvell/liquidsecurity1-2015.pem"),
        ("owner", "google/hawksbill-root-v1-prod.pem"),
    ):
        real = der_of(folder / "vendor-roots" / file)
        made = maker.root_der(label)
        assert undated(shape(made, issuer=False, subject=False)) == undated(
            shape(real, issuer=False, subject=False)
        )
        assert b"eystead" in made


def test_modules_are_reproducible_and_have_keys_of_their_own() -> None:
    """The same seed gives the same evidence; no two partitions share a key."""
    vendor = TestVendor("test marvell", "ec-p256")
    one, other = vendor.marvell("a"), vendor.marvell("a", partition=2)
    key = one.generate().spki
    assert one.attest(key) == TestVendor("test marvell", "ec-p256").marvell("a").attest(key)
    assert one.key.spki != other.key.spki
    assert one.card_key.spki == other.card_key.spki
    with pytest.raises(EvidenceError):
        verify_evidence(one.attest(key))
