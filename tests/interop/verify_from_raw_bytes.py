# SPDX-License-Identifier: Apache-2.0
"""Verifies both logs of a Keystead log from raw bytes, without any of Keystead's code.

    python tests/interop/verify_from_raw_bytes.py FOLDER-OR-URL [--trust trust.json]

On nothing but the standard library and `cryptography`, written from the specifications: what it finds good is
good for a reason that does not share a bug with what it looks at. The folder is a log's data folder, or any
copy of what it serves; the URL is its base URL. Trust comes from `trust.json`, by default the log's own.

1. Both checkpoints bear the log's signatures: Ed25519, and for the issuance log the tree head's ECDSA.
2. Every entry hashes to its place in every hash tile, and all of it to the signed root.
3. Every issuance entry has its index, its chain up to a root of the policy in force, and a time in order.
4. Every statement is canonical, fresh when it was logged, and signed by who may say it.
5. Every policy, issuer and piece of evidence hashes to its name; YubiKey evidence is verified again.
6. Every `device-evidence` speaks of a logged certificate with the attested key, under the policy in force; and
   whatever an extension names as evidence is recorded no later than the entry.
"""

import argparse
import json
import struct
import sys
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

from raw_formats import (
    Bytes,
    Certificate,
    Source,
    WrongError,
    elements,
    open_checkpoint,
    require,
    sha256,
    strips,
    tile_name,
    unbase64,
    verify_signature,
    verify_tree,
)

ARC = "1.2.840.113556.1.8000.2554.10366.64129.34580.20006.40472.10032708.12524559"
EXTENSION, POISON, SCT_LIST = f"{ARC}.1", "1.3.6.1.4.1.11129.2.4.3", "1.3.6.1.4.1.11129.2.4.2"
YUBIKEY_SERIAL = "1.3.6.1.4.1.41482.3.7"
SAID_BY_THE_LOG = {"log-policy", "device-evidence", "index-head"}
ABOUT_A_CERTIFICATE = {"device-binding", "device-evidence", "certificate-revoked"}
DAY_MS = 86_400_000
WAIT_MS = 3_600_000
"""How long a statement may wait between being judged and being sequenced."""


@dataclass
class Entry:
    """An issuance entry."""

    index: int
    time: int
    leaf: Certificate
    issuer_key_hash: bytes
    certificate_id: bytes


