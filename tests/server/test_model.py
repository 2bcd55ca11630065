# SPDX-License-Identifier: Apache-2.0
"""The whole log against a model: any interleaving of submissions, evidence, statements, restarts and failures,
and of witnesses that come and go.

Hypothesis drives admission, intake, sequencer, commit and recovery over stores in memory whose every effect can
be made to fail. The model knows what was answered; after each step the whole log is read again from its raw
objects and must hold all of it.
"""

import asyncio
import json
import tempfile
from base64 import b64decode
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from keystead.ct.tile_leaf import decode_data_tile
from keystead.devices.evidence import parse_evidence
from keystead.encoding.json import decode_json
from keystead.errors import RefusedError, StoreError
from keystead.statements.dsse import sign_envelope
from keystead.statements.entry import parse_statement_entry
from keystead.statements.payloads import CertificateRevoked, DeviceEvidence, RevocationReason, parse_statement
from keystead.tlog.checkpoint import verify_checkpoint
from keystead.tlog.cosignature import cosignature_vkey, sign_cosignature
from keystead.tlog.merkle import CompactRange, hash_leaf
from keystead.tlog.note import SignedNote, parse_note
from keystead.tlog.policy import parse_policy as parse_witness_policy
from keystead.tlog.proof import parse_tlog_proof, verify_tlog_proof
from keystead.tlog.tiles import TILE_WIDTH, bundle_path, decode_bundle, edge_tiles, tile_path
from keystead_server.configuration import read_policy_file
from keystead_server.intake.local import LocalIntake
from keystead_server.log.batch import LogIdentity
from keystead_server.log.creation import create_log
from keystead_server.log.keys import load_keys
from keystead_server.log.open_log import OpenLog
from keystead_server.log.publication import QuorumMissingError, Unpublished
from keystead_server.log.sequencer import Sequencer
from keystead_server.log.snapshot import Stores
from keystead_server.settings import Settings, trust_document
from keystead_server.storage.memory import MemoryBlobStore, MemoryHeads, MemoryHeadStore
from keystead_server.web.issuance import submit_chain
from keystead_server.web.service import LogService
from support.world import World, party_key

DEVICES = 4
START_MS = 1_800_000_000_000
KINDS = ("precertificate", "certificate")


class RushingClock:
    """Wall time that may jump; periods that pass at once."""

    def __init__(self) -> None:
        self.wall = START_MS

    def now_ms(self) -> int:
        """The wall clock, wherever the test has put it."""
        return self.wall

    def monotonic(self) -> float:
        """Stands still: no batch ever waits for its period."""
        return 0.0

    async def sleep(self, seconds: float) -> None:
        """Short sleeps are over at once; the idle hour never is."""
        if seconds > 60:
            await asyncio.Event().wait()
        await asyncio.sleep(0)


class Faults:
    """Makes the n-th effect from now on fail, once."""

    def __init__(self) -> None:
        self.countdown: int | None = None

    def __call__(self, operation: str, name: str) -> None:
        """One effect is about to happen."""
        if self.countdown is None or operation in {"get", "list"}:
            return
        if self.countdown == 0:
            self.countdown = None
            raise StoreError(f"the {operation} of {name} failed, as this test asked it to")
        self.countdown -= 1


