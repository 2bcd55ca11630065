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

from keystead.devices.anchors import AnchorSet
from keystead.devices.evidence import parse_evidence
from keystead.devices.result import Attestation
from keystead.devices.verify import verify_evidence
from keystead.errors import EvidenceError, ParseError

__all__ = ["EvidenceFacts", "Identity", "Outcome", "examine", "parse_identities", "withheld"]


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


def parse_identities(text: str) -> Sequence[Identity]:
    """The identities out of the database."""
    return [Identity(bytes.fromhex(device), scheme, value) for device, scheme, value in json.loads(text)]
