# SPDX-License-Identifier: Apache-2.0
"""What each kind of statement says, read and written."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given

from keystead.certificate.extension import Method
from keystead.errors import ParseError, StatementError
from keystead.statements.dsse import sign_envelope
from keystead.statements.payloads import (
    KINDS,
    Statement,
    kind_of,
    parse_payload,
    parse_statement,
    sign_statement,
)
from keystead.statements.statement import payload_type_of
from keystead.statements.statement_key import spki_of
from support.fuzzing import FUZZ, damaged, only_our_errors
from support.statements import (
    AUDITOR,
    NOW,
    OPERATOR,
    SERVICE,
    audit,
    binding,
    device,
    digest,
    enrolment,
    evidence,
    one_of_each_kind,
    revocation,
)

EVERY = {statement.kind: statement for statement in one_of_each_kind()}


def test_there_is_an_example_of_every_kind() -> None:
    """So that no kind goes untested."""
    assert EVERY.keys() == KINDS.keys()


@pytest.mark.parametrize("kind", KINDS)
def test_statement_is_read_as_it_was_written(kind: str) -> None:
    """With every member, through an envelope."""
    envelope = sign_statement(AUDITOR, EVERY[kind])
    assert envelope.payload_type == f"application/vnd.keystead.{kind}.v1+json"
    assert kind_of(envelope) is KINDS[kind]
    assert parse_statement(envelope) == EVERY[kind]


def test_optional_members_are_left_out() -> None:
    """Where there is nothing to say, the member is absent, not null."""
    for statement in (binding(), audit(period_start=None, period_end=None), enrolment()):
        assert b"null" not in statement.encode()
        assert parse_payload(KINDS[statement.kind], statement.encode()) == statement


def test_payload_of_an_audit() -> None:
    """The members and their spelling, as programs elsewhere expect them."""
    value = json.loads(audit(report="r").encode())
    assert list(value) == [
        "log",
        "issued",
        "service",
        "service_name",
        "founding_key",
        "operator",
        "scheme",
        "auditor",
        "not_before",
        "not_after",
        "period_start",
        "period_end",
        "report",
    ]
    assert value["issued"] == "2025-06-15T15:06:40Z"
    assert value["service"] == SERVICE.hex()
    assert value["scheme"] == "webtrust-csbr-netsec"
    assert value["operator"].keys() == {"name", "key"}


def test_signers_may_write_json_as_they_like() -> None:
    """Order and white space say nothing; the digest of the payload is of the bytes as they were signed."""
    value = json.loads(binding().encode())
    payload = json.dumps(dict(reversed(value.items())), indent=1).encode()
    envelope = sign_envelope(AUDITOR, binding().payload_type, payload)
    assert parse_statement(envelope) == binding()
    assert envelope.payload_digest != sign_statement(AUDITOR, binding()).payload_digest


@pytest.mark.parametrize(
    "payload_type",
    [
        "application/vnd.keystead.device-transfers.v1+json",
        "application/vnd.keystead.service-audit.v2+json",
        "application/vnd.keystead.Service-Audit.v1+json",
        "application/json",
        "service-audit",
    ],
)
def test_unknown_kinds_are_refused(payload_type: str) -> None:
    """Also a known kind in a version that is not."""
    with pytest.raises(StatementError) as refused:
        parse_statement(sign_envelope(AUDITOR, payload_type, audit().encode()))
    assert refused.value.check == "unknown-kind"


def edited(statement: Statement, change: Callable[[dict[str, Any]], Any]) -> bytes:
    value = json.loads(statement.encode())
    change(value)
    return json.dumps(value).encode()


MALFORMED: dict[str, tuple[str, bytes]] = {
    "not JSON": ("audit-withdrawal", b"{"),
    "no object": ("audit-withdrawal", b"[]"),
    "duplicate member": (
        "certificate-revoked",
        revocation().encode().replace(b'{"log"', b'{"reason":"superseded","log"'),
    ),
    "duplicate member inside": ("service-audit", audit().encode().replace(b'{"name"', b'{"name":"x","name"')),
    "unknown member": ("certificate-revoked", edited(revocation(), lambda v: v.update(note="x"))),
    "unknown member inside": ("service-audit", edited(audit(), lambda v: v["operator"].update(note="x"))),
    "unknown member in a device": (
        "device-binding",
        edited(binding(), lambda v: v["devices"][0].update(x=1)),
    ),
    "missing member": ("certificate-revoked", edited(revocation(), lambda v: v.pop("on"))),
    "null": ("device-binding", edited(binding(), lambda v: v.update(service=None))),
    "time with an offset": (
        "certificate-revoked",
        edited(revocation(), lambda v: v.update(on="2025-06-15T15:06:40+00:00")),
    ),
    "time of a day that is not": (
        "certificate-revoked",
        edited(revocation(), lambda v: v.update(on="2025-02-29T00:00:00Z")),
    ),
    "time as a number": ("certificate-revoked", edited(revocation(), lambda v: v.update(on=NOW))),
    "negative index": ("device-binding", edited(binding(), lambda v: v.update(issuance_index=-1))),
    "index as text": ("device-binding", edited(binding(), lambda v: v.update(issuance_index="7"))),
    "index as a boolean": ("device-binding", edited(binding(), lambda v: v.update(issuance_index=True))),
    "index with a fraction": ("device-binding", binding().encode().replace(b":7,", b":7.0,")),
    "index too great": ("device-binding", binding().encode().replace(b":7,", b":9223372036854775808,")),
    "index with a leading zero": ("device-binding", binding().encode().replace(b":7,", b":07,")),
    "method by number": ("device-binding", edited(binding(), lambda v: v.update(method=1))),
    "unknown method": ("device-binding", edited(binding(), lambda v: v.update(method="shippedByCa"))),
    "unknown reason": (
        "certificate-revoked",
        edited(revocation(), lambda v: v.update(reason="certificateHold")),
    ),
    "removed from CRL": (
        "certificate-revoked",
        edited(revocation(), lambda v: v.update(reason="removeFromCRL")),
    ),
    "unknown scheme": ("service-audit", edited(audit(), lambda v: v.update(scheme="SOC2"))),
    "digest in upper case": ("device-binding", edited(binding(), lambda v: v.update(service="AB" * 32))),
    "false": ("device-binding", edited(binding(), lambda v: v.update(supersedes_extension=False))),
    "17 devices": (
        "device-binding",
        edited(binding(), lambda v: v.update(devices=[device(str(n)).to_json() for n in range(17)])),
    ),
    "no anchors": ("device-evidence", edited(evidence(), lambda v: v.update(anchors=[]))),
    "scheme with a dot": (
        "device-binding",
        edited(binding(), lambda v: v["devices"][0].update(scheme="1.2")),
    ),
    "empty text": ("service-audit", edited(audit(), lambda v: v.update(auditor=""))),
    "long text": ("service-audit", edited(audit(), lambda v: v.update(auditor="a" * 201))),
    "terminal escape": ("service-audit", edited(audit(), lambda v: v.update(auditor="A\x1b[31mB"))),
    "line break": ("service-audit", edited(audit(), lambda v: v.update(auditor="A\n"))),
    "bidirectional override": ("service-audit", edited(audit(), lambda v: v.update(auditor="A\u202eB"))),
    "lone surrogate": ("service-audit", edited(audit(), lambda v: v.update(auditor="\ud800"))),
    "key of another algorithm": (
        "service-audit",
        edited(audit(), lambda v: v.update(founding_key="MCowBQYDK2VuAyEA" + "A" * 43 + "=")),
    ),
    "point off the curve": (
        "service-audit",
        edited(
            audit(), lambda v: v.update(founding_key="MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE" + "A" * 86 + "==")
        ),
    ),
}


@pytest.mark.parametrize("name", MALFORMED)
def test_what_is_not_as_the_schema_says_is_malformed(name: str) -> None:
    """Each way to be wrong, once."""
    kind, payload = MALFORMED[name]
    with pytest.raises(ParseError):
        parse_payload(KINDS[kind], payload)


CONTRADICTIONS: dict[str, tuple[str, Callable[[], Statement]]] = {
    "service id of another key": (
        "service-id-mismatch",
        lambda: audit(founding_key=spki_of(AUDITOR)),
    ),
    "service id of another name": (
        "service-id-mismatch",
        lambda: audit(service_name="Example Signing Service "),
    ),
    "audit backwards": ("audit-ends-before-it-begins", lambda: audit(not_after=NOW - 31 * 86_400)),
    "period backwards": ("audit-ends-before-it-begins", lambda: audit(period_start=NOW)),
    "a device twice": ("device-named-twice", lambda: binding(devices=(device(), device()))),
    "a device joins twice": ("device-named-twice", lambda: enrolment(join=(device(), device()))),
    "a device leaves twice": ("device-named-twice", lambda: enrolment(leave=(device("b"), device("b")))),
    "evidence proves a device twice": ("device-named-twice", lambda: evidence(devices=(device(), device()))),
    "a device joins and leaves": ("joins-and-leaves", lambda: enrolment(leave=(device(),))),
    "nothing is said": ("says-nothing", lambda: enrolment(join=())),
    "neither device nor service": (
        "inconsistent-binding",
        lambda: binding(devices=(), method=Method.SIGNING_SERVICE),
    ),
    "a service by attestation": (
        "inconsistent-binding",
        lambda: binding(devices=(), service=SERVICE, method=Method.KEY_ATTESTATION),
    ),
    "a service declared": (
        "inconsistent-binding",
        lambda: binding(devices=(), service=SERVICE, method=Method.DECLARED),
    ),
}


@pytest.mark.parametrize("name", CONTRADICTIONS)
def test_no_statement_contradicts_itself(name: str) -> None:
    """The value cannot be made, and each contradiction has a code of its own."""
    check, make = CONTRADICTIONS[name]
    with pytest.raises(StatementError) as refused:
        make()
    assert refused.value.check == check


def test_contradictions_are_found_in_what_is_read() -> None:
    """The same rules hold for a payload from outside."""
    payload = edited(enrolment(), lambda v: v.update(leave=v["join"]))
    with pytest.raises(StatementError) as refused:
        parse_payload(KINDS["service-devices"], payload)
    assert refused.value.check == "joins-and-leaves"


def test_two_scheme_names_do_not_make_two_devices() -> None:
    """The id alone identifies: the same id under another label is the same device."""
    value = json.loads(binding().encode())
    value["devices"].append(value["devices"][0] | {"scheme": "another-scheme"})
    with pytest.raises(StatementError) as refused:
        parse_payload(KINDS["device-binding"], json.dumps(value).encode())
    assert refused.value.check == "device-named-twice"


@pytest.mark.parametrize(
    "method", [Method.IT_AUDIT, Method.CLOUD_REPORT, Method.WITNESSED_CREATION, Method(7)]
)
def test_service_alone_is_bound_by_the_methods_of_the_extension(method: Method) -> None:
    """Methods 4 to 7 can know of a service without knowing the device."""
    assert binding(devices=(), service=SERVICE, method=method).devices == ()


def test_nothing_is_signed_that_nobody_would_read() -> None:
    """A value whose parts are not in their form is refused before it leaves."""
    for statement in (
        audit(auditor="A\nB"),
        binding(issuance_index=-1),
        enrolment(next_key=b"no key"),
        evidence(format="Not A Name"),
        evidence(certificate=b"short"),
    ):
        with pytest.raises(ParseError):
            sign_statement(OPERATOR, statement)
    with pytest.raises(ParseError):
        sign_statement(ec.derive_private_key(5, ec.SECP521R1()), binding())


def test_payload_types_are_versioned() -> None:
    """Of every kind this is version 1."""
    assert {payload_type_of(kind) for kind in KINDS} == {s.payload_type for s in EVERY.values()}


@FUZZ
@given(damaged(*(statement.encode() for statement in EVERY.values())))
def test_damaged_payloads_raise_only_our_errors(data: bytes) -> None:
    """And what is read is written so that it reads the same."""
    for kind in KINDS.values():
        statement = only_our_errors(lambda payload, kind=kind: parse_payload(kind, payload), data)
        if statement is not None:
            assert parse_payload(kind, statement.encode()) == statement


def test_device_ids_are_digests() -> None:
    """A short id is malformed."""
    payload = edited(binding(), lambda v: v["devices"][0].update(device_id=digest("x").hex()[:-2]))
    with pytest.raises(ParseError):
        parse_payload(KINDS["device-binding"], payload)
