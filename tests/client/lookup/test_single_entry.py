# SPDX-License-Identifier: Apache-2.0
"""One entry with its inclusion proof, as RFC 6962 has it, instead of a whole data tile."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given

from keystead.client.http import HTTPFetcher
from keystead.client.log_reader import LogReader
from keystead.client.verified_tree import VerifiedTree
from keystead.ct.leaf import PRECERT_ENTRY, X509_ENTRY, LogEntry
from keystead.encoding.json import decode_json, encode_json
from keystead.encoding.rfc4648 import decode_base64, encode_base64
from keystead.encoding.tls import opaque24
from keystead.errors import FetchError, ParseError, ProofError, VerificationError
from keystead.lookup.proven import EntrySource
from keystead.lookup.single_entry import fetch_entry, parse_entry_and_proof
from keystead.tlog.checkpoint import verify_checkpoint
from keystead.tlog.merkle import make_inclusion_proof
from support.audited_history import AuditedHistory
from support.fuzzing import FUZZ, damaged, only_our_errors
from support.running_log import running_log

Change = Callable[[dict[str, object]], object]


class Speaking:
    """A history's log that answers the call, and may lie in it."""

    def __init__(self, history: AuditedHistory, change: Change = lambda _answer: None) -> None:
        self.history = history
        self.asked: list[str] = []
        self._change = change

    async def get(self, path: str, limit: int = 1 << 30) -> bytes | None:
        self.asked.append(path)
        call, _, query = path.partition("?")
        if call != "issuance/ct/v1/get-entry-and-proof":
            return await self.history.log.get(path, limit)
        index, size = (int(part.partition("=")[2]) for part in query.split("&"))
        tree = self.history.log.issuance
        leaf = tree.leaves[index]
        chain = opaque24(b"".join(opaque24(self._issuer(one)) for one in leaf.fingerprints))
        if leaf.entry.entry_type == PRECERT_ENTRY:
            chain = opaque24(leaf.precertificate) + chain
        answer: dict[str, object] = {
            "leaf_input": encode_base64(leaf.entry.merkle_tree_leaf()),
            "extra_data": encode_base64(chain),
            "audit_path": [encode_base64(one) for one in make_inclusion_proof(index, size, tree.node)],
        }
        changed = self._change(answer)
        return None if changed is False else encode_json(answer)

    def _issuer(self, fingerprint: bytes) -> bytes:
        return self.history.log.objects[f"issuance/issuer/{fingerprint.hex()}"]

    @property
    def tree(self) -> VerifiedTree:
        """The issuance log under its checkpoint."""
        log = self.history.log
        checkpoint = verify_checkpoint(log.issuance.checkpoint, log.trust.issuance.key)
        return VerifiedTree(self, "issuance", checkpoint)

    async def indices(self, *wanted: int) -> list[int]:
        """Entries read by their indices."""
        source = EntrySource(self.history.log.issuance.origin, self)
        tree = self.tree
        found = [entry async for entry in source.read(tree, wanted, None)]
        leaves = self.history.log.issuance.leaves
        assert [entry.leaf for entry in found] == [leaves[index] for index in sorted(wanted)]
        return [entry.index for entry in found]


@pytest.fixture(scope="module")
def history() -> AuditedHistory:
    """Twenty entries, precertificates and certificates."""
    history = AuditedHistory()
    with history.one_batch():
        for number in range(20):
            history.certificate(
                f"Company {number}", serial=number, precertificate=bool(number % 2), evidence=False
            )
    return history


@pytest.mark.parametrize("index", [0, 7, 19])
async def test_an_entry_with_its_proof(history: AuditedHistory, index: int) -> None:
    """What a data tile would have said: the entry, the precertificate, the fingerprints of the chain."""
    log = Speaking(history)
    found = await fetch_entry(log, log.tree, index)
    leaf = history.log.issuance.leaves[index]
    assert found == (leaf, leaf.entry.leaf_hash())


async def test_one_of_many_is_asked_for_alone(history: AuditedHistory) -> None:
    """A sparse history costs its own entries, a dense one the bundle once."""
    log = Speaking(history)
    assert await log.indices(5) == [5]
    assert not [path for path in log.asked if "/tile/" in path]
    log.asked.clear()
    assert await log.indices(*range(20)) == list(range(20))
    assert len([path for path in log.asked if "/tile/data/" in path]) == 1
    assert not [path for path in log.asked if "get-entry" in path]


async def test_a_log_that_does_not_answer_is_read_by_its_tiles(history: AuditedHistory) -> None:
    """Static logs have no such call; they are asked once."""
    log = Speaking(history, lambda _answer: False)
    source = EntrySource(history.log.issuance.origin, log)
    tree = log.tree
    for index in (5, 9):
        assert [entry.index async for entry in source.read(tree, [index], None)] == [index]
    assert len([path for path in log.asked if "get-entry" in path]) == 1


