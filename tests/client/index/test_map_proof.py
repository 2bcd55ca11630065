# SPDX-License-Identifier: Apache-2.0
"""Proofs of presence and absence: what holds verifies, and nothing else does."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keystead.errors import ProofError
from keystead.index.map_build import build_map
from keystead.index.map_hash import EMPTY_MAP
from keystead.index.map_nodes import EMPTY, memory_nodes
from keystead.index.map_proof import verify_absence, verify_presence
from keystead.index.map_prove import prove
from support.map_model import keys_that_share, some_value

_KEY, _OTHER, _VALUE = b"\x05" * 32, b"\x06" * 32, b"\x07" * 40


@pytest.mark.parametrize("seed", range(10))
def test_what_is_there_and_what_is_not(seed: int) -> None:
    """Every key of a map has a proof of presence that verifies, every other key one of absence."""
    chance = random.Random(seed)
    keys = keys_that_share(chance, 60)
    content = {key: some_value(chance) for key in keys[:40]}
    nodes = memory_nodes()
    version = build_map(nodes, sorted(content.items()))
    for key in keys:
        found = prove(nodes, version.top, key)
        assert found.value == content.get(key)
        if found.value is not None:
            verify_presence(key, found.value, found.proof, version.root)
            with pytest.raises(ProofError):
                verify_absence(key, found.proof, version.root)
            with pytest.raises(ProofError):
                verify_presence(key, bytes(40), found.proof, version.root)
        else:
            verify_absence(key, found.proof, version.root)
            with pytest.raises(ProofError):
                verify_presence(key, bytes(40), found.proof, version.root)


@pytest.mark.parametrize("seed", range(4))
def test_every_bit_counts(seed: int) -> None:
    """A proof with any bit flipped, cut short or made longer is refused."""
    chance = random.Random(seed)
    keys = keys_that_share(chance, 12)
    content = {key: some_value(chance) for key in keys[:11]}
    nodes = memory_nodes()
    version = build_map(nodes, sorted(content.items()))
    for key in (keys[0], keys[11]):
        found = prove(nodes, version.top, key)

        def verify(proof: bytes, key: bytes = key, value: bytes | None = found.value) -> None:
            if value is None:
                verify_absence(key, proof, version.root)
            else:
                verify_presence(key, value, proof, version.root)

        verify(found.proof)
        wrong = [found.proof[:-1], found.proof + b"\x00", found.proof[33:], found.proof + found.proof[-33:]]
        for position in range(len(found.proof)):
            altered = bytearray(found.proof)
            altered[position] ^= 1 << chance.randrange(8)
            wrong.append(bytes(altered))
        for proof in wrong:
            with pytest.raises(ProofError):
                verify(proof)


def test_an_empty_map_lacks_every_key() -> None:
    """And the empty proof says so of no other map."""
    found = prove(memory_nodes(), EMPTY, _KEY)
    assert (found.value, found.proof) == (None, b"")
    verify_absence(_KEY, b"", EMPTY_MAP)
    nodes = memory_nodes()
    version = build_map(nodes, [(_KEY, _VALUE)])
    with pytest.raises(ProofError, match="not empty"):
        verify_absence(_OTHER, b"", version.root)


def test_a_map_of_one_key() -> None:
    """Presence needs no path; absence shows the one leaf."""
    nodes = memory_nodes()
    version = build_map(nodes, [(_KEY, _VALUE)])
    assert prove(nodes, version.top, _KEY).proof == b""
    verify_presence(_KEY, _VALUE, b"", version.root)
    found = prove(nodes, version.top, _OTHER)
    assert found.proof == b"\x20" + _KEY + b"\x28" + _VALUE
    verify_absence(_OTHER, found.proof, version.root)


@pytest.mark.parametrize(
    ("key", "value"), [(_KEY[:-1], _VALUE), (_KEY, _VALUE[:-1]), (_KEY + b"\x00", _VALUE), (b"", b"")]
)
def test_sizes_are_fixed(key: bytes, value: bytes) -> None:
    """A key or value of another length is none, so no bytes can move from one to the other."""
    with pytest.raises(ProofError):
        verify_presence(key, value, b"", EMPTY_MAP)


def test_a_bit_has_one_spelling() -> None:
    """A bit below 128 in two bytes, and one above 255, are refused."""
    nodes = memory_nodes()
    low, high = bytes(32), b"\x40" + bytes(31)
    version = build_map(nodes, [(low, _VALUE), (high, _VALUE)])
    proof = prove(nodes, version.top, low).proof
    assert proof[0] == 1
    for spelled in (b"\x81\x00", b"\x81\x02", b"\x81"):
        with pytest.raises(ProofError, match="shortest"):
            verify_presence(low, _VALUE, spelled + proof[1:], version.root)


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=400), st.sampled_from([_KEY, _OTHER, b""]))
def test_nothing_but_proof_errors(proof: bytes, key: bytes) -> None:
    """Whatever bytes are given as a proof, the answer is a `ProofError`."""
    with pytest.raises(ProofError):
        verify_presence(key, _VALUE, proof, bytes(32))
    with pytest.raises(ProofError):
        verify_absence(key, proof, bytes(32))
    with pytest.raises(ProofError):
        verify_absence(key, b"\x20" + _KEY + b"\x28" + _VALUE + proof, bytes(32))
