# SPDX-License-Identifier: Apache-2.0
"""Evidence verified again, by the monitor and under its own anchors (`specs/monitor.md`, section 2.4).

The log says that evidence verified; the monitor finds out for itself. Its own anchors come first: those that ship
with the package and those that its user gave. Evidence that leads to an anchor which only the log's policy knows
verifies as well, but is the log's word then, so no log can invent attested devices.

Pure: the evidence's bytes in, what they prove out. What the anchors are worth is decided when facts are judged,
from the anchors that are kept here, so a user who adds an anchor changes verdicts without reading logs again.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from keystead.devices.anchors import AnchorSet
from keystead.devices.evidence import parse_evidence
from keystead.devices.result import Attestation
from keystead.devices.verify import verify_evidence
from keystead.errors import EvidenceError, ParseError
from keystead.statements.kinds.device_evidence import DeviceEvidence

__all__ = [
    "EvidenceFacts",
    "EvidenceJob",
    "Examined",
    "Identity",
    "Outcome",
    "contradiction",
    "examine",
    "examine_pieces",
    "parse_identities",
    "read_evidence_row",
    "withheld",
]


class Outcome(StrEnum):
    """What became of a piece of evidence."""

    VERIFIED = "verified"
    WITHHELD = "withheld"
    """The log records it and does not serve it."""
    FAILED = "failed"
    """It does not verify, under no anchor that the monitor or the log knows."""
    UNKNOWN_FORMAT = "unknown-format"
    """This program does not know its format: the log's word, then."""


@dataclass(frozen=True, slots=True)
class Identity:
    """A device that evidence names.

    Attributes:
        device_id: 32 bytes.
        scheme: name of the namespace.
        value: the identifier in it.
    """

    device_id: bytes
    scheme: str
    value: str


@dataclass(frozen=True, slots=True)
class EvidenceFacts:
    """What a piece of evidence proves.

    Attributes:
        outcome: whether it does.
        format: its name.
        key: SHA-256 of the normalized attested key; empty unless verified.
        anchors: SHA-256 of each anchor that it led to.
        rests_on: SHA-256 of every key that the proof needs.
        identities: the devices that it names.
        why: why it failed, in a sentence.
    """

    outcome: Outcome
    format: str
    key: bytes = b""
    anchors: tuple[bytes, ...] = ()
    rests_on: frozenset[bytes] = frozenset()
    identities: tuple[Identity, ...] = ()
    why: str = ""

    def identities_text(self) -> str:
        """The identities as the database keeps them."""
        return json.dumps([[one.device_id.hex(), one.scheme, one.value] for one in self.identities])


def withheld(format_name: str) -> EvidenceFacts:
    """What is known of evidence that the log does not serve."""
    return EvidenceFacts(Outcome.WITHHELD, format_name, why="the log does not serve it")


def examine(data: bytes, own: AnchorSet, of_policy: AnchorSet) -> EvidenceFacts:
    """Verify a piece of evidence.

    Args:
        data: its encoding; that it has the digest that was asked for is the caller's to check.
        own: the monitor's anchors.
        of_policy: those of the log's policy when the evidence was recorded.
    """
    try:
        evidence = parse_evidence(data)
    except ParseError as error:
        return EvidenceFacts(Outcome.FAILED, "", why=str(error))
    try:
        return _proven(verify_evidence(evidence, own))
    except EvidenceError as error:
        if error.check == "unknown-format":
            return EvidenceFacts(Outcome.UNKNOWN_FORMAT, evidence.format, why=str(error))
    # What the log's policy alone bears is no lie of the log, though a key that the user pinned be in the chain.
    for anchors in (of_policy, own.extended(of_policy)):
        try:
            return _proven(verify_evidence(evidence, anchors))
        except EvidenceError as error:
            why = str(error)
    return EvidenceFacts(Outcome.FAILED, evidence.format, why=why)


def _proven(attestation: Attestation) -> EvidenceFacts:
    return EvidenceFacts(
        Outcome.VERIFIED,
        attestation.format,
        attestation.key_hash,
        attestation.anchors,
        attestation.rests_on,
        tuple(Identity(one.device_id, one.scheme, one.value) for one in attestation.identities),
    )


class Examined(NamedTuple):
    """What a piece of evidence proves, found out ahead of judging.

    Attributes:
        facts: what it proves.
        policy: leaf index of the policy whose anchors were asked, too; None where the own ones settled it.
    """

    facts: EvidenceFacts
    policy: int | None


class EvidenceJob(NamedTuple):
    """Pieces of evidence to verify: a piece of work for another process.

    Attributes:
        pieces: their encodings.
        own: the monitor's anchors.
        of_policy: those of the policy that is likely to be in force.
        policy: leaf index of that policy.
    """

    pieces: tuple[bytes, ...]
    own: AnchorSet
    of_policy: AnchorSet
    policy: int


def examine_pieces(job: EvidenceJob) -> tuple[Examined, ...]:
    """Verify several pieces of evidence."""
    found = []
    for data in job.pieces:
        facts = examine(data, job.own, AnchorSet(()))
        if facts.outcome is Outcome.FAILED:
            found.append(Examined(examine(data, job.own, job.of_policy), job.policy))
        else:
            found.append(Examined(facts, None))
    return tuple(found)


def contradiction(statement: DeviceEvidence, key: bytes, found: EvidenceFacts) -> str:
    """What is wrong with the log's word about evidence; empty where nothing is."""
    if found.outcome is Outcome.UNKNOWN_FORMAT:
        return ""
    if found.outcome is not Outcome.VERIFIED:
        return found.why or "it does not verify"
    if found.key != key:
        return "its attested key is not the certificate's"
    if found.format != statement.format or found.anchors != statement.anchors:
        return "its format or the anchors that it leads to are others"
    if {identity.device_id for identity in found.identities} != {
        device.device_id for device in statement.devices
    }:
        return "it proves other devices"
    return ""


def read_evidence_row(
    outcome: str, format_name: str, key: bytes, anchors: bytes, rests_on: bytes, identities: str
) -> EvidenceFacts:
    """What the database keeps of a piece of evidence."""
    return EvidenceFacts(
        Outcome(outcome),
        format_name,
        key,
        tuple(anchors[at : at + 32] for at in range(0, len(anchors), 32)),
        frozenset(rests_on[at : at + 32] for at in range(0, len(rests_on), 32)),
        tuple(parse_identities(identities)),
    )


def parse_identities(text: str) -> Sequence[Identity]:
    """The identities out of the database."""
    return [Identity(bytes.fromhex(device), scheme, value) for device, scheme, value in json.loads(text)]
