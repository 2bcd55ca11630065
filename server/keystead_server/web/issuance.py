# SPDX-License-Identifier: Apache-2.0
"""`add-chain`, `add-pre-chain` and `get-roots` (RFC 6962 sections 4.1, 4.2 and 4.7), with evidence beside the chain.

A submission is judged, then decided against what is logged and what is about to be: a duplicate is answered from
its first commit, before any quota; what is new goes to the sequencer, entry and evidence together; the answer
waits until all of it is published.
"""

import asyncio
from collections.abc import Sequence

from aiohttp import web

from keystead.ct.leaf import PRECERT_ENTRY, LogEntry
from keystead.ct.sct import sct_list_extension_value, sign_sct
from keystead.encoding.json import encode_json
from keystead.encoding.rfc4648 import encode_base64
from keystead.tlog.proof import TlogProof
from keystead_server.admission.certificate import AdmittedCertificate, admit_certificate
from keystead_server.admission.evidence import (
    AdmittedEvidence,
    choose_evidence,
    judge_evidence,
    require_backfill,
)
from keystead_server.admission.quota import FRESH_SECONDS
from keystead_server.admission.submission import parse_chain_submission
from keystead_server.log.operations import AddEntry, AddEvidence, Operation
from keystead_server.log.records import Placed, RecordedEvidence, greatest_statement
from keystead_server.log.sequencer import Outcome
from keystead_server.web.service import SERVICE, LogService, Rules, placed_or_refused

__all__ = ["add_issuance_routes"]


def add_issuance_routes(app: web.Application) -> None:
    """Add the CT write calls to `app`."""
    app.router.add_post("/issuance/ct/v1/add-chain", _add_chain)
    app.router.add_post("/issuance/ct/v1/add-pre-chain", _add_pre_chain)
    app.router.add_get("/issuance/ct/v1/get-roots", _get_roots)


async def _add_chain(request: web.Request) -> web.Response:
    return await _add(request, precertificate=False)


async def _add_pre_chain(request: web.Request) -> web.Response:
    return await _add(request, precertificate=True)


async def _add(request: web.Request, *, precertificate: bool) -> web.Response:
    service = request.app[SERVICE]
    answer = await submit_chain(service, await request.read(), precertificate=precertificate)
    return web.Response(body=encode_json(answer), content_type="application/json")


async def _get_roots(request: web.Request) -> web.Response:
    roots = request.app[SERVICE].rules.roots
    certificates = [encode_base64(root.der) for _, root in sorted(roots.items())]
    return web.json_response({"certificates": certificates})


async def submit_chain(service: LogService, body: bytes, *, precertificate: bool) -> dict[str, object]:
    """Judge, decide, wait and answer one submission.

    Raises:
        RefusedError: with the stable code of the rule that refused it.
    """
    rules = service.rules
    submission = parse_chain_submission(body, rules.policy.limits.max_chain_bytes)
    admitted = admit_certificate(submission.chain, precertificate=precertificate, issuers=rules.issuers)
    evidence = judge_evidence(submission.evidence, admitted.certificate.spki, rules.anchors, rules.distrusted)
    placed, recorded = await _sequence(service, rules, admitted, evidence)
    return _answer(service, admitted, placed, recorded)


