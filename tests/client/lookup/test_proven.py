# SPDX-License-Identifier: Apache-2.0
"""Entries and statements of histories, out of trees that hash to signed roots."""

from dataclasses import replace

import pytest

from keystead.errors import FetchError, KeysteadError, LogMisbehaviourError, VerificationError
from keystead.index.kinds import IndexKind, Subject
from keystead.lookup.log_index import LogIndex
from keystead.lookup.snapshot import Snapshot
from keystead.statements.payloads import DeviceEvidence
from keystead.tlog.merkle import verify_inclusion
from support.audited_history import AuditedHistory
from support.history import yubikey
from support.indexed_log import IndexedLog

DEVICE = Subject(IndexKind.DEVICE_CERTIFICATES, yubikey(1))
SAID = Subject(IndexKind.DEVICE_STATEMENTS, yubikey(1))


def _indexed(history: AuditedHistory) -> IndexedLog:
    indexed = IndexedLog(history.log)
    indexed.list_all()
    indexed.add_head()
    return indexed


async def _open(indexed: IndexedLog, subject: Subject = DEVICE) -> Snapshot:
    return await LogIndex(indexed.log.trust, indexed, clock=lambda: indexed.log.now_ms).open(subject)


@pytest.fixture
def history() -> AuditedHistory:
    """A precertificate, its certificate, and another one on a device; evidence of both."""
    history = AuditedHistory()
    issued = history.certificate("Alpha AB", serial=1, precertificate=True)
    history.finish(issued)
    history.certificate("Beta GmbH", serial=1, ca=history.south)
    return history


async def test_entries_say_what_they_are_listed_under(history: AuditedHistory) -> None:
    """Both forms of a certificate have one id, the issuing key of each is known, and their proofs can be written."""
    snapshot = await _open(_indexed(history))
    found = await snapshot.history(DEVICE)
    entries = await snapshot.entries(found.entries, DEVICE)
    assert [entry.index for entry in entries] == list(found.entries) == [0, 1, 2]
    ids = [entry.facts.certificate.certificate_id for entry in entries if entry.facts.certificate]
    assert ids[0] == ids[1] != ids[2]
    assert [entry.issuer is None for entry in entries] == [True, False, False]
    tree = snapshot.issuance_tree
    for entry in entries:
        assert Subject(IndexKind.CERTIFICATE_ENTRIES, ids[entry.index]) in entry.subjects
        proof = await tree.inclusion_proof(entry.index)
        verify_inclusion(entry.leaf_hash, entry.index, tree.size, proof, tree.root)


async def test_statements_are_read(history: AuditedHistory) -> None:
    """What is said of a device comes with the entry's bytes, and what it says."""
    snapshot = await _open(_indexed(history), SAID)
    found = await snapshot.history(SAID)
    said = await snapshot.statements(found.entries, SAID)
    assert [type(one.statement) for one in said] == [DeviceEvidence] * 2
    assert [one.raw for one in said] == [history.log.statements.entries[at] for at in found.entries]


async def test_nothing_is_fetched_twice(history: AuditedHistory) -> None:
    """Entries asked for one by one, in any order, cost each tile and bundle once."""
    indexed = _indexed(history)
    snapshot = await _open(indexed)
    indexed.log.requests.clear()
    for at in (2, 0, 1, 2):
        await snapshot.entries([at])
    asked = indexed.log.requests
    assert len(asked) == len(set(asked))
    assert [path for path in asked if "/data/" in path] == ["issuance/tile/data/000.p/3"]


async def test_an_entry_listed_under_what_it_does_not_name(history: AuditedHistory) -> None:
    """The log signed a wrong index: entry and checkpoint are in the error."""
    history.certificate("Gamma Ltd", serial=9)
    indexed = IndexedLog(history.log)
    indexed.list_all()
    indexed.histories[DEVICE].append(3)
    indexed.histories[SAID].append(0)
    indexed.histories[SAID].sort()
    indexed.add_head()
    snapshot = await _open(indexed)
    for subject, read in ((DEVICE, snapshot.entries), (SAID, snapshot.statements)):
        found = await snapshot.history(subject)
        with pytest.raises(LogMisbehaviourError) as caught:
            await read(found.entries, subject)
        assert caught.value.check == "wrong-index"
        assert caught.value.evidence["entry"]