async def test_a_log_that_refuses_or_is_gone(history: AuditedHistory) -> None:
    """A refusal is no answer; a log that cannot be reached ends it."""

    class Refusing(Speaking):
        status: int | None = 400

        async def get(self, path: str, limit: int = 1 << 30) -> bytes | None:
            if "get-entry" in path:
                raise FetchError("no", status=self.status)
            return await super().get(path, limit)

    log = Refusing(history)
    assert await log.indices(5) == [5]
    log.status = None
    with pytest.raises(FetchError):
        await log.indices(5)


def _other_entry(answer: dict[str, object]) -> None:
    raw = bytearray(decode_base64(str(answer["leaf_input"]), "leaf"))
    raw[9] ^= 1  # the time
    answer["leaf_input"] = encode_base64(bytes(raw))


def _other_path(answer: dict[str, object]) -> None:
    answer["audit_path"] = [encode_base64(bytes(32))] * 5


def _short_path(answer: dict[str, object]) -> None:
    answer["audit_path"] = []


def _no_path(answer: dict[str, object]) -> None:
    del answer["audit_path"]


def _more(answer: dict[str, object]) -> None:
    answer["extra_data"] = encode_base64(decode_base64(str(answer["extra_data"]), "extra") + b"\x00")


@pytest.mark.parametrize("lie", [_other_entry, _other_path, _short_path, _no_path, _more])
async def test_an_entry_that_is_not_proven_is_refused(history: AuditedHistory, lie: Change) -> None:
    """Whatever is wrong with it, by the name of the check, with the answer kept."""
    with pytest.raises(ProofError) as refused:
        await Speaking(history, lie).indices(5)
    assert refused.value.check in {"inclusion", "hash-length"}
    assert refused.value.evidence["answer"]


async def test_a_chain_that_is_not_the_certificates(history: AuditedHistory) -> None:
    """No hash covers the chain: who issued is believed by the signature alone."""

    def another_chain(answer: dict[str, object]) -> None:
        answer["extra_data"] = encode_base64(opaque24(opaque24(history.south.intermediate_der)))

    with pytest.raises(VerificationError):
        await Speaking(history, another_chain).indices(4)


@pytest.mark.parametrize(
    "data",
    [b"", b"[]", b"{}", b'{"leaf_input": 1, "extra_data": "", "audit_path": []}', b'{"audit_path": 1}'],
)
def test_what_is_no_answer(data: bytes) -> None:
    """One error, whatever it is."""
    with pytest.raises(ParseError):
        parse_entry_and_proof(data)


def _answers() -> list[bytes]:
    """Of a precertificate's entry, and of a certificate's."""
    entry = LogEntry(1_750_000_000_000, X509_ENTRY, b"\x30\x00", b"", 0)
    precertificate = replace(entry, entry_type=PRECERT_ENTRY, issuer_key_hash=bytes(32), leaf_index=1)
    chain = opaque24(opaque24(b"\x30\x00"))
    return [
        encode_json(
            {
                "leaf_input": encode_base64(one.merkle_tree_leaf()),
                "extra_data": encode_base64(extra),
                "audit_path": [encode_base64(bytes(32))],
            }
        )
        for one, extra in ((entry, chain), (precertificate, opaque24(b"\x30\x00") + chain))
    ]


@given(damaged(*_answers()))
@FUZZ
def test_nothing_else_escapes(data: bytes) -> None:
    """Damaged answers are read, or refused with our error."""
    only_our_errors(parse_entry_and_proof, data)


async def test_a_running_log_answers(tmp_path: Path) -> None:
    """One entry of twenty costs one answer of the log, and no data tile."""
    async with running_log(tmp_path) as log, HTTPFetcher(log.server.url) as http:
        for number in range(20):
            leaf = log.world.leaf(f"Company {number}", serial=number + 1)
            answer = await log.add_pre_chain(
                leaf.body(leaf.precertificate, log.world.evidence(leaf, number + 1))
            )
            assert answer.status == 200
        asked: list[str] = []

        class Watching:
            async def get(self, path: str, limit: int = 1 << 30) -> bytes | None:
                asked.append(path)
                return await http.get(path, limit)

        reader = LogReader(Watching(), "issuance", log.trust.issuance.key)
        tree = reader.tree(await reader.checkpoint())
        source = EntrySource(log.trust.issuance.key.origin, Watching())
        found = [entry async for entry in source.read(tree, [11], None)]
        assert [entry.index for entry in found] == [11]
        assert asked[1:] == ["issuance/ct/v1/get-entry-and-proof?leaf_index=11&tree_size=20"]
        document = decode_json(await http.get(asked[1]) or b"", "answer")
        assert len(document["audit_path"]) == 5
