# SPDX-License-Identifier: Apache-2.0
"""What an entry is listed under: total, and each key for itself. The rule's cases are in the published vectors."""

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keystead.certificate.precertificate import log_tbs
from keystead.certificate.x509 import parse_certificate
from keystead.ct.leaf import PRECERT_ENTRY, X509_ENTRY, LogEntry, parse_merkle_tree_leaf
from keystead.index.kinds import IndexKind, Subject
from keystead.index.mapping import subjects_of_entry, subjects_of_statement
from keystead.statements.entry import StatementEntry
from keystead.statements.payloads import Statement, sign_statement
from support.statements import (
    AUDITOR,
    SERVICE,
    audit,
    device,
    enrolment,
    index_head,
    one_of_each_kind,
    transfer,
)
from support.world import World


def _listed(statement: Statement) -> set[tuple[int, bytes]]:
    entry = StatementEntry(5, sign_statement(AUDITOR, statement))
    return {(int(subject.kind), subject.value) for subject in subjects_of_statement(entry.encode())}


def test_a_certificate_and_its_precertificate(tmp_path: Path) -> None:
    """They are listed under the same keys, the certificate id among them."""
    leaf = World(tmp_path).leaf(serial=5_000_001)
    issuer = parse_certificate(leaf.authority.chain[0]).spki_hash
    tbs = log_tbs(parse_certificate(leaf.precertificate))
    of_precertificate = subjects_of_entry(LogEntry(5, PRECERT_ENTRY, tbs, issuer, 0), None)
    of_certificate = subjects_of_entry(LogEntry(6, X509_ENTRY, leaf.certificate(), b"", 1), issuer)
    assert of_precertificate == of_certificate
    assert sorted(subject.kind for subject in of_certificate) == [1, 2, 3, 10]


def test_every_kind_of_statement_is_listed_somewhere_but_heads() -> None:
    """What says something about somebody can be found by it."""
    for statement in one_of_each_kind():
        assert bool(_listed(statement)) == (statement.kind != "index-head"), statement.kind
    assert _listed(index_head()) == set()


def test_devices_that_join_and_leave_are_listed() -> None:
    """Each once, with the service."""
    statement = enrolment(join=(device("a"),), leave=(device("b"),))
    assert _listed(statement) == {
        (6, device("a").device_id),
        (6, device("b").device_id),
        (7, SERVICE),
    }


def test_a_transfer_is_listed_under_all_that_it_names() -> None:
    """Device and both subscribers."""
    statement = transfer()
    kinds = sorted(kind for kind, _ in _listed(statement))
    assert kinds == [6, 8, 8]


def test_an_audit_is_listed_under_its_service_alone() -> None:
    """Keys in it are nobody's device."""
    assert _listed(audit()) == {(7, SERVICE)}


@settings(max_examples=200, deadline=None)
@given(st.binary(min_size=1, max_size=300), st.booleans())
def test_an_entry_that_cannot_be_read_is_undecodable(signed: bytes, known: bool) -> None:
    """Whatever the bytes are: nothing is raised, nothing is skipped."""
    entry = LogEntry(5, X509_ENTRY, signed, b"", 0)
    assert subjects_of_entry(entry, bytes(32) if known else None) == {Subject(IndexKind.UNDECODABLE, b"")}
    entry = LogEntry(5, PRECERT_ENTRY, signed, bytes(32), 0)
    found = subjects_of_entry(entry, None)
    assert sorted(subject.kind for subject in found) == [5, 10]


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=300))
def test_a_statement_that_cannot_be_read_is_listed_nowhere(data: bytes) -> None:
    """Nothing is raised."""
    assert subjects_of_statement(data) == frozenset()
    assert subjects_of_statement(b"\x00" + bytes(8) + data) == frozenset()


_VECTORS = json.loads(
    (Path(__file__).parents[3] / "specs" / "vectors" / "device-index.json").read_text("utf-8")
)


@pytest.mark.parametrize("position", range(0, 600, 7))
def test_damage_takes_nothing_from_what_can_still_be_read(position: int) -> None:
    """With any byte of a TBSCertificate changed, its certificate id is listed all the same."""
    entry = parse_merkle_tree_leaf(bytes.fromhex(_VECTORS["issuance_entries"][0]["merkle_tree_leaf"]))
    damaged = bytearray(entry.signed)
    damaged[position % len(damaged)] ^= 0x11
    found = subjects_of_entry(
        LogEntry(entry.timestamp, PRECERT_ENTRY, bytes(damaged), entry.issuer_key_hash, 0), None
    )
    kinds = {subject.kind for subject in found}
    assert IndexKind.CERTIFICATE_ENTRIES in kinds
    assert IndexKind.UNDECODABLE in kinds or {2, 3} <= kinds