async def _sequence(
    service: LogService, rules: Rules, admitted: AdmittedCertificate, evidence: Sequence[AdmittedEvidence]
) -> tuple[Placed, Sequence[RecordedEvidence]]:
    """Have the entry and the new evidence sequenced, unless they are.

    Returns:
        Where the entry stands, and the evidence that is recorded for its certificate.
    """
    sequencer = service.sequencer
    entry = AddEntry(
        entry_type=admitted.entry_type,
        signed=admitted.signed,
        issuer_key_hash=admitted.issuer_key_hash,
        precertificate=admitted.certificate.der if admitted.entry_type == PRECERT_ENTRY else b"",
        chain=tuple((issuer.fingerprint, issuer.der) for issuer in admitted.chain),
        certificate_id=admitted.certificate_id,
        known_by=admitted.known_by,
        policy_index=rules.index,
    )
    while True:
        sequencer.refuse_if_wounded()
        recorded = service.log.records.evidence(admitted.certificate_id)
        chosen = choose_evidence(evidence, admitted.extension, recorded)
        require_backfill(rules.policy.backfill, admitted.extension, evidence, recorded)
        entry_waits = sequencer.pending(entry.key) is not None
        # What is committed but not yet published still waits: its proof is not to be had before.
        placed = None if entry_waits else _placed(service, entry)
        additions: list[Operation] = [
            AddEvidence(
                certificate_id=admitted.certificate_id,
                entry=entry.key if placed is None else placed.index,
                evidence=piece.evidence,
                digest=piece.digest,
                devices=piece.devices,
                anchors=piece.anchors,
                policy_index=rules.index,
            )
            for piece in chosen
        ]
        keys = {operation.key for operation in additions}
        waiting = set(sequencer.pending_evidence(admitted.certificate_id))
        # Evidence that another submission brought may make ours a duplicate, and an entry that is already in the
        # running batch cannot take evidence along: wait for either, then decide anew on what is logged.
        blockers = waiting - keys
        if entry_waits and not keys <= waiting:
            blockers = {*waiting, entry.key}
        if blockers:
            futures = [sequencer.pending(key) for key in blockers]
            for outcome in await _all([future for future in futures if future is not None]):
                placed_or_refused(outcome)
            continue
        if placed is not None and not additions:
            return placed, recorded
        operations: list[Operation] = [*([entry] if placed is None else []), *additions]
        if not entry_waits and not waiting:
            _charge(service, rules, admitted)
        futures_of = sequencer.submit(operations, rules.policy.limits.pool)
        outcomes = [placed_or_refused(outcome) for outcome in await _all(futures_of)]
        if additions:
            recorded = service.log.records.evidence(admitted.certificate_id)
        return placed or outcomes[0], recorded


def _placed(service: LogService, entry: AddEntry) -> Placed | None:
    records = service.log.records
    if entry.entry_type == PRECERT_ENTRY:
        return records.precertificate(entry.known_by)
    return records.certificate(entry.known_by)


async def _all(futures: Sequence[asyncio.Future[Outcome]]) -> list[Outcome]:
    # Shielded: these futures are shared, and a client that hangs up must not take them from the others.
    return [await asyncio.shield(future) for future in futures]


def _charge(service: LogService, rules: Rules, admitted: AdmittedCertificate) -> None:
    limits = rules.policy.limits
    now_ms = service.clock.now_ms()
    fresh = (
        admitted.entry_type == PRECERT_ENTRY
        and admitted.certificate.not_before >= now_ms // 1000 - FRESH_SECONDS
    )
    counter, limit = (
        ("per_issuer_fresh", limits.per_issuer_fresh) if fresh else ("per_issuer", limits.per_issuer)
    )
    service.quotas.charge(counter, admitted.issuer_key_hash, limit, now_ms)


def _answer(
    service: LogService, admitted: AdmittedCertificate, placed: Placed, recorded: Sequence[RecordedEvidence]
) -> dict[str, object]:
    log = service.log
    entry = LogEntry(
        timestamp=placed.timestamp,
        entry_type=admitted.entry_type,
        signed=admitted.signed,
        issuer_key_hash=admitted.issuer_key_hash if admitted.entry_type == PRECERT_ENTRY else b"",
        leaf_index=placed.index,
    )
    keys = log.identity.keys
    sct = sign_sct(entry, keys.log_id, keys.sct)
    serialized = sct.encode()
    devices = {device for piece in recorded for device in piece.devices}
    if admitted.extension is not None:
        devices.update(device.device_id for device in admitted.extension.devices)
    proof = TlogProof(
        placed.index, tuple(log.issuance.inclusion_proof(placed.index)), log.state.heads.issuance
    )
    answer: dict[str, object] = {
        "sct_version": 0,
        "id": encode_base64(sct.log_id),
        "timestamp": placed.timestamp,
        "extensions": encode_base64(sct.extensions),
        "signature": encode_base64(sct.digitally_signed),
        "leaf_index": placed.index,
        "serialized_sct": encode_base64(serialized),
        "sct_list": encode_base64(sct_list_extension_value([serialized])),
        "proof": proof.encode(),
        "certificate_id": admitted.certificate_id.hex(),
        "devices": sorted(device.hex() for device in devices),
    }
    statement_index = greatest_statement(recorded)
    if statement_index is not None:
        answer["statement_index"] = statement_index
    return answer
