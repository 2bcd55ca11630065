# SPDX-License-Identifier: Apache-2.0
"""The record of a check: all that a verdict was made from, in one document (`specs/check.md`, section 6).

Nothing is verified here: `recorded_log` does that, and `replay` decides again.

Invariants:

* `parse_record(r.encode()) == r`;
* a record has one spelling, and says the digest of all that is before it: an altered byte is noticed even where nothing
  else depends on it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from itertools import pairwise
from typing import Any

from keystead.check.question import Question, question_from_json
from keystead.encoding.json import decode_json, encode_json
from keystead.encoding.rfc4648 import decode_base64, decode_digest, encode_base64
from keystead.errors import ParseError, VerificationError

__all__ = [
    "MAX_RECORD_BYTES",
    "CheckRecord",
    "LogRecord",
    "RecordedEntry",
    "RecordedStatement",
    "RecordedTree",
    "check_spelling",
    "parse_record",
]

MAX_RECORD_BYTES = 256 * 1024 * 1024
"""A device with ten thousand certificates, and the tails of a head that is as far behind as readers let it be."""

_VERSION = 1


@dataclass(frozen=True, slots=True)
class RecordedTree:
    """One log's tree.

    Attributes:
        checkpoint: as it was signed.
        frontier: the roots of the perfect subtrees of the leaves that the head covers.
    """

    checkpoint: bytes
    frontier: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class RecordedEntry:
    """An issuance entry.

    Attributes:
        leaf: its MerkleTreeLeaf.
        issuer: SHA-256 of the certificate that issued it; empty where nobody needs it.
        index: in the log; None in a tail, where places follow each other.
        proof: that it is in the tree; empty in a tail.
    """

    leaf: bytes
    issuer: bytes = b""
    index: int | None = None
    proof: tuple[bytes, ...] = ()


@dataclass(frozen=True, slots=True)
class RecordedStatement:
    """A statement entry; `index` and `proof` as for `RecordedEntry`."""

    entry: bytes
    index: int | None = None
    proof: tuple[bytes, ...] = ()


@dataclass(frozen=True, slots=True)
class LogRecord:
    """What one operator's logs showed.

    Attributes:
        origin: of the issuance log.
        trust: SHA-256 of the trust.json that was believed.
        asked_ms: the asker's clock.
        max_age_ms, max_lag: how far the head might lie behind.
        answers: of the index, as they came.
        issuance, statements: both trees.
        entries, entry_tail: issuance entries that the head covers, and all that it does not.
        said, statement_tail: statements, likewise.
        issuers: certificates by their SHA-256.
        policies: by their SHA-256.
        evidence: by its SHA-256; None for what the log did not serve.
        answer: what was answered, as JSON.
    """

    origin: str
    trust: bytes
    asked_ms: int
    max_age_ms: int
    max_lag: int
    answers: tuple[bytes, ...]
    issuance: RecordedTree
    statements: RecordedTree
    entries: tuple[RecordedEntry, ...]
    entry_tail: tuple[RecordedEntry, ...]
    said: tuple[RecordedStatement, ...]
    statement_tail: tuple[RecordedStatement, ...]
    issuers: Mapping[bytes, bytes]
    policies: Mapping[bytes, bytes]
    evidence: Mapping[bytes, bytes | None]
    answer: dict[str, Any]


@dataclass(frozen=True, slots=True)
class CheckRecord:
    """A check, whole.

    Attributes:
        question: what was asked.
        anchors: SHA-256 of the vendor anchors that the asker added to those of its program.
        logs: what they showed.
    """

    question: Question
    anchors: tuple[bytes, ...]
    logs: tuple[LogRecord, ...]

    def encode(self) -> bytes:
        """The document, with its digest behind it."""
        body = {
            "version": _VERSION,
            "question": self.question.to_json(),
            "anchors": [anchor.hex() for anchor in self.anchors],
            "logs": [_log_to_json(log) for log in self.logs],
        }
        return encode_json({**body, "digest": sha256(encode_json(body)).hexdigest()}) + b"\n"


def parse_record(data: bytes) -> CheckRecord:
    """Read a record; nothing is verified but that it is spelled as it was written.

    Raises:
        ParseError: it is no record of a check.
        VerificationError: it is one, and a part of it is malformed (`record-malformed`).
    """
    if len(data) > MAX_RECORD_BYTES:
        raise ParseError(f"a record of a check has at most {MAX_RECORD_BYTES} bytes")
    document = decode_json(data, "the record of a check")
    if not isinstance(document, dict) or not {"version", "question", "logs"} <= document.keys():
        raise ParseError("this is no record of a check")
    if document["version"] != _VERSION:
        raise ParseError(
            f"this program reads version {_VERSION} of records, and this is {document['version']}"
        )
    try:
        record = CheckRecord(
            question_from_json(document["question"]),
            tuple(decode_digest(anchor) for anchor in document["anchors"]),
            tuple(_log_from_json(log) for log in document["logs"]),
        )
        _require_order(record.logs)
        return record
    except (ParseError, KeyError, TypeError, ValueError, AttributeError) as error:
        raise VerificationError(
            f"the record is malformed: {error}", check="record-malformed", evidence={"record": data}
        ) from error


def check_spelling(data: bytes, record: CheckRecord) -> None:
    """Check that a record is as it was written, to the last byte.

    Raises:
        VerificationError: `record-digest`.
    """
    if record.encode() != data:
        raise VerificationError(
            "the record was altered since it was written, in a part that nothing else proves",
            check="record-digest",
            evidence={"record": data},
        )


def _require_order(logs: tuple[LogRecord, ...]) -> None:
    """A record of no log would say that a device is clear; what is there twice would be looked at once."""
    if not logs:
        raise ParseError("it is of no log")
    if len({log.origin for log in logs}) < len(logs):
        raise ParseError("it has a log twice")
    for log in logs:
        for places in ([entry.index for entry in log.entries], [said.index for said in log.said]):
            if any(first >= second for first, second in pairwise(place or 0 for place in places)):
                raise ParseError("its entries do not ascend")


def _log_to_json(log: LogRecord) -> dict[str, Any]:
    return {
        "origin": log.origin,
        "trust": log.trust.hex(),
        "asked": log.asked_ms,
        "max_age": log.max_age_ms,
        "max_lag": log.max_lag,
        "answers": [decode_json(answer) for answer in log.answers],
        "issuance": _tree_to_json(log.issuance),
        "statements": _tree_to_json(log.statements),
        "entries": [_entry_to_json(entry) for entry in log.entries],
        "entry_tail": [_entry_to_json(entry) for entry in log.entry_tail],
        "said": [_said_to_json(said) for said in log.said],
        "statement_tail": [_said_to_json(said) for said in log.statement_tail],
        "issuers": _objects_to_json(log.issuers),
        "policies": _objects_to_json(log.policies),
        "evidence": _objects_to_json(log.evidence),
        "answer": log.answer,
    }


def _log_from_json(members: dict[str, Any]) -> LogRecord:
    return LogRecord(
        origin=_text(members["origin"]),
        trust=decode_digest(members["trust"]),
        asked_ms=_integer(members["asked"]),
        max_age_ms=_integer(members["max_age"]),
        max_lag=_integer(members["max_lag"]),
        answers=tuple(encode_json(answer) for answer in members["answers"]),
        issuance=_tree_from_json(members["issuance"]),
        statements=_tree_from_json(members["statements"]),
        entries=tuple(_entry_from_json(entry, placed=True) for entry in members["entries"]),
        entry_tail=tuple(_entry_from_json(entry, placed=False) for entry in members["entry_tail"]),
        said=tuple(_said_from_json(said, placed=True) for said in members["said"]),
        statement_tail=tuple(_said_from_json(said, placed=False) for said in members["statement_tail"]),
        issuers={digest: _present(data) for digest, data in _objects_from_json(members["issuers"])},
        policies={digest: _present(data) for digest, data in _objects_from_json(members["policies"])},
        evidence=dict(_objects_from_json(members["evidence"])),
        answer=dict(members["answer"]),
    )


def _tree_to_json(tree: RecordedTree) -> dict[str, Any]:
    return {"checkpoint": tree.checkpoint.decode(), "frontier": _hashes_to_json(tree.frontier)}


def _tree_from_json(members: dict[str, Any]) -> RecordedTree:
    return RecordedTree(_text(members["checkpoint"]).encode(), _hashes_from_json(members["frontier"]))


def _entry_to_json(entry: RecordedEntry) -> dict[str, Any]:
    body = {"leaf": encode_base64(entry.leaf), "issuer": entry.issuer.hex() or None}
    if entry.index is None:
        return body
    return {"index": entry.index, **body, "proof": _hashes_to_json(entry.proof)}


def _entry_from_json(members: dict[str, Any], *, placed: bool) -> RecordedEntry:
    issuer = members["issuer"]
    return RecordedEntry(
        decode_base64(members["leaf"]),
        b"" if issuer is None else decode_digest(issuer),
        _integer(members["index"]) if placed else None,
        _hashes_from_json(members["proof"]) if placed else (),
    )


def _said_to_json(said: RecordedStatement) -> dict[str, Any]:
    body = {"entry": encode_base64(said.entry)}
    if said.index is None:
        return body
    return {"index": said.index, **body, "proof": _hashes_to_json(said.proof)}


def _said_from_json(members: dict[str, Any], *, placed: bool) -> RecordedStatement:
    return RecordedStatement(
        decode_base64(members["entry"]),
        _integer(members["index"]) if placed else None,
        _hashes_from_json(members["proof"]) if placed else (),
    )


def _objects_to_json(objects: Mapping[bytes, bytes | None]) -> dict[str, str | None]:
    return {
        digest.hex(): None if data is None else encode_base64(data)
        for digest, data in sorted(objects.items())
    }


def _objects_from_json(members: dict[str, Any]) -> list[tuple[bytes, bytes | None]]:
    return [
        (decode_digest(digest), None if data is None else decode_base64(data))
        for digest, data in members.items()
    ]


def _hashes_to_json(hashes: tuple[bytes, ...]) -> list[str]:
    return [encode_base64(value) for value in hashes]


def _hashes_from_json(values: list[Any]) -> tuple[bytes, ...]:
    return tuple(decode_base64(value) for value in values)


def _present(data: bytes | None) -> bytes:
    if data is None:
        raise ParseError("an issuer or a policy is missing")
    return data


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise ParseError("a text is missing")
    return value


def _integer(value: Any) -> int:
    if type(value) is not int:
        raise ParseError("an integer is missing")
    return value
