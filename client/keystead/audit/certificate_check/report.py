# SPDX-License-Identifier: Apache-2.0
"""What was found out about one certificate: promises kept or not, devices and how far they are proven, what is said."""

from dataclasses import dataclass
from typing import Any

from keystead.audit.problem import Problem
from keystead.certificate.name import display
from keystead.certificate.x509 import Certificate
from keystead.encoding.rfc3339 import format_time
from keystead.encoding.rfc4648 import encode_base64
from keystead.errors import ParseError

__all__ = [
    "CertificateReport",
    "CheckedEvidence",
    "CheckedPromise",
    "CheckedStatement",
    "ClaimedDevice",
    "shown_time",
]


@dataclass(frozen=True, slots=True)
class CheckedPromise:
    """An SCT.

    Attributes:
        log: origin of the issuance log; None for a log that was not given.
        log_id: as the SCT has it; empty where it cannot be read.
        embedded: the certificate carries it.
        timestamp: milliseconds; None where it cannot be read.
        leaf_index: where the entry is; None where it was not shown to be there.
        tree_size: entries of the tree that it is in; None likewise.
    """

    log: str | None
    log_id: bytes
    embedded: bool
    timestamp: int | None
    leaf_index: int | None = None
    tree_size: int | None = None

    @property
    def kept(self) -> bool:
        """The log signed it, and the entry is where it says."""
        return self.leaf_index is not None

    def to_json(self) -> dict[str, Any]:
        """As `--json` prints it."""
        return {
            "log": self.log,
            "log_id": encode_base64(self.log_id),
            "embedded": self.embedded,
            "timestamp": self.timestamp,
            "kept": self.kept,
            "leaf_index": self.leaf_index,
            "tree_size": self.tree_size,
        }


@dataclass(frozen=True, slots=True)
class ClaimedDevice:
    """A device that the certificate's key is said to be in, by one source.

    Attributes:
        scheme: name of the namespace.
        device_id: 32 bytes.
        value: the identifier; None where only the id is known.
        assurance: `attested`, `ca-verified` or `declared`.
        by: in words, who says so and how they know.
    """

    scheme: str
    device_id: bytes
    value: str | None
    assurance: str
    by: str

    def to_json(self) -> dict[str, Any]:
        """As `--json` prints it."""
        return {
            "scheme": self.scheme,
            "device_id": self.device_id.hex(),
            "value": self.value,
            "assurance": self.assurance,
            "by": self.by,
        }


@dataclass(frozen=True, slots=True)
class CheckedEvidence:
    """Evidence that a log recorded for the certificate.

    Attributes:
        log: origin of the statement log.
        statement: leaf index of the `device-evidence` statement.
        digest: of the evidence.
        verified: it verifies, and attests the certificate's key.
        own_anchors: under the user's own anchors; else under those of the log's policy only.
    """

    log: str
    statement: int
    digest: bytes
    verified: bool
    own_anchors: bool

    def to_json(self) -> dict[str, Any]:
        """As `--json` prints it."""
        return {
            "log": self.log,
            "statement": self.statement,
            "digest": self.digest.hex(),
            "verified": self.verified,
            "own_anchors": self.own_anchors,
        }


@dataclass(frozen=True, slots=True)
class CheckedStatement:
    """What somebody said about the certificate.

    Attributes:
        log: origin of the statement log.
        index: leaf index.
        kind: of the statement.
        party: who said it; None for the log.
        time: when it was logged, milliseconds.
        counts: the signer had the right to say it, and did not replace it since.
        says: in words.
    """

    log: str
    index: int
    kind: str
    party: str | None
    time: int
    counts: bool
    says: str

    def to_json(self) -> dict[str, Any]:
        """As `--json` prints it."""
        return {
            "log": self.log,
            "index": self.index,
            "kind": self.kind,
            "party": self.party,
            "timestamp": self.time,
            "counts": self.counts,
            "says": self.says,
        }


@dataclass(frozen=True, slots=True)
class CertificateReport:
    """All that was found out.

    Attributes:
        certificate: the one that was asked about.
        certificate_id: 32 bytes; None where the issuing key is not known.
        promises: SCTs, of the logs that were given and of others.
        devices: that its key is said to be in.
        services: ids of the signing services that it is said to be with.
        evidence: that was recorded for it.
        statements: about it; None where the statement logs were not read.
        revoked: somebody who may say so said that it is revoked.
        problems: everything that is wrong.
    """

    certificate: Certificate
    certificate_id: bytes | None
    promises: tuple[CheckedPromise, ...]
    devices: tuple[ClaimedDevice, ...]
    services: tuple[bytes, ...]
    evidence: tuple[CheckedEvidence, ...]
    statements: tuple[CheckedStatement, ...] | None
    revoked: bool
    problems: tuple[Problem, ...]

    @property
    def ok(self) -> bool:
        """Every log that was given keeps what it promised, and nothing is wrong."""
        return not self.problems

    def to_json(self) -> dict[str, Any]:
        """As `--json` prints it."""
        certificate = self.certificate
        return {
            "ok": self.ok,
            "certificate_id": None if self.certificate_id is None else self.certificate_id.hex(),
            "subject": display(certificate.subject),
            "issuer": display(certificate.issuer),
            "not_before": shown_time(certificate.not_before),
            "not_after": shown_time(certificate.not_after),
            "key": certificate.key_hash.hex(),
            "promises": [one.to_json() for one in self.promises],
            "entries": [
                {"origin": one.log, "index": one.leaf_index}
                for one in self.promises
                if one.leaf_index is not None
            ],
            "devices": [one.to_json() for one in self.devices],
            "services": [one.hex() for one in self.services],
            "evidence": [one.to_json() for one in self.evidence],
            "statements": None if self.statements is None else [one.to_json() for one in self.statements],
            "revoked": self.revoked,
            "problems": [one.to_json() for one in self.problems],
        }


def shown_time(seconds: int) -> str:
    """A certificate's date, which need not be one that RFC 3339 can write."""
    try:
        return format_time(seconds)
    except ParseError:
        return str(seconds)