class Tide:
    """A cosigner whose witness is away for the next so many rounds."""

    def __init__(self) -> None:
        self.away = 0
        self._key = Ed25519PrivateKey.from_private_bytes(b"the key of the model's witness..")
        public = self._key.public_key().public_bytes_raw()
        vkey = cosignature_vkey("witness.example", public).encode()
        self.policy = parse_witness_policy(f"witness w {vkey}\nquorum w\n")

    def cosign(self, issuance: Unpublished, statements: Unpublished) -> tuple[bytes, bytes]:
        """Both with the cosignature, or neither."""
        if self.away:
            self.away -= 1
            raise QuorumMissingError("the witness is away, as this test asked it to be")
        return self._cosigned(issuance.note), self._cosigned(statements.note)

    def _cosigned(self, raw: bytes) -> bytes:
        note = parse_note(raw)
        line = sign_cosignature(note.text, "witness.example", self._key, START_MS // 1000)
        return SignedNote(note.text, (*note.signatures, line)).encode()


@dataclass(frozen=True)
class Request:
    """One submission of the small universe."""

    device: int
    kind: str
    evidence: bool
    body: bytes


_SHARED = tempfile.TemporaryDirectory(prefix="keystead-model-")
_WORLD = World(Path(_SHARED.name))
_POLICY = read_policy_file(_WORLD.write_policy())


def _universe() -> dict[tuple[int, str, bool], Request]:
    requests = {}
    for device in range(DEVICES):
        leaf = _WORLD.leaf(f"Org {device}", serial=device + 1)
        evidence = _WORLD.evidence(leaf, device + 1)
        for kind in KINDS:
            der = leaf.precertificate if kind == "precertificate" else leaf.certificate()
            for with_evidence in (False, True):
                body = leaf.body(der, *((evidence,) if with_evidence else ()))
                requests[device, kind, with_evidence] = Request(device, kind, with_evidence, body)
    return requests


_REQUESTS = _universe()
requests = st.builds(
    lambda device, kind, evidence: _REQUESTS[device, kind, evidence],
    st.integers(0, DEVICES - 1),
    st.sampled_from(KINDS),
    st.booleans(),
)


class LogModel(RuleBasedStateMachine):
    """The log, and what it has promised."""

    @initialize()
    def create(self) -> None:
        """A fresh log on fresh stores."""
        self.runner = asyncio.Runner()
        self.folder = tempfile.TemporaryDirectory(prefix="keystead-model-")
        self.clock = RushingClock()
        self.faults = Faults()
        self.tide = Tide()
        self.blobs: dict[str, bytes] = {}
        self.heads = MemoryHeads()
        self.scts: dict[tuple[int, str], str] = {}
        self.indices: dict[tuple[int, str], int] = {}
        self.recorded: dict[int, int] = {}
        self.revoked: dict[int, int] = {}
        self.sightings: list[tuple[int, bytes]] = []
        path = Path(self.folder.name) / "log"
        path.mkdir()
        create_log(
            path,
            Settings("model.example", "https://model.example"),
            _POLICY,
            self._stores,
            START_MS,
        )
        self.identity = LogIdentity("model.example", load_keys(path / "keys"))
        self.runner.run(self._open())

    def _stores(self) -> Stores:
        return Stores(
            MemoryBlobStore(self.blobs, fault=self.faults), MemoryHeadStore(self.heads, fault=self.faults)
        )

    async def _open(self) -> None:
        self.log = OpenLog(self.identity, self._stores, cosigner=self.tide)
        self.sequencer = Sequencer(self.log, self.clock, 0.2)
        self.sequencer.start()
        self.intake = LocalIntake(self.sequencer, self.clock)
        self.service = LogService(
            self.log,
            self.intake,
            sct_key=self.identity.keys.sct,
            log_id=self.identity.keys.log_id,
            trust=trust_document(self.identity, "https://model.example"),
        )

    async def _come_to_rest(self) -> None:
        """Until recovery, if one was needed, is over: what the next step meets depends on the steps alone."""
        while self.sequencer.wounded is not None or self.sequencer.waiting:
            await asyncio.sleep(0)

    async def _submit(self, request: Request) -> dict[str, Any] | RefusedError:
        try:
            answer = await submit_chain(
                self.service, request.body, precertificate=request.kind == "precertificate"
            )
        except RefusedError as error:
            return error
        document: dict[str, Any] = decode_json(answer)
        return document

    @rule(batch=st.lists(requests, min_size=1, max_size=5))
    def submit_together(self, batch: list[Request]) -> None:
        """Several clients at once; every promise is noted, and equals the one before."""

        async def together() -> list[dict[str, Any] | RefusedError]:
            answers = await asyncio.gather(*(self._submit(request) for request in batch))
            await self._come_to_rest()
            return list(answers)

        for request, answer in zip(batch, self.runner.run(together()), strict=True):
            if isinstance(answer, RefusedError):
                assert answer.status == 503, answer
                assert answer.retry_after
                continue
            key = (request.device, request.kind)
            assert self.scts.setdefault(key, answer["serialized_sct"]) == answer["serialized_sct"]
            assert self.indices.setdefault(key, answer["leaf_index"]) == answer["leaf_index"]
            if request.evidence:
                index = answer["statement_index"]
                assert self.recorded.setdefault(request.device, index) == index
            proof = parse_tlog_proof(answer["proof"])
            leaf = self._leaf(answer["leaf_index"])
            verify_tlog_proof(proof, hash_leaf(leaf), self.identity.issuance_key)

    @rule(countdown=st.integers(0, 30))
    def arm_a_failure(self, countdown: int) -> None:
        """One of the next effects on a store will fail."""
        self.faults.countdown = countdown

    @rule(rounds=st.integers(1, 4))
    def send_the_witness_away(self, rounds: int) -> None:
        """For the next rounds nothing can be published."""
        self.tide.away = rounds

    @rule(by=st.integers(-100_000_000, 100_000_000))
    def move_the_clock(self, by: int) -> None:
        """Forwards or back."""
        self.clock.wall = max(0, self.clock.wall + by)

    @rule()
    def restart(self) -> None:
        """Stop in order, or as a killed process would; then open what is there."""

        async def again() -> None:
            await self.sequencer.close()
            self.log.close()
            self.faults.countdown = None
            await self._open()

        self.runner.run(again())

    @precondition(lambda self: self.indices)
    @rule(data=st.data())
    def revoke(self, data: st.DataObject) -> None:
        """The CA revokes a certificate that is logged; the same statement again is the same entry."""
        device, kind = data.draw(st.sampled_from(sorted(self.indices)))
        entry = self.log.records.entry(self.indices[device, kind])
        assert entry is not None
        issued = START_MS // 1000
        statement = CertificateRevoked(
            self.identity.statements_origin,
            issued,
            entry[0],
            self.indices[device, kind],
            issued,
            RevocationReason("superseded"),
        )
        envelope = sign_envelope(party_key("North CA"), statement.payload_type, statement.encode())
        self.clock.wall = max(self.clock.wall, START_MS)
        self.clock.wall = min(self.clock.wall, START_MS + 86_400_000)

        async def say() -> int | None:
            try:
                return (await self.intake.add_statement(envelope.encode())).placed.index
            except RefusedError as error:
                if error.status != 503:
                    raise
                return None
            finally:
                await self._come_to_rest()

        index = self.runner.run(say())
        if index is not None:
            key = 2 * device + (kind == "certificate")
            assert self.revoked.setdefault(key, index) == index

    def _leaf(self, index: int) -> bytes:
        return self._read()[0][index]

    def _read(self) -> tuple[list[bytes], list[bytes], list[bytes]]:
        """Every leaf of both logs, and the stored data tile entries, under the published checkpoints."""
        keys = self.identity.issuance_key, self.identity.statements_key
        issuance, statements = (
            verify_checkpoint(
                self.blobs[f"{log}/checkpoint"], replace(key, quorum=self.tide.policy)
            ).checkpoint
            for log, key in zip(("issuance", "statements"), keys, strict=True)
        )
        leaves: list[bytes] = []
        for start in range(0, issuance.size, TILE_WIDTH):
            width = min(TILE_WIDTH, issuance.size - start)
            tile = self.blobs["issuance/" + bundle_path("data", start // TILE_WIDTH, width)]
            for leaf in decode_data_tile(tile, width):
                assert leaf.entry.leaf_index == len(leaves)
                leaves.append(leaf.entry.merkle_tree_leaf())
        entries: list[bytes] = []
        for start in range(0, statements.size, TILE_WIDTH):
            width = min(TILE_WIDTH, statements.size - start)
            entries += decode_bundle(
                self.blobs["statements/" + bundle_path("entries", start // TILE_WIDTH, width)], width
            )
        return leaves, entries, [issuance.root, statements.root]

    @invariant()
    def everything_promised_is_there(self) -> None:
        """Both trees are append-only and lead to their roots; every promise and its evidence are in them."""
        if not hasattr(self, "blobs"):
            return
        leaves, entries, (issuance_root, statements_root) = self._read()
        roots = _roots(leaves)
        assert roots[-1] == issuance_root
        assert _roots(entries)[-1] == statements_root
        self.sightings.append((len(leaves), issuance_root))
        for size, root in self.sightings:
            assert roots[size] == root, "the tree is not append-only"
        for level, index, width in edge_tiles(len(leaves)):
            assert "issuance/" + tile_path(level, index, width) in self.blobs
        for index in self.indices.values():
            assert index < len(leaves)
        assert len(set(leaves)) == len(leaves)
        found: dict[bytes, int] = {}
        for index, encoded in enumerate(entries):
            statement = parse_statement(parse_statement_entry(encoded).envelope)
            if isinstance(statement, DeviceEvidence):
                assert statement.certificate not in found, "one piece was recorded twice"
                found[statement.certificate] = index
                assert statement.issuance_index < len(leaves)
                digest = statement.evidence_digest
                assert parse_evidence(self.blobs[f"evidence/{digest.hex()}"]).digest == digest
        for index in self.recorded.values():
            assert index in found.values()

    def teardown(self) -> None:
        """Stop what runs."""
        if not hasattr(self, "runner"):
            return

        async def stop() -> None:
            self.faults.countdown = None
            await self.sequencer.close()
            self.log.close()

        self.runner.run(stop())
        self.runner.close()
        self.folder.cleanup()


def _roots(leaves: list[bytes]) -> list[bytes]:
    tree = CompactRange()
    roots = [tree.root()]
    for leaf in leaves:
        tree.append(hash_leaf(leaf))
        roots.append(tree.root())
    return roots


TestLogModel = LogModel.TestCase
TestLogModel.settings = settings(
    max_examples=40,
    stateful_step_count=25,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow],
)


def test_the_small_universe_is_made_of_distinct_submissions() -> None:
    """Otherwise the model would test duplicates only."""
    bodies = {request.body for request in _REQUESTS.values()}
    assert len(bodies) == 2 * 2 * DEVICES
    assert all(b64decode(json.loads(body)["chain"][0])[0] == 0x30 for body in bodies)
