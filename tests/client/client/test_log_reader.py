# SPDX-License-Identifier: Apache-2.0
"""Reading a log with proof: honest logs of many sizes, and logs that lie."""

import random
from collections.abc import Callable

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from keystead.client.log_reader import LogReader, check_extends
from keystead.client.verified_tree import DATA_TILES, ENTRY_BUNDLES, VerifiedTree
from keystead.errors import FetchError, LogMisbehaviourError, ParseError, ProofError, SignatureError
from keystead.tlog.cosignature import cosignature_vkey, sign_cosignature
from keystead.tlog.merkle import hash_leaf, verify_consistency, verify_inclusion
from keystead.tlog.note import SignedNote, parse_note
from keystead.tlog.policy import parse_policy
from support.memory_log import MemoryLog

_SIZES = [0, 1, 2, 255, 256, 257, 511, 512, 700, 65_536, 65_537, 66_000]


def _log(size: int) -> MemoryLog:
    log = MemoryLog()
    for index in range(size):
        log.add_statement_entry(b"entry %d" % index)
    log.publish()
    return log


def _reader(log: MemoryLog, prefix: str = "statements") -> LogReader:
    return LogReader(log, prefix, getattr(log.trust, prefix).key)


async def _tree(log: MemoryLog) -> VerifiedTree:
    reader = _reader(log)
    return reader.tree(await reader.checkpoint())


def _replace(
    wanted: str, change: Callable[[bytes], bytes | None]
) -> Callable[[str, bytes | None], bytes | None]:
    def hook(path: str, answer: bytes | None) -> bytes | None:
        return change(answer) if path == wanted and answer is not None else answer

    return hook


async def _read(tree: VerifiedTree, start: int = 0, end: int | None = None) -> list[bytes]:
    found: list[bytes] = []
    async for bundle in tree.bundles(ENTRY_BUNDLES, start, end):
        assert bundle.start == start + len(found)
        assert [hash_leaf(entry) for entry in bundle.entries] == list(bundle.leaf_hashes)
        found += bundle.entries
    return found


@pytest.mark.parametrize("size", _SIZES)
async def test_every_entry_of_a_log_is_read(size: int) -> None:
    """At sizes around the borders of tiles and levels."""
    log = _log(size)

    assert await _read(await _tree(log)) == log.statements.entries


async def test_a_part_is_read_without_the_rest() -> None:
    """Only the bundles that hold it are fetched, and each tile at most once."""
    log = _log(66_000)
    tree = await _tree(log)
    log.requests.clear()

    assert await _read(tree, 300, 800) == log.statements.entries[300:800]
    assert [path for path in log.requests if "entries" in path] == [
        f"statements/tile/entries/00{number}" for number in (1, 2, 3)
    ]
    assert len(log.requests) == len(set(log.requests))


@pytest.mark.parametrize("size", [1, 2, 255, 256, 257, 700, 65_537])
async def test_proofs_from_tiles_verify(size: int) -> None:
    """Inclusion of any leaf, and consistency from any earlier size."""
    log = _log(size)
    tree = await _tree(log)
    picks = random.Random(size)

    for _ in range(12):
        index = picks.randrange(size)
        verify_inclusion(
            await tree.leaf_hash(index), index, size, await tree.inclusion_proof(index), tree.root
        )
        old = picks.randrange(size + 1)
        verify_consistency(old, log.statements.root(old), size, tree.root, await tree.consistency_proof(old))


async def test_data_tiles_are_read_with_what_the_leaf_leaves_out() -> None:
    """The issuance log's bundles are data tiles; its checkpoint bears two signatures and a time."""
    log = MemoryLog()
    for index in range(300):
        log.add_leaf(b"\x30%d" % index, [bytes(32)])
    log.publish()
    reader = _reader(log, "issuance")
    checkpoint = await reader.checkpoint()

    leaves = [
        leaf async for bundle in reader.tree(checkpoint).bundles(DATA_TILES, 0) for leaf in bundle.entries
    ]

    assert leaves == log.issuance.leaves
    assert checkpoint.timestamp == log.now_ms - 1


async def test_a_partial_tile_that_is_gone_is_found_in_the_full_one() -> None:
    """A log may delete partial tiles once the full ones are there."""
    log = _log(300)
    reader = _reader(log)
    checkpoint = await reader.checkpoint()
    old = log.fork()
    for index in range(300, 600):
        log.add_statement_entry(b"entry %d" % index)
    log.publish()
    # Level 1 is not full yet, so its partial tile stays.
    log.hooks.append(lambda path, answer: None if path.endswith(".p/44") else answer)

    assert await _read(reader.tree(checkpoint)) == old.statements.entries


@pytest.mark.parametrize(
    "path",
    [
        "statements/tile/entries/000",
        "statements/tile/entries/257.p/208",
        "statements/tile/1/000",
        "statements/tile/0/257.p/208",
        "statements/tile/1/001.p/1",
        "statements/tile/2/000.p/1",
    ],
)
async def test_an_altered_byte_is_noticed(path: str) -> None:
    """In a full or partial bundle, and in a tile of any level; the error keeps what was served."""
    log = _log(66_000)
    log.hooks.append(_replace(path, lambda data: data[:-1] + bytes([data[-1] ^ 1])))

    with pytest.raises(ProofError) as caught:
        await _read(await _tree(log))
    assert caught.value.check in {"tile", "bundle"}
    assert caught.value.evidence["checkpoint"] == log.statements.checkpoint


