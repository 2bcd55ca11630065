# SPDX-License-Identifier: Apache-2.0
"""Writing to a log, and checking what it promises in return (RFC 6962 sections 4.1 and 4.2, `specs/api.md`).

A log answers a submission after its entry is published: with its promise, the SCT, and a
tlog-proof. Both are verified before the caller sees them, against the keys of `trust.json`, so that an answer from
`submit_chain` or `submit_statement` means that the entry is in the log.

Invariants:

* the promise is checked for the bytes that were sent, not for those that the log says it took;
* a refusal is a `RefusedError` with the log's stable code; an answer that promises something else than what
  was sent is a `VerificationError`, and one that is no answer a `FetchError`;
* a submission may be sent again at will: the log answers a duplicate from its first commit.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from keystead.certificate.precertificate import certificate_id, is_precertificate, log_tbs
from keystead.certificate.x509 import Certificate, parse_certificate
from keystead.client.http import PATIENT, Answer, Patience
from keystead.client.trust import Trust
from keystead.ct.leaf import PRECERT_ENTRY, X509_ENTRY, LogEntry
from keystead.ct.sct import (
    SignedCertificateTimestamp,
    parse_sct,
    sct_list_extension_value,
    verify_sct,
)
from keystead.devices.evidence import Evidence, evidence_to_json
from keystead.encoding.json import decode_json, encode_json
from keystead.encoding.rfc4648 import decode_base64, decode_digest, encode_base64
from keystead.errors import FetchError, ParseError, RefusedError, UsageError, VerificationError
from keystead.statements.dsse import Envelope
from keystead.statements.entry import StatementEntry
from keystead.tlog.checkpoint import LogKey, VerifiedCheckpoint
from keystead.tlog.merkle import hash_leaf
from keystead.tlog.proof import TlogProof, parse_tlog_proof, verify_tlog_proof

Logged = TypeVar("Logged")

__all__ = ["LoggedChain", "LoggedStatement", "Poster", "submit_chain", "submit_statement"]


class Poster(Protocol):
    """How a submission reaches a log: `HTTPFetcher` is one."""

    async def post(self, path: str, body: bytes, content_type: str = "application/json") -> Answer:
        """Send `body` once; raises FetchError where no answer comes."""
        ...


@dataclass(frozen=True, slots=True)
class LoggedChain:
    """A certificate or precertificate that is in the log.

    Attributes:
        entry: what the log hashed and signed: its index, its time.
        sct: the promise, verified.
        serialized_sct: its bytes, ready for an SCT list of several logs.
        sct_list: the DER OCTET STRING that goes inside extnValue to embed this promise alone.
        certificate_id: 32 bytes, shared by precertificate and certificate.
        devices: ids that the log knows from extension and evidence.
        statement_index: of the latest `device-evidence` for the certificate; None where there is none.
        proof: that the entry is in the tree.
        checkpoint: the tree, its signatures verified.
    """

    entry: LogEntry
    sct: SignedCertificateTimestamp
    serialized_sct: bytes
    sct_list: bytes
    certificate_id: bytes
    devices: tuple[bytes, ...]
    statement_index: int | None
    proof: TlogProof
    checkpoint: VerifiedCheckpoint


@dataclass(frozen=True, slots=True)
class LoggedStatement:
    """A statement that is in the log.

    Attributes:
        entry: what the log hashed: its time and the canonical envelope.
        leaf_index: its place.
        proof: that it is in the tree.
        checkpoint: the tree, its signatures verified.
    """

    entry: StatementEntry
    leaf_index: int
    proof: TlogProof
    checkpoint: VerifiedCheckpoint


async def submit_chain(
    poster: Poster,
    trust: Trust,
    chain: Sequence[bytes],
    evidence: Sequence[Evidence] = (),
    *,
    patience: Patience = PATIENT,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> LoggedChain:
    """Log a certificate or precertificate; which of the two it is, its poison says.

    Args:
        poster: sends to the log's base URL.
        trust: the log's keys.
        chain: DER, the certificate first, each issued by the next; the trust anchor may be left out.
        evidence: pieces that go beside the chain.
        patience: how long to put up with a busy log.
        sleep: how to wait.

    Raises:
        UsageError: the chain does not have what the promise must be checked with.
        RefusedError: the log refuses it.
        FetchError: the log cannot be reached or its answer is no answer.
        VerificationError: the log promises something else than what was sent, or proves nothing.
    """
    if not chain:
        raise UsageError("there is no certificate to submit")
    leaf = parse_certificate(chain[0])
    poisoned = is_precertificate(leaf)
    if len(chain) < 2:
        raise UsageError(
            "put the issuing CA's certificate behind the certificate: the log's promise names its key"
        )
    issuer_key_hash = parse_certificate(chain[1]).spki_hash
    document: dict[str, Any] = {"chain": [encode_base64(der) for der in chain]}
    if evidence:
        document["evidence"] = [evidence_to_json(piece) for piece in evidence]
    path = "issuance/ct/v1/add-pre-chain" if poisoned else "issuance/ct/v1/add-chain"
    answer = await _post(poster, path, encode_json(document), patience, sleep)
    return _read(lambda: _logged_chain(_Members(answer), trust, leaf, issuer_key_hash, poisoned=poisoned))


async def submit_statement(
    poster: Poster,
    trust: Trust,
    envelope: Envelope,
    *,
    patience: Patience = PATIENT,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> LoggedStatement:
    """Log a signed statement.

    Raises:
        RefusedError, FetchError, VerificationError: as `submit_chain`.
    """
    answer = await _post(poster, "statements/add", envelope.encode(), patience, sleep)
    return _read(lambda: _logged_statement(_Members(answer), trust, envelope))


async def _post(
    poster: Poster,
    path: str,
    body: bytes,
    patience: Patience,
    sleep: Callable[[float], Awaitable[None]],
) -> bytes:
    waited = 0.0
    while True:
        answer = await poster.post(path, body)
        if answer.status == 200:
            return answer.body
        refusal = _refusal(path, answer)
        # Only a log that names a time is asked again: what is refused for good stays refused.
        if refusal.retry_after is None or waited + refusal.retry_after > patience.busy_s:
            raise refusal
        await sleep(refusal.retry_after)
        waited += max(refusal.retry_after, 1)


def _refusal(path: str, answer: Answer) -> RefusedError:
    """The problem details of RFC 9457 as an error.

    Raises:
        FetchError: the answer has none: something else than a Keystead log speaks.
    """
    try:
        members = _Members(answer.body)
        code, detail = members.text("code"), members.text("detail")
    except ParseError as error:
        raise FetchError(
            f"{path} answers with status {answer.status}", url=path, status=answer.status
        ) from error
    return RefusedError(code, detail, status=answer.status, retry_after=answer.retry_after)


def _read(make: Callable[[], Logged]) -> Logged:
    try:
        return make()
    except ParseError as error:
        raise FetchError(f"the log's answer cannot be read: {error}") from error


def _logged_chain(
    answer: "_Members", trust: Trust, leaf: Certificate, issuer_key_hash: bytes, *, poisoned: bool
) -> LoggedChain:
    # (1) The promise, in the copy that is ready to embed, and CT's own members, say the same.
    serialized = answer.base64("serialized_sct")
    sct = parse_sct(serialized)
    if answer.base64("id") != sct.log_id or sct.log_id != trust.issuance.log_id:
        raise VerificationError("the promise is another log's", check="log-id", evidence={"sct": serialized})
    if (
        answer.integer("timestamp") != sct.timestamp
        or answer.base64("extensions") != sct.extensions
        or answer.base64("signature") != sct.digitally_signed
        or answer.base64("sct_list") != sct_list_extension_value([serialized])
        or answer.integer("leaf_index") != sct.leaf_index
    ):
        raise VerificationError(
            "the log's answer has two promises that differ",
            check="two-promises",
            evidence={"sct": serialized},
        )
    # (2) It is for what was sent.
    tbs = log_tbs(leaf)
    entry = LogEntry(
        sct.timestamp,
        PRECERT_ENTRY if poisoned else X509_ENTRY,
        tbs if poisoned else leaf.der,
        issuer_key_hash if poisoned else b"",
        sct.leaf_index,
    )
    verify_sct(sct, entry, trust.issuance.sct_key)
    # (3) It is kept: the entry is in the tree that the log signed.
    proof, checkpoint = _proven(answer, sct.leaf_index, entry.leaf_hash(), trust.issuance.key)
    # (4) The id that statements will name it by.
    identifier = certificate_id(issuer_key_hash, tbs)
    if decode_digest(answer.text("certificate_id"), "certificate_id") != identifier:
        raise VerificationError("the log calls the certificate by another id", check="certificate-id")
    return LoggedChain(
        entry=entry,
        sct=sct,
        serialized_sct=serialized,
        sct_list=sct_list_extension_value([serialized]),
        certificate_id=identifier,
        devices=tuple(decode_digest(device, "a device id") for device in answer.texts("devices")),
        statement_index=answer.integer("statement_index") if "statement_index" in answer else None,
        proof=proof,
        checkpoint=checkpoint,
    )


def _logged_statement(answer: "_Members", trust: Trust, envelope: Envelope) -> LoggedStatement:
    entry = StatementEntry(answer.integer("timestamp"), envelope)
    index = answer.integer("leaf_index")
    proof, checkpoint = _proven(answer, index, hash_leaf(entry.encode()), trust.statements.key)
    return LoggedStatement(entry, index, proof, checkpoint)


def _proven(
    answer: "_Members", index: int, leaf_hash: bytes, key: LogKey
) -> tuple[TlogProof, VerifiedCheckpoint]:
    proof = parse_tlog_proof(answer.text("proof"))
    if proof.index != index:
        raise VerificationError(
            f"the log says that the entry is at {index} and proves it at {proof.index}", check="index"
        )
    return proof, verify_tlog_proof(proof, leaf_hash, key)


class _Members:
    """The members of an answer that this program needs; a later log may send more."""

    def __init__(self, body: bytes) -> None:
        value = decode_json(body, "the answer")
        if not isinstance(value, dict):
            raise ParseError("the answer is no JSON object")
        self._members: Mapping[str, Any] = value

    def __contains__(self, name: str) -> bool:
        return name in self._members

    def text(self, name: str) -> str:
        value = self._members.get(name)
        if not isinstance(value, str):
            raise ParseError(f"{name} is missing, or is no text")
        return value

    def texts(self, name: str) -> list[str]:
        value = self._members.get(name)
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise ParseError(f"{name} is missing, or is no list of texts")
        return value

    def integer(self, name: str) -> int:
        value = self._members.get(name)
        if not isinstance(value, int) or isinstance(value, bool):
            raise ParseError(f"{name} is missing, or is no integer")
        return value

    def base64(self, name: str) -> bytes:
        return decode_base64(self.text(name), name)
