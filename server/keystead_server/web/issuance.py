# SPDX-License-Identifier: Apache-2.0
"""`add-chain`, `add-pre-chain` and `get-roots` (RFC 6962 sections 4.1, 4.2 and 4.7), with evidence beside the chain.

A submission is judged here, under the policy in force; the intake decides what of it is new and has that
sequenced; what comes back is signed and answered.
"""

from aiohttp import web

from keystead.ct.leaf import PRECERT_ENTRY, LogEntry
from keystead.ct.sct import sct_list_extension_value, sign_sct
from keystead.encoding.json import encode_json
from keystead.encoding.rfc4648 import encode_base64
from keystead.errors import RefusedError
from keystead.tlog.proof import TlogProof
from keystead_server.admission.certificate import admit_certificate
from keystead_server.admission.evidence import claim_of, judge_evidence
from keystead_server.admission.submission import parse_chain_submission
from keystead_server.intake.certificates import CertificatePromise, CertificateSubmission
from keystead_server.log.operations import AddEntry
from keystead_server.log.records import Placed, greatest_statement
from keystead_server.web.answered import Answered
from keystead_server.web.limits import BODIES
from keystead_server.web.service import SERVICE, LogService

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
    body = await request.app[BODIES].read(request)
    answer = await submit_chain(service, body, precertificate=precertificate)
    return web.Response(body=answer, content_type="application/json")


async def _get_roots(request: web.Request) -> web.Response:
    service = request.app[SERVICE]
    service.log.refresh()
    roots = service.rules.roots
    certificates = [encode_base64(root.der) for _, root in sorted(roots.items())]
    return web.json_response({"certificates": certificates})


async def submit_chain(service: LogService, body: bytes, *, precertificate: bool) -> bytes:
    """Judge one submission, hand it in, and answer in JSON.

    Raises:
        RefusedError: with the stable code of the rule that refused it.
    """
    try:
        return await _submit(service, body, precertificate=precertificate)
    except RefusedError as error:
        if error.code != "policy-changed":
            raise
    # The policy changed between our look at it and the sequencer's: judge once more, under the new one.
    service.log.refresh()
    return await _submit(service, body, precertificate=precertificate)


async def _submit(service: LogService, body: bytes, *, precertificate: bool) -> bytes:
    rules = service.rules
    key = service.answered.key(body, precertificate=precertificate)
    answered = service.answered.get(key, rules.index)
    if answered is not None:
        recorded = service.log.records.evidence(answered.certificate_id)
        newest = max((piece.statement_index for piece in recorded), default=-1)
        path, checkpoint = service.log.prove_issuance(answered.placed.index, newest)
        # A piece that is committed and not published, as while witnesses are missing, is not answered with yet.
        recorded = tuple(piece for piece in recorded if piece.statement_index < service.log.statements_size)
        return _answer(answered, CertificatePromise(answered.placed, recorded, path, checkpoint))
    submission = parse_chain_submission(body, rules.policy.limits.max_chain_bytes)
    admitted = admit_certificate(submission.chain, precertificate=precertificate, issuers=rules.issuers)
    evidence = judge_evidence(submission.evidence, admitted.certificate.spki, rules.anchors, rules.distrusted)
    claim = claim_of(admitted.extension)
    entry = AddEntry(
        entry_type=admitted.entry_type,
        signed=admitted.signed,
        issuer_key_hash=admitted.issuer_key_hash,
        precertificate=admitted.certificate.der if precertificate else b"",
        chain=tuple((issuer.fingerprint, issuer.der) for issuer in admitted.chain),
        certificate_id=admitted.certificate_id,
        known_by=admitted.known_by,
        policy_index=rules.index,
        devices=() if claim is None else claim.devices,
    )
    promise = await service.intake.add_certificate(
        CertificateSubmission(entry, admitted.certificate.not_before, claim, evidence)
    )
    answered = _promised(service, entry, promise.placed)
    service.answered.keep(key, rules.index, answered)
    return _answer(answered, promise)


def _promised(service: LogService, submitted: AddEntry, placed: Placed) -> Answered:
    """Sign the promise, in all the forms that an answer gives it."""
    entry = LogEntry(
        timestamp=placed.timestamp,
        entry_type=submitted.entry_type,
        signed=submitted.signed,
        issuer_key_hash=submitted.issuer_key_hash if submitted.entry_type == PRECERT_ENTRY else b"",
        leaf_index=placed.index,
    )
    sct = sign_sct(entry, service.log_id, service.sct_key)
    serialized = sct.encode()
    promise = (
        f'{{"sct_version":0,"id":"{encode_base64(sct.log_id)}","timestamp":{placed.timestamp},'
        f'"extensions":"{encode_base64(sct.extensions)}","signature":"{encode_base64(sct.digitally_signed)}",'
        f'"leaf_index":{placed.index},"serialized_sct":"{encode_base64(serialized)}",'
        f'"sct_list":"{encode_base64(sct_list_extension_value([serialized]))}",'
        f'"certificate_id":"{submitted.certificate_id.hex()}"'
    )
    return Answered(placed, submitted.certificate_id, frozenset(submitted.devices), promise.encode("ascii"))


def _answer(answered: Answered, promise: CertificatePromise) -> bytes:
    devices = answered.claimed
    newest = ""
    if promise.recorded:
        devices = devices.union(*(piece.devices for piece in promise.recorded))
        newest = f',"statement_index":{greatest_statement(promise.recorded)}'
    proof = TlogProof(answered.placed.index, promise.path, promise.checkpoint).encode()
    listed = ",".join([f'"{device.hex()}"' for device in sorted(devices)])
    return b'%b,"proof":%b,"devices":[%b]%b}' % (
        answered.promise,
        encode_json(proof),
        listed.encode("ascii"),
        newest.encode("ascii"),
    )