def _altered(path: str, answer: bytes | None) -> bytes | None:
    if answer is not None and ("/data/" in path or "/tile/0/" in path or "/tile/entries/" in path):
        return (
            answer[:20] + bytes([answer[20] ^ 1]) + answer[21:]
        )  # the end may be a fingerprint, which no hash covers
    return answer


@pytest.mark.parametrize(
    ("part", "checks"),
    [
        ("issuance/tile/data/", {"bundle"}),
        ("issuance/tile/0/", {"tile"}),
        ("statements/tile/entries/", {"bundle"}),
        ("statements/tile/0/", {"tile"}),
    ],
)
async def test_an_entry_that_is_not_in_the_tree(history: AuditedHistory, part: str, checks: set[str]) -> None:
    """What does not hash to the signed root is refused."""
    indexed = _indexed(history)
    snapshot = await _open(indexed)
    history.log.hooks.append(lambda path, answer: _altered(path, answer) if path.startswith(part) else answer)
    read = snapshot.entries if part.startswith("issuance") else snapshot.statements
    with pytest.raises(VerificationError) as refused:
        await read([1])
    assert refused.value.check in checks


async def test_a_bundle_that_is_none(history: AuditedHistory) -> None:
    """Garbage where entries should be is named like what does not hash."""
    indexed = _indexed(history)
    snapshot = await _open(indexed)
    history.log.hooks.append(lambda path, answer: b"\xff" if "/data/" in path else answer)
    with pytest.raises(VerificationError) as refused:
        await snapshot.entries([1])
    assert refused.value.check == "bundle"


async def test_an_entry_that_says_that_it_is_another(history: AuditedHistory) -> None:
    """An entry's own index is part of it."""
    with history.one_batch():
        issued = history.certificate("Gamma Ltd", serial=1)
        history.relabel(issued.index, leaf_index=7)
    snapshot = await _open(_indexed(history))
    with pytest.raises(LogMisbehaviourError) as caught:
        await snapshot.entries([issued.index])
    assert caught.value.check == "wrong-leaf-index"


async def test_issuers(history: AuditedHistory) -> None:
    """The certificate id of a certificate rests on its issuer, which must be there, and have issued it."""
    indexed = _indexed(history)
    fingerprint = history.log.issuance.leaves[2].fingerprints[0].hex()
    other = history.log.issuance.leaves[1].fingerprints[0].hex()

    async def refused(instead: bytes | None) -> KeysteadError:
        snapshot = await _open(indexed)
        history.log.hooks[:] = [
            lambda path, answer: instead if path == f"issuance/issuer/{fingerprint}" else answer
        ]
        with pytest.raises(KeysteadError) as caught:
            await snapshot.entries([2])
        return caught.value

    assert isinstance(await refused(None), FetchError)
    altered = await refused(history.log.objects[f"issuance/issuer/{other}"])
    assert isinstance(altered, VerificationError)
    assert altered.check == "issuer-altered"


async def test_a_chain_that_names_another_issuer(history: AuditedHistory) -> None:
    """The leaf's hash does not cover the chain: only who really issued is believed."""
    leaf = history.log.issuance.leaves[2]
    other = history.log.issuance.leaves[1].fingerprints
    history.log.issuance.leaves[2] = replace(leaf, fingerprints=other)
    snapshot = await _open(_indexed(history))
    with pytest.raises(VerificationError):
        await snapshot.entries([2])
    history.log.issuance.leaves[2] = replace(leaf, fingerprints=())
    with pytest.raises(VerificationError) as refused:
        await (await _open(IndexedLog(history.log, {DEVICE: [2]}, _heads(history)))).entries([2])
    assert refused.value.check == "issuer-missing"


def _heads(history: AuditedHistory) -> list[object]:
    indexed = IndexedLog(history.log, {DEVICE: [2]})
    indexed.add_head()
    return indexed.heads  # type: ignore[return-value]
