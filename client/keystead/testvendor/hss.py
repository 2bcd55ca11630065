# SPDX-License-Identifier: Apache-2.0
"""HSS/LMS keys of test modules (RFC 8554): small trees, reproducible from a seed.

A real key must never use a leaf twice. A test key does: the leaf follows from the message, so that a message
has one signature. It protects nothing.
"""

from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256

from keystead.devices.hss import HSS_ALGORITHM
from keystead.encoding.der import BIT_STRING, OCTET_STRING, SEQUENCE, encode
from keystead.encoding.tls import uint16, uint32
from keystead.testvendor.keys import derive_bytes

__all__ = ["HssSigningKey"]

_HEIGHT, _TREE_TYPE = 5, 5  # LMS_SHA256_M32_H5
_WIDTH, _CHAINS, _SHIFT, _ONE_TIME_TYPE = 4, 67, 4, 3  # LMOTS_SHA256_N32_W4
_LEAVES = 1 << _HEIGHT


def _hash(*parts: bytes) -> bytes:
    return sha256(b"".join(parts)).digest()


@dataclass(frozen=True)
class _Tree:
    """One LMS key: thirty-two one-time keys."""

    seed: bytes

    @cached_property
    def identifier(self) -> bytes:
        return derive_bytes(self.seed, "identifier", 16)

    def secret(self, leaf: int, chain: int) -> bytes:
        return derive_bytes(self.seed, f"{leaf}/{chain}")

    def advance(self, leaf: int, chain: int, value: bytes, start: int, end: int) -> bytes:
        """The value of a chain after the steps from `start` to `end`."""
        for step in range(start, end):
            value = _hash(self.identifier, uint32(leaf), uint16(chain), bytes((step,)), value)
        return value

    @cached_property
    def nodes(self) -> dict[int, bytes]:
        """Every node by its number; 1 is the root."""
        nodes: dict[int, bytes] = {}
        for leaf in range(_LEAVES):
            ends = [self.advance(leaf, chain, self.secret(leaf, chain), 0, 15) for chain in range(_CHAINS)]
            key = _hash(self.identifier, uint32(leaf), b"\x80\x80", *ends)
            nodes[_LEAVES + leaf] = _hash(self.identifier, uint32(_LEAVES + leaf), b"\x82\x82", key)
        for node in range(_LEAVES - 1, 0, -1):
            pair = nodes[2 * node], nodes[2 * node + 1]
            nodes[node] = _hash(self.identifier, uint32(node), b"\x83\x83", *pair)
        return nodes

    @property
    def public_key(self) -> bytes:
        return uint32(_TREE_TYPE) + uint32(_ONE_TIME_TYPE) + self.identifier + self.nodes[1]

    def sign(self, message: bytes) -> bytes:
        leaf = sha256(message).digest()[0] % _LEAVES
        randomizer = derive_bytes(self.seed, "randomizer/" + sha256(message).hexdigest())
        digest = _hash(self.identifier, uint32(leaf), b"\x81\x81", randomizer, message)
        digits = [digit for octet in digest for digit in (octet >> 4, octet & 15)]
        checksum = sum(15 - digit for digit in digits) << _SHIFT
        digits += [checksum >> shift & 15 for shift in (12, 8, 4)]
        chains = [
            self.advance(leaf, chain, self.secret(leaf, chain), 0, digit)
            for chain, digit in enumerate(digits)
        ]
        path = [self.nodes[(_LEAVES + leaf >> level) ^ 1] for level in range(_HEIGHT)]
        kind = uint32(_ONE_TIME_TYPE)
        return b"".join((uint32(leaf), kind, randomizer, *chains, uint32(_TREE_TYPE), *path))


@dataclass(frozen=True)
class HssSigningKey:
    """A key of several levels; the trees below the top one are all known beforehand.

    Attributes:
        seed: what it follows from.
        levels: 1 to 8.
        algorithm: DER of the AlgorithmIdentifier of keys and signatures.
    """

    seed: bytes
    levels: int = 2
    algorithm: bytes = HSS_ALGORITHM

    @cached_property
    def _trees(self) -> list[_Tree]:
        return [_Tree(derive_bytes(self.seed, f"level {level}")) for level in range(self.levels)]

    @property
    def spki(self) -> bytes:
        """DER of the SubjectPublicKeyInfo."""
        key = uint32(self.levels) + self._trees[0].public_key
        return encode(SEQUENCE, HSS_ALGORITHM, encode(BIT_STRING, b"\0", encode(OCTET_STRING, key)))

    def sign(self, message: bytes) -> bytes:
        """The signature as it stands in a BIT STRING."""
        parts = [uint32(self.levels - 1)]
        for above, below in zip(self._trees, self._trees[1:], strict=False):
            parts += [above.sign(below.public_key), below.public_key]
        return b"".join((*parts, self._trees[-1].sign(message)))
