# SPDX-License-Identifier: Apache-2.0
"""Test Security Worlds: the keys that modules of one world share, and what the officers' key signs of them."""

from dataclasses import dataclass
from functools import cached_property

from keystead.testvendor.dsa import DsaKey, derive_dsa_key
from keystead.testvendor.keys import derive_bytes
from keystead.testvendor.nshield_messages import dsa_key_data, key_hash, key_hash_ex, sign_dsa

__all__ = ["TestSecurityWorld"]

_SUITE = "DLf3072s256mAEScSP800131Ar1"


@dataclass(frozen=True)
class TestSecurityWorld:
    """A Security World: its officers' key, and hashes of its other keys.

    Attributes:
        seed: all of them follow from it.
        name: worlds of one name are one.
        fips: it was made to run at FIPS 140 level 3.
        suite: its cipher suite.
    """

    __test__ = False

    seed: bytes
    name: str
    fips: bool = False
    suite: str = _SUITE

    @cached_property
    def officer_key(self) -> DsaKey:
        """KNSO."""
        return derive_dsa_key(self.seed, f"nshield/world/{self.name}")

    @cached_property
    def hknso(self) -> bytes:
        """The hash of KNSO, which names the world."""
        return key_hash(dsa_key_data(self.officer_key))

    def hash_of(self, name: str) -> bytes:
        """HKM, HKMC, HKRE, HKRA or HKFIPS: 20 bytes."""
        return derive_bytes(self.seed, f"nshield/world/{self.name}/{name}", 20)

    def members(self, hkm: bytes, officer_key: DsaKey | None = None) -> dict[str, bytes]:
        """The certificates of the world in a bundle, and the hashes in them."""
        key = officer_key or self.officer_key
        hkmc, hkre, hkra, hkfips = map(self.hash_of, ("hkmc", "hkre", "hkra", "hkfips"))
        if self.fips:
            name, label = "CertKMaKMCaKFIPSbKNSO", f"Module setup, FIPS3; suite = {self.suite}\0"
            message = label.encode() + self.hknso + hkm + hkmc + hkfips
        else:
            name, label = "CertKMaKMCbKNSO", f"Module keys: suite = {self.suite}\0"
            message = label.encode() + self.hknso + hkm + hkmc
        return {
            name: sign_dsa(key, message),
            "CertKREaKRAbKNSO": sign_dsa(key, b"Card Recovery\0" + self.hknso + hkre + hkra),
            "hkre": key_hash_ex(hkre),
            "hkra": key_hash_ex(hkra),
            **({"hkfips": key_hash_ex(hkfips)} if self.fips else {}),
            "hkmc": key_hash_ex(hkmc),
            "hkm": key_hash_ex(hkm),
            "knsopub": dsa_key_data(self.officer_key),
        }