@pytest.mark.parametrize("path", ["statements/tile/entries/000", "statements/tile/0/001.p/44"])
async def test_a_file_that_is_withheld_is_noticed(path: str) -> None:
    """The checkpoint promises it; the sentence says what is missing."""
    log = _log(300)
    log.hooks.append(_replace(path, lambda data: None))

    with pytest.raises(FetchError, match="which its checkpoint of size 300 promises"):
        await _read(await _tree(log))


@pytest.mark.parametrize("path", ["statements/tile/entries/000", "statements/tile/0/001.p/44"])
async def test_a_file_of_another_length_is_noticed(path: str) -> None:
    """A truncated file is no tile and no bundle."""
    log = _log(300)
    log.hooks.append(_replace(path, lambda data: data[:-3]))

    with pytest.raises(ParseError):
        await _read(await _tree(log))


async def test_a_checkpoint_by_another_key_is_refused() -> None:
    """A signature that is wrong, or not the log's, ends the reading."""
    log = _log(3)
    raw = log.statements.checkpoint
    log.hooks.append(_replace("statements/checkpoint", lambda data: raw.replace(b"\n3\n", b"\n2\n")))

    with pytest.raises(SignatureError):
        await _reader(log).checkpoint()


async def test_a_log_without_a_checkpoint_is_said() -> None:
    """There is nothing to begin with."""
    with pytest.raises(FetchError, match="no checkpoint"):
        await _reader(MemoryLog()).checkpoint()


@pytest.mark.parametrize(("old", "new"), [(0, 0), (0, 5), (3, 3), (3, 300), (256, 700), (300, 301)])
async def test_a_log_that_grows_keeps_what_it_committed_to(old: int, new: int) -> None:
    """No complaint about an honest log."""
    log = _log(old)
    before = await _reader(log).checkpoint()
    for index in range(old, new):
        log.add_statement_entry(b"entry %d" % index)
    log.publish()

    await check_extends(await _tree(log), before)


@pytest.mark.parametrize(("old", "new"), [(3, 3), (3, 300), (300, 700)])
async def test_a_fork_is_proven(old: int, new: int) -> None:
    """Two signed trees that contradict each other come back as evidence, whatever their sizes."""
    log = _log(old - 1)
    other = log.fork()
    log.add_statement_entry(b"for you")
    log.publish()
    before = await _reader(log).checkpoint()
    for index in range(old - 1, new):
        other.add_statement_entry(b"for others %d" % index)
    other.publish()

    with pytest.raises(LogMisbehaviourError) as caught:
        await check_extends(await _tree(other), before)
    assert caught.value.check == "fork"
    assert caught.value.evidence["old_checkpoint"] == log.statements.checkpoint
    assert caught.value.evidence["new_checkpoint"] == other.statements.checkpoint


async def test_a_rollback_is_told() -> None:
    """A log that shows fewer entries than before has taken something back."""
    log = _log(300)
    before = await _reader(log).checkpoint()
    log.statements.sign(log.now_ms, 299)

    with pytest.raises(LogMisbehaviourError, match="shows 299 entries, and it had 300") as caught:
        await check_extends(await _tree(log), before)
    assert caught.value.check == "rollback"


async def test_a_smaller_tree_that_is_another_one_is_a_fork() -> None:
    """As long as the log serves the larger tree, anybody can see that they contradict each other."""
    log = _log(300)
    before = await _reader(log).checkpoint()
    other = _log(10)
    other.statements.entries[3] = b"other"
    other.statements.hashes[3] = hash_leaf(b"other")
    other.publish()
    log.hooks.append(_replace("statements/checkpoint", lambda data: other.statements.checkpoint))
    reader = _reader(log)

    with pytest.raises(LogMisbehaviourError) as caught:
        await check_extends(reader.tree(await reader.checkpoint()), before)
    assert caught.value.check == "fork"


async def test_a_consumer_that_stops_leaves_nothing_running() -> None:
    """Closing the iterator cancels what was fetched ahead."""
    log = _log(3000)
    bundles = (await _tree(log)).bundles(ENTRY_BUNDLES, 0)

    assert (await anext(bundles)).start == 0
    await bundles.aclose()


async def test_a_checkpoint_without_its_quorum_is_not_believed() -> None:
    """Who asks for a witness reads nothing of a log that shows a checkpoint without it, and all of one with it."""
    witness = Ed25519PrivateKey.from_private_bytes(bytes(32))
    name = "witness.example"
    vkey = cosignature_vkey(name, witness.public_key().public_bytes_raw()).encode()
    log = _log(5)
    trust = log.trust.asking_for(parse_policy(f"witness harbour {vkey}\nquorum harbour\n"))
    reader = LogReader(log, "statements", trust.statements.key)

    with pytest.raises(SignatureError, match="missing: harbour") as caught:
        await reader.checkpoint()
    assert caught.value.check == "quorum"

    def cosign(raw: bytes) -> bytes:
        note = parse_note(raw)
        line = sign_cosignature(note.text, name, witness, 1_700_000_000)
        return SignedNote(note.text, (*note.signatures, line)).encode()

    log.hooks.append(_replace("statements/checkpoint", cosign))
    assert await _read(reader.tree(await reader.checkpoint())) == log.statements.entries
