# SPDX-License-Identifier: Apache-2.0
"""What a running log proves, gathered for programs that check proofs with code of their own."""

import json
from base64 import b64decode, b64encode
from dataclasses import dataclass
from urllib.parse import quote

from keystead.ct.leaf import parse_merkle_tree_leaf
from keystead.tlog.merkle import hash_leaf, root_of
from keystead.tlog.note import VerifierKey
from keystead.tlog.proof import parse_tlog_proof
from support.running_log import RunningLog

__all__ = ["Inclusion", "ProvenLog", "prove_log"]


@dataclass(frozen=True)
class Inclusion:
    """That a leaf is in a tree: its bytes, its place, the audit path, and the tree's size and root."""

    leaf: bytes
    index: int
    size: int
    path: list[bytes]
    root: bytes

    def to_json(self) -> dict[str, object]:
        """With base64 where there are bytes."""
        return {
            "leaf": b64encode(self.leaf).decode(),
            "index": self.index,
            "size": self.size,
            "path": [b64encode(value).decode() for value in self.path],
            "root": b64encode(self.root).decode(),
        }


@dataclass(frozen=True)
class ProvenLog:
    """A log's promises.

    Attributes:
        inclusions: of each entry in each tree that ever was.
        certificate: DER of a certificate that embeds the log's SCT alone, and `chain` its issuers.
        checkpoint: of the issuance log, which covers all of it.
        proof: the tlog-proof that was answered for the certificate's precertificate, as an inclusion.
        proof_checkpoint: the checkpoint in it.
        sct_key: DER of the SubjectPublicKeyInfo that SCTs verify under.
        note_key: what checkpoints verify under.
    """

    inclusions: list[Inclusion]
    certificate: bytes
    chain: tuple[bytes, ...]
    checkpoint: str
    proof: Inclusion
    proof_checkpoint: str
    sct_key: bytes
    note_key: VerifierKey


async def prove_log(log: RunningLog, entries: int) -> ProvenLog:
    """Log so many precertificates, one after the other, and ask for every proof there is."""
    answers = []
    leaves = []
    for number in range(entries):
        leaf = log.world.leaf(f"Org {number}", serial=number + 1)
        answer = await log.add_pre_chain(leaf.body(leaf.precertificate))
        assert answer.status == 200
        answers.append(answer.json)
        leaves.append(leaf)
    got = (await log.get(f"/issuance/ct/v1/get-entries?start=0&end={entries - 1}")).json["entries"]
    encoded = [b64decode(entry["leaf_input"]) for entry in got]
    assert [parse_merkle_tree_leaf(leaf).leaf_index for leaf in encoded] == list(range(entries))
    hashes = [hash_leaf(leaf) for leaf in encoded]
    inclusions = []
    for size in range(1, entries + 1):
        root = root_of(hashes[:size])
        for index in range(size):
            value = quote(b64encode(hashes[index]).decode(), safe="")
            path = f"/issuance/ct/v1/get-proof-by-hash?hash={value}&tree_size={size}"
            answer = await log.get(path)
            proof = [b64decode(item) for item in answer.json["audit_path"]]
            inclusions.append(Inclusion(encoded[index], index, size, proof, root))
    promised = parse_tlog_proof(answers[-1]["proof"])
    checkpoint = (await log.get("/issuance/checkpoint")).body.decode()
    trust = log.trust.issuance
    return ProvenLog(
        inclusions,
        leaves[-1].certificate(b64decode(answers[-1]["sct_list"])),
        leaves[-1].authority.chain,
        checkpoint,
        Inclusion(encoded[-1], promised.index, entries, list(promised.hashes), root_of(hashes)),
        promised.checkpoint.decode(),
        trust.sct_key,
        trust.key.vkey,
    )


def to_json(proven: ProvenLog) -> bytes:
    """All of it, for a program in another language."""
    key = proven.note_key
    return json.dumps(
        {
            "inclusions": [inclusion.to_json() for inclusion in proven.inclusions],
            "certificate": b64encode(proven.certificate).decode(),
            "chain": [b64encode(der).decode() for der in proven.chain],
            "checkpoint": proven.checkpoint,
            "proof": proven.proof.to_json(),
            "proof_checkpoint": proven.proof_checkpoint,
            "sct_key": b64encode(proven.sct_key).decode(),
            "note_key": {
                "name": key.name,
                "id": b64encode(key.key_id).decode(),
                "key": b64encode(key.key).decode(),
            },
        }
    ).encode()
