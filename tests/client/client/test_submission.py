# SPDX-License-Identifier: Apache-2.0
"""Submitting: what an honest log answers is accepted, and every way in which an answer can lie is noticed."""

import json
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from keystead.certificate.precertificate import certificate_id, is_precertificate, log_tbs
from keystead.certificate.x509 import parse_certificate
from keystead.client.http import Answer, Patience
from keystead.client.submission import submit_chain, submit_statement
from keystead.ct.sct import sct_list_extension_value, sign_sct
from keystead.encoding.json import encode_json
from keystead.encoding.rfc4648 import decode_base64, encode_base64
from keystead.errors import FetchError, RefusedError, UsageError, VerificationError
from keystead.statements.dsse import Envelope, parse_envelope, sign_envelope
from keystead.statements.entry import StatementEntry
from keystead.testvendor.ca import TestCertificateAuthority
from keystead.testvendor.keys import derive_key
from keystead.testvendor.subjects import ov_subject
from support.memory_log import MemoryLog

_CA = TestCertificateAuthority("Test CA")
_SUBJECT = ov_subject("Example AB", "SE")
_KEY = derive_key(b"submission", "leaf")


def _chain(*, precertificate: bool = False) -> list[bytes]:
    return [_CA.issue(_SUBJECT, _KEY.spki, precertificate=precertificate), *_CA.chain]


class _Log:
    """Answers submissions as the log's server does; `change` may alter each answer."""

    def __init__(self, change: Callable[[dict[str, Any]], None] = lambda answer: None) -> None:
        self.log = MemoryLog()
        self.log.add_statement_entry(b"first")
        self.change = change
        self.refusals: list[Answer] = []
        self.bodies: list[dict[str, Any]] = []

    async def post(self, path: str, body: bytes, content_type: str = "application/json") -> Answer:
        if self.refusals:
            return self.refusals.pop(0)
        document = json.loads(body)
        self.bodies.append(document)
        answer = (
            self._statement(parse_envelope(body))
            if path == "statements/add"
            else self._chain([decode_base64(der) for der in document["chain"]], path)
        )
        self.change(answer)
        return Answer(200, encode_json(answer), None)

    def _chain(self, ders: Sequence[bytes], path: str) -> dict[str, Any]:
        leaf, issuer = parse_certificate(ders[0]), parse_certificate(ders[1])
        assert path.endswith("add-pre-chain" if is_precertificate(leaf) else "add-chain")
        fingerprints = [parse_certificate(der).fingerprint for der in ders[1:]]
        if is_precertificate(leaf):
            index = self.log.add_leaf(
                log_tbs(leaf), fingerprints, precertificate=leaf.der, issuer_key_hash=issuer.spki_hash
            )
        else:
            index = self.log.add_leaf(leaf.der, fingerprints)
        self.log.publish()
        entry = self.log.issuance.leaves[index].entry
        log_id = self.log.trust.issuance.log_id
        sct = sign_sct(entry, log_id, self.log.sct_key)
        return {
            "sct_version": 0,
            "id": encode_base64(log_id),
            "timestamp": entry.timestamp,
            "extensions": encode_base64(sct.extensions),
            "signature": encode_base64(sct.digitally_signed),
            "leaf_index": index,
            "serialized_sct": encode_base64(sct.encode()),
            "sct_list": encode_base64(sct_list_extension_value([sct.encode()])),
            "proof": self.log.issuance.proof(index).encode(),
            "certificate_id": certificate_id(issuer.spki_hash, log_tbs(leaf)).hex(),
            "devices": ["ab" * 32],
        }

    def _statement(self, envelope: Envelope) -> dict[str, Any]:
        timestamp = self.log.now_ms
        index = self.log.add_statement_entry(StatementEntry(timestamp, envelope).encode())
        self.log.publish()
        return {
            "leaf_index": index,
            "timestamp": timestamp,
            "proof": self.log.statements.proof(index).encode(),
        }


@pytest.mark.parametrize("precertificate", [False, True])
async def test_a_promise_is_verified_and_returned(precertificate: bool) -> None:
    """A certificate goes to add-chain, a poisoned one to add-pre-chain; everything to embed comes back."""
    log = _Log()

    logged = await submit_chain(log, log.log.trust, _chain(precertificate=precertificate))

    assert logged.entry == log.log.issuance.leaves[0].entry
    assert logged.sct_list == sct_list_extension_value([logged.serialized_sct])
    assert logged.devices == (bytes.fromhex("ab" * 32),)
    assert logged.statement_index is None
    assert logged.checkpoint.checkpoint.size == 1


async def test_precertificate_and_certificate_have_one_id() -> None:
    """So that everybody counts them once."""
    log = _Log()
    first = await submit_chain(log, log.log.trust, _chain(precertificate=True))
    final = [_CA.issue(_SUBJECT, _KEY.spki, sct_list=first.sct_list), *_CA.chain]

    assert (await submit_chain(log, log.log.trust, final)).certificate_id == first.certificate_id


async def test_the_greatest_statement_of_evidence_is_told() -> None:
    """Whoever looks the device up knows from where on a head covers the answer."""
    log = _Log(lambda answer: answer.update(statement_index=7))

    assert (await submit_chain(log, log.log.trust, _chain())).statement_index == 7


