# SPDX-License-Identifier: Apache-2.0
"""A data tile read by itself: what its entries state, and that nothing in it can stop an audit."""

from dataclasses import replace
from hashlib import sha256

from hypothesis import given
from hypothesis import strategies as st

from keystead.audit.chains import Chains
from keystead.audit.issuance import TileJob, TileResult, read_data_tile
from keystead.certificate.x509 import parse_certificate
from keystead.ct.tile_leaf import TileLeaf, encode_data_tile
from support.audited_history import small_history
from support.fuzzing import FUZZ, damaged
from support.history import yubikey

HISTORY = small_history()
LEAVES = HISTORY.log.issuance.leaves
TILE = encode_data_tile(LEAVES)
ISSUERS = {sha256(der).digest(): der for der in HISTORY.log.objects.values()}


def read(*leaves: TileLeaf, issuers: dict[bytes, bytes] | None = ISSUERS) -> TileResult:
    """Read a tile of these leaves."""
    return read_data_tile(TileJob(0, encode_data_tile(leaves), len(leaves), len(leaves), issuers))


def test_what_entries_state() -> None:
    """Facts are what the certificates say; precertificate and certificate have one id."""
    result = read(*LEAVES)
    assert not result.flaws
    assert not result.error
    alpha, beta, finished, gamma, delta = result.facts
    assert [one.final for one in result.facts] == [True, False, True, True, True]
    assert beta.certificate_id == finished.certificate_id != alpha.certificate_id
    assert beta.fingerprint is None
    assert finished.fingerprint == sha256(LEAVES[2].entry.signed).digest()
    assert alpha.devices == yubikey(1)
    assert gamma.named is not None
    assert (delta.extended, delta.named, delta.devices) == (False, None, b"")
    certificate = parse_certificate(LEAVES[0].entry.signed)
    assert alpha.key_hash == certificate.key_hash
    assert alpha.issuer_key_hash == HISTORY.north.issuer_key_hash
    assert alpha.size == len(certificate.der) + len(HISTORY.north.intermediate_der)
    assert result.hashes == b"".join(leaf.entry.leaf_hash() for leaf in LEAVES)


def test_hashing_alone() -> None:
    """Without issuers a tile is hashed, and nothing of what it says is looked at but places and times."""
    job = TileJob(7, TILE, len(LEAVES), len(LEAVES), None)
    result = read_data_tile(job)
    assert (result.facts, {flaw.code for flaw in result.flaws}) == ((), {"wrong-leaf-index"})
    assert result.hashes == read(*LEAVES).hashes


def test_a_tile_that_grew_meanwhile() -> None:
    """Of a tile that holds more than the tree has, the tree's entries are read."""
    result = read_data_tile(TileJob(0, TILE, len(LEAVES), 2, ISSUERS))
    assert len(result.facts) == len(result.times) == 2
    assert len(result.hashes) == 64


def test_missing_issuers() -> None:
    """Without its issuer an entry is not accused; what does not depend on it is known."""
    alpha, beta = read(LEAVES[0], replace_index(LEAVES[1], 1), issuers={}).facts
    assert not read(LEAVES[0], issuers={}).flaws
    assert alpha.certificate_id is None
    assert alpha.key_hash is not None
    assert beta.certificate_id is not None, "a precertificate's entry names the issuing key itself"


def replace_index(leaf: TileLeaf, index: int) -> TileLeaf:
    """The leaf at another place."""
    return replace(leaf, entry=replace(leaf.entry, leaf_index=index))


def test_entries_too_large_for_a_bundle() -> None:
    """An entry that no entry bundle could hold was not to be admitted."""
    entry = replace(LEAVES[0].entry, signed=bytes(65_535))
    codes = [flaw.code for flaw in read(replace(LEAVES[0], entry=entry)).flaws]
    assert codes == ["entry-too-large", "certificate-malformed"]


@FUZZ
@given(damaged(TILE), st.booleans())
def test_any_tile(data: bytes, full: bool) -> None:
    """Whatever a tile holds: a result, in which every flaw is of an entry of the tile."""
    result = read_data_tile(TileJob(0, data, len(LEAVES), len(LEAVES), ISSUERS if full else None))
    assert bool(result.hashes) != bool(result.error)
    assert all(0 <= flaw.at < len(LEAVES) and flaw.code and flaw.sentence for flaw in result.flaws)


@FUZZ
@given(st.integers(0, 4), st.data())
def test_any_certificate(index: int, data: st.DataObject) -> None:
    """A damaged certificate in a leaf that is well formed: found, but for what the signature does not cover."""
    leaf = LEAVES[index]
    original = leaf.precertificate or leaf.entry.signed
    der = data.draw(damaged(original))
    if not der:
        return
    changed = (
        replace(leaf, precertificate=der)
        if leaf.precertificate
        else replace(leaf, entry=replace(leaf.entry, signed=der))
    )
    result = read_data_tile(TileJob(index, encode_data_tile([changed]), 1, 1, ISSUERS))
    assert bool(result.flaws) == (der != original)


def test_chains_are_judged_once() -> None:
    """A verdict is remembered, unless a certificate of the chain was missing; chains that hold nothing have a code."""
    chains = Chains(capacity=2)
    chain = b"".join(LEAVES[0].fingerprints)
    assert chains.judge(chain, {}).issuer is None
    known = chains.judge(chain, ISSUERS)
    assert (known.code, known.size) == ("", len(HISTORY.north.intermediate_der))
    assert chains.judge(chain, ISSUERS) is known
    assert chains.judge(chain, {}).issuer is None, "the verdict must not depend on what was seen before"
    assert chains.judge(b"", ISSUERS).code == "chain-empty"
    assert chains.judge(chain[:32] * 11, ISSUERS).code == "chain-too-long"
    other = b"".join(LEAVES[1].fingerprints)
    assert chains.judge(chain[:32] + other[32:], ISSUERS).code == "issuer-name"
    junk = sha256(b"junk").digest()
    assert chains.judge(chain[:32] + junk, {**ISSUERS, junk: b"junk"}).code == "chain-malformed"
    assert chains.judge(other, ISSUERS).code == ""
    assert chains.judge(chain, ISSUERS) is not known, "the least recently used verdict was forgotten"