class Verifier:
    """Goes through both logs, the statements first: they say which policy was in force when."""

    def __init__(self, source: Source, trust: dict[str, Any]) -> None:
        self.source, self.trust = source, trust
        self.policies: list[tuple[int, int, dict[str, Any]]] = []
        self.statements: list[tuple[int, str, str, dict[str, Any]]] = []
        self.operators: dict[str, bytes] = {}
        self.entries: list[Entry] = []
        self.chains: set[tuple[bytes, ...]] = set()
        self.evidence = 0
        self.reading = "the checkpoints"

    def policy_at(self, time: int) -> tuple[int, dict[str, Any]]:
        """In force is the last policy with an earlier time."""
        return next((index, policy) for logged, index, policy in reversed(self.policies) if logged < time)

    def run(self) -> dict[str, int]:
        self.read_statements()
        self.read_issuance()
        for index, (time, kind, keyid, payload) in enumerate(self.statements):
            if kind in ABOUT_A_CERTIFICATE:
                self.reading = f"statement {index}"
                self.verify_about(self.reading, time, kind, keyid, payload)
        for entry in self.entries:
            self.verify_named_evidence(entry)
        return {
            "issuance_size": len(self.entries),
            "statements_size": len(self.statements),
            "policies": len(self.policies),
            "evidence": self.evidence,
        }

    # (4) Statements.

    def read_statements(self) -> None:
        log = self.trust["statements"]
        size, root, _ = open_checkpoint(self.source.get("statements/checkpoint"), log)
        hashed = []
        for index, width in strips(size):
            path = f"statements/tile/entries/{tile_name(index, width)}"
            bundle = Bytes(self.source.get(path), path)
            for _ in range(width):
                entry = bundle.vector(2)
                hashed.append(sha256(b"\x00" + entry))
                self.read_statement(entry)
            require(not bundle.more, f"{path} has trailing bytes")
        verify_tree(self.source, "statements", hashed, root)

    def read_statement(self, entry: bytes) -> None:
        index = len(self.statements)
        what = self.reading = f"statement {index}"
        reader = Bytes(entry, what)
        require(reader.number(1) == 0, f"{what} is of another version")
        time = reader.number(8)
        text = reader.take(len(entry) - 9).decode()
        envelope = json.loads(text)
        (signature,) = envelope["signatures"]
        require(list(envelope) == ["payloadType", "payload", "signatures"], f"{what} is not canonical")
        require(
            json.dumps(envelope, separators=(",", ":"), ensure_ascii=False) == text,
            f"{what} is not canonical",
        )
        require(
            not self.statements or time >= self.statements[-1][0], f"{what} is earlier than the one before"
        )
        payload_type, encoded = envelope["payloadType"], unbase64(envelope["payload"])
        kind = payload_type.removeprefix("application/vnd.keystead.").removesuffix(".v1+json")
        payload = json.loads(encoded)
        require(payload["log"] == self.trust["statements"]["origin"], f"{what} is for another log")
        issued = 1000 * int(datetime.fromisoformat(payload["issued"]).timestamp())
        require(
            time - 7 * DAY_MS - WAIT_MS <= issued <= time + 300_000, f"{what} was not made when it was logged"
        )
        spki = self.signer(what, index, time, kind, payload, signature["keyid"])
        require(sha256(spki).hex() == signature["keyid"], f"{what} is by a key that may not say {kind}")
        pae = b"DSSEv1 %d %b %d %b" % (len(payload_type), payload_type.encode(), len(encoded), encoded)
        verify_signature(spki, unbase64(signature["sig"]), pae, what)
        if kind == "log-policy":
            policy = json.loads(self.source.named("policy", bytes.fromhex(payload["policy"])))
            self.policies.append((time, index, policy))
            for digest in policy["roots"]:
                self.source.named("issuance/issuer", bytes.fromhex(digest))
        elif kind == "service-audit":
            founding = unbase64(payload["founding_key"])
            made_from = b"keystead/service/v1\n" + sha256(founding) + payload["service_name"].encode()
            require(payload["service"] == sha256(made_from).hex(), f"{what} is of a service with another id")
            self.operators.setdefault(payload["service"], founding)
        elif kind == "service-devices" and "next_key" in payload:
            self.operators[payload["service"]] = unbase64(payload["next_key"])
        self.statements.append((time, kind, signature["keyid"], payload))

    def signer(
        self, what: str, index: int, time: int, kind: str, payload: dict[str, Any], keyid: str
    ) -> bytes:
        """The key that must have signed: the log's, the operator's in force, or a party's."""
        if kind in SAID_BY_THE_LOG:
            return unbase64(self.trust["statements"]["statement_key"])
        require(index, "the first statement is not the log's policy")
        policy = self.policy_at(time)[1]
        require(keyid not in {bad["key"] for bad in policy["distrusted"]}, f"{what} is by a distrusted key")
        if kind == "service-devices":
            require(payload["service"] in self.operators, f"{what} is of a service without an audit")
            return self.operators[payload["service"]]
        for party in policy["parties"]:
            key = unbase64(party["key"])
            if kind in party["kinds"] and sha256(key).hex() == keyid:
                return key
        raise WrongError(f"{what} is a {kind} by nobody whom the policy in force recognizes for it")

    # (3) Issuance entries.

    def read_issuance(self) -> None:
        size, root, head_time = open_checkpoint(
            self.source.get("issuance/checkpoint"), self.trust["issuance"]
        )
        hashed = []
        for index, width in strips(size):
            path = f"issuance/tile/data/{tile_name(index, width)}"
            tile = Bytes(self.source.get(path), path)
            leaves = [self.read_leaf(tile) for _ in range(width)]
            require(not tile.more, f"{path} has trailing bytes")
            hashed += [sha256(b"\x00" + leaf) for leaf in leaves]
            if self.source.remote:
                path = f"issuance/tile/entries/{tile_name(index, width)}"
                bundle = b"".join(struct.pack(">H", len(leaf)) + leaf for leaf in leaves)
                require(self.source.get(path) == bundle, f"{path} does not hold the leaves of the data tile")
        verify_tree(self.source, "issuance", hashed, root)
        require(
            not self.entries or self.entries[-1].time <= head_time, "the tree head is older than its entries"
        )

    def read_leaf(self, tile: Bytes) -> bytes:
        """One TileLeaf of static-ct-api; its MerkleTreeLeaf."""
        index, start = len(self.entries), tile.at
        what = self.reading = f"issuance entry {index}"
        time, entry_type = tile.number(8), tile.number(2)
        require(entry_type < 2, f"{what} is of another type")
        issuer_key_hash = tile.take(32) if entry_type else b""
        signed = tile.vector(3)
        extensions = tile.vector(2)
        leaf = b"\x00\x00" + tile.data[start : tile.at]
        certificate = Certificate(tile.vector(3) if entry_type else signed)
        fingerprints = tile.vector(2)
        require(extensions == b"\x00\x00\x05" + index.to_bytes(5, "big"), f"{what} has another index")
        require(not self.entries or time >= self.entries[-1].time, f"{what} is earlier than the one before")
        chain = tuple(fingerprints[at : at + 32] for at in range(0, len(fingerprints), 32))
        issuers = [Certificate(self.source.named("issuance/issuer", digest)) for digest in chain]
        tbs = certificate.tbs_without(POISON if entry_type else SCT_LIST)
        require(entry_type == 0 or tbs == signed, f"{what} is not the precertificate's TBSCertificate")
        key_hash = sha256(issuers[0].spki)
        require(issuer_key_hash in {b"", key_hash}, f"{what} has another issuer's key hash")
        certificate.verify_signed_by(issuers[0].spki, what)
        if chain not in self.chains:
            for child, parent in pairwise(issuers):
                child.verify_signed_by(parent.spki, f"an issuer of {what}")
            self.chains.add(chain)
        require(chain[-1].hex() in self.policy_at(time)[1]["roots"], f"{what} leads to no accepted root")
        identifier = sha256(b"keystead/certificate/v1\n" + key_hash + tbs)
        self.entries.append(Entry(index, time, certificate, key_hash, identifier))
        return leaf

    # (5), (6) What statements say of certificates, and evidence.

    def verify_about(self, what: str, time: int, kind: str, keyid: str, payload: dict[str, Any]) -> None:
        require(payload["issuance_index"] < len(self.entries), f"{what} speaks of no logged certificate")
        entry = self.entries[payload["issuance_index"]]
        require(entry.certificate_id.hex() == payload["certificate"], f"{what} names another certificate")
        require(entry.time <= time, f"{what} is earlier than its certificate's entry")
        policy_index, policy = self.policy_at(time)
        if kind == "device-evidence":
            require(payload["policy_index"] == policy_index, f"{what} names a policy that was not in force")
            self.verify_evidence(what, entry, payload, policy)
        else:
            speaks_for = [
                party.get("issuers", [])
                for party in policy["parties"]
                if sha256(unbase64(party["key"])).hex() == keyid
            ]
            require(entry.issuer_key_hash.hex() in speaks_for[0], f"{what} is about another CA's certificate")

    def verify_evidence(
        self, what: str, entry: Entry, payload: dict[str, Any], policy: dict[str, Any]
    ) -> None:
        raw = self.source.named("evidence", bytes.fromhex(payload["evidence_digest"]))
        magic = b"keystead/evidence/v1\n"
        require(raw.startswith(magic), f"the evidence of {what} is malformed")
        reader = Bytes(raw[len(magic) :], f"the evidence of {what}")
        name, data = reader.vector(1).decode(), reader.vector(3)
        chain = [reader.vector(3) for _ in range(reader.number(2))]
        require(not reader.more and name == payload["format"], f"the evidence of {what} is malformed")
        self.evidence += 1
        if name != "yubikey-piv":
            return
        certificates = [Certificate(der) for der in (data, *chain)]
        require(certificates[0].same_key(entry.leaf), f"{what} attests another key than the certificate's")
        for child, parent in pairwise(certificates):
            child.verify_signed_by(parent.spki, f"the evidence of {what}")
        (anchor_hash,) = payload["anchors"]
        keys = {
            sha256(unbase64(anchor["key"])).hex(): unbase64(anchor["key"])
            for anchor in policy["vendor_anchors"]
            if name in anchor["formats"]
        }
        require(anchor_hash in keys, f"{what} rests on an anchor that the policy does not have")
        certificates[-1].verify_signed_by(keys[anchor_hash], f"the evidence of {what}")
        serial = certificates[0].extension(YUBIKEY_SERIAL)
        devices = []
        if serial is not None:
            number = int.from_bytes(next(elements(serial))[1], "big")
            device = sha256(b"keystead/device/v1\nyubico-piv-serial\n" + str(number).encode())
            devices = [{"scheme": "yubico-piv-serial", "device_id": device.hex()}]
        require(devices == payload["devices"], f"{what} names other devices than its evidence")

    def verify_named_evidence(self, entry: Entry) -> None:
        value = entry.leaf.extension(EXTENSION)
        if value is None:
            return
        named = [content for tag, content, _ in elements(next(elements(value))[1]) if tag == 0x80]
        recorded = {
            bytes.fromhex(payload["evidence_digest"])
            for time, kind, _, payload in self.statements
            if kind == "device-evidence"
            and payload["certificate"] == entry.certificate_id.hex()
            and time <= entry.time
        }
        require(set(named) <= recorded, f"issuance entry {entry.index} names evidence that is not recorded")


def verify(place: str, trust: dict[str, Any] | None = None) -> dict[str, int]:
    """Verify a log; what was found.

    Raises:
        WrongError: with the first thing that is not as it must be.
    """
    source = Source(place)
    verifier = Verifier(source, trust or json.loads(source.get("trust.json")))
    try:
        return verifier.run()
    except (ValueError, LookupError, TypeError, StopIteration) as error:
        raise WrongError(f"{verifier.reading} cannot be read: {error!r}") from error


def main() -> int:
    parser = argparse.ArgumentParser(description="Verify a Keystead log from raw bytes.")
    parser.add_argument("place", help="a data folder, or a base URL")
    parser.add_argument("--trust", type=Path, help="trust.json; by default the log's own")
    arguments = parser.parse_args()
    trust = json.loads(arguments.trust.read_bytes()) if arguments.trust else None
    try:
        print(json.dumps({"ok": True, **verify(arguments.place, trust)}))
    except WrongError as error:
        print(json.dumps({"ok": False, "problem": str(error)}))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