def _other_sct(answer: dict[str, Any]) -> None:
    log = MemoryLog("other.example")
    log.add_leaf(b"\x30", [])
    sct = sign_sct(log.issuance.leaves[0].entry, log.trust.issuance.log_id, log.sct_key)
    answer.update(id=encode_base64(sct.log_id), serialized_sct=encode_base64(sct.encode()))


@pytest.mark.parametrize(
    ("change", "check"),
    [
        (lambda answer: answer.update(timestamp=answer["timestamp"] + 1), "two-promises"),
        (lambda answer: answer.update(extensions=""), "two-promises"),
        (lambda answer: answer.update(sct_list=answer["serialized_sct"]), "two-promises"),
        (lambda answer: answer.update(leaf_index=1), "two-promises"),
        (lambda answer: answer.update(certificate_id="00" * 32), "certificate-id"),
        (_other_sct, "log-id"),
    ],
    ids=["time", "extensions", "list", "index", "certificate id", "another log's promise"],
)
async def test_an_answer_that_contradicts_itself_is_refused(
    change: Callable[[dict[str, Any]], None], check: str
) -> None:
    """Each member that CT software takes is compared with the promise that was verified."""
    log = _Log(change)

    with pytest.raises(VerificationError) as caught:
        await submit_chain(log, log.log.trust, _chain())
    assert caught.value.check == check


async def test_a_promise_for_something_else_is_refused() -> None:
    """The log logs another certificate of the same subject and answers with a good promise for that."""
    log = _Log()
    other = [_CA.issue(_SUBJECT, _KEY.spki, serial=5), *_CA.chain]

    class _Swapping:
        async def post(self, path: str, body: bytes, content_type: str = "application/json") -> Answer:
            return await log.post(path, encode_json({"chain": [encode_base64(der) for der in other]}))

    with pytest.raises(VerificationError):
        await submit_chain(_Swapping(), log.log.trust, _chain())


async def test_a_proof_of_another_entry_is_refused() -> None:
    """A promise without the entry in the tree is worth nothing."""
    log = _Log()
    first = await submit_chain(log, log.log.trust, _chain(precertificate=True))
    log.change = lambda answer: answer.update(proof=first.proof.encode())

    with pytest.raises(VerificationError, match="proves it at 0"):
        await submit_chain(log, log.log.trust, _chain())


async def test_a_log_of_other_keys_is_refused() -> None:
    """The answer of an impostor does not verify under the keys that are trusted."""
    log = _Log()

    with pytest.raises(VerificationError):
        await submit_chain(log, MemoryLog("trusted.example").trust, _chain())


async def test_a_statement_is_proven_to_be_in_the_log() -> None:
    """The leaf is recomputed from the envelope that was sent."""
    log = _Log()
    envelope = sign_envelope(_KEY.private_key, "application/vnd.keystead.test.v1+json", b"{}")

    logged = await submit_statement(log, log.log.trust, envelope)

    assert (logged.leaf_index, logged.entry.envelope) == (1, envelope)
    log.change = lambda answer: answer.update(timestamp=answer["timestamp"] + 1)
    with pytest.raises(VerificationError):
        await submit_statement(log, log.log.trust, envelope)


async def test_a_refusal_keeps_the_stable_code() -> None:
    """Problem details become an error with code, status and sentence."""
    log = _Log()
    log.refusals = [Answer(400, encode_json({"code": "unknown-root", "detail": "No such root."}), None)]

    with pytest.raises(RefusedError, match=r"No such root\.") as caught:
        await submit_chain(log, log.log.trust, _chain())
    assert (caught.value.code, caught.value.status, caught.value.retry_after) == ("unknown-root", 400, None)


async def test_a_busy_log_is_asked_again_while_patience_lasts() -> None:
    """After as many seconds as it names, and not for ever."""
    busy = Answer(503, encode_json({"code": "pool-full", "detail": "The pool is full."}), 4)
    naps: list[float] = []

    async def nap(seconds: float) -> None:
        naps.append(seconds)

    log = _Log()
    log.refusals = [busy, busy]
    await submit_chain(log, log.log.trust, _chain(), sleep=nap)
    assert naps == [4, 4]

    log.refusals = [busy, busy]
    with pytest.raises(RefusedError):
        await submit_chain(log, log.log.trust, _chain(), sleep=nap, patience=Patience(busy_s=7))


@pytest.mark.parametrize(
    "answer", [Answer(502, b"<html>", None), Answer(200, b"{}", None), Answer(200, b"[]", None)]
)
async def test_an_answer_that_is_none_is_said(answer: Answer) -> None:
    """A proxy's page, or members that are missing."""
    log = _Log()
    log.refusals = [answer]

    with pytest.raises(FetchError):
        await submit_chain(log, log.log.trust, _chain())


async def test_a_chain_without_its_issuer_cannot_be_checked() -> None:
    """The sentence says what to add."""
    log = _Log()

    with pytest.raises(UsageError, match="issuing CA's certificate"):
        await submit_chain(log, log.log.trust, _chain()[:1])
    with pytest.raises(UsageError):
        await submit_chain(log, log.log.trust, [])
