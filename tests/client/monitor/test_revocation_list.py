# SPDX-License-Identifier: Apache-2.0
"""Revocation lists: read strictly, believed under a CA's key, and counted from when they were published."""

import base64
from pathlib import Path

import pytest
from cryptography import x509
from hypothesis import given
from hypothesis import strategies as st

from keystead.certificate.x509 import parse_certificate
from keystead.errors import ParseError
from keystead.monitor.findings import Finding, SettledBy, State
from keystead.monitor.revocation_list import parse_revocation_list
from keystead.monitor.run import Report
from keystead.testvendor.keys import derive_key
from support.fuzzing import FUZZ
from support.history import NORTH, SOUTH, History, seconds
from support.revocation_lists import Reason, encode_list, list_of
from support.state_dump import dump_state


def _of(report: Report, rule: str = "shared-device") -> Finding:
    (finding,) = [finding for finding in report.findings if finding.rule == rule]
    return finding


def _shared() -> History:
    history = History()
    history.certificate("Alpha AB", serial=1)
    history.certificate("Beta GmbH", serial=1)
    return history


def test_a_list_says_when_it_was_published_and_whom_it_names() -> None:
    """DER and PEM alike; suspensions are passed over, no reason is one."""
    leaves = [
        NORTH.issue(NORTH_SUBJECT, derive_key(b"crl", str(number)).spki, serial=serial)
        for number, serial in enumerate((1, 255, 2**127))
    ]
    reasons = (Reason.ca_compromise, None, Reason.certificate_hold)
    der = encode_list(NORTH, 10, list(zip(leaves, reasons, strict=True)))

    found = parse_revocation_list(der)
    pem = b"-----BEGIN X509 CRL-----\n" + base64.encodebytes(der) + b"-----END X509 CRL-----\n"

    assert found.this_update == seconds(10)
    assert found.revoked == ((b"\x01", "cACompromise"), (b"\x00\xff", "unspecified"))
    assert [parse_certificate(leaf).serial for leaf in leaves[:2]] == [serial for serial, _ in found.revoked]
    assert parse_revocation_list(pem) == found
    north, south = parse_certificate(NORTH.intermediate_der), parse_certificate(SOUTH.intermediate_der)
    assert found.signed_by(north)
    assert not found.signed_by(south)
    forged = parse_revocation_list(encode_list(NORTH, 10, [], key=SOUTH.issuer_key))
    assert not forged.signed_by(north)


NORTH_SUBJECT = parse_certificate(NORTH.intermediate_der).subject


def test_an_indirect_list_is_refused() -> None:
    """Its entries may be of other CAs than the one that signed it."""
    point = x509.IssuingDistributionPoint(None, None, False, False, None, True, False)
    other = x509.CertificateIssuer([x509.DirectoryName(x509.Name([]))])
    leaf = NORTH.issue(NORTH_SUBJECT, derive_key(b"crl", "0").spki)
    for der in (
        encode_list(NORTH, 1, [], extensions=[point]),
        encode_list(NORTH, 1, [(leaf, None)], entry_extensions=[other]),
    ):
        with pytest.raises(ParseError, match="indirect"):
            parse_revocation_list(der)


_DER = encode_list(NORTH, 1, [(NORTH.issue(NORTH_SUBJECT, derive_key(b"crl", "0").spki), None)])


@FUZZ
@given(st.integers(0, len(_DER) - 1), st.binary(max_size=3), st.integers(0, 3))
def test_nothing_but_a_parse_error_comes_of_damage(at: int, instead: bytes, cut: int) -> None:
    """Whatever is changed, cut out or put in."""
    damaged = _DER[:at] + instead + _DER[at + cut :]
    for data in (damaged, b"-----BEGIN X509 CRL-----\n" + damaged):
        try:
            parse_revocation_list(data)
        except ParseError:
            continue


async def test_a_list_ends_a_certificate_when_it_was_published(tmp_path: Path) -> None:
    """Not on the revocation date in it, a year before."""
    history = _shared()
    given_list = list_of(10, history.issued[1], reason=Reason.superseded)

    report = await history.monitor(tmp_path, 20, lists={"north.crl": given_list})

    finding = _of(report)
    assert [given.used for given in report.lists] == [True]
    assert (finding.state, len(report.findings)) == (State.SETTLED, 1)
    assert finding.settlement is not None
    assert finding.settlement.how is SettledBy.REVOKED
    assert finding.settlement.by == ("the revocation list of North CA",)
    assert finding.settlement.statements == ()
    assert finding.settlement.at_ms == seconds(10) * 1000
    before = await history.monitor(tmp_path, 20, at=9.9)
    assert _of(before).state is State.OPEN
    hidden = await history.monitor(tmp_path, 20, known_at=9.9)
    assert _of(hidden).state is State.OPEN


async def test_a_key_compromise_in_a_list_taints_and_makes_repeat_offenders(tmp_path: Path) -> None:
    """As a CA's statement would."""
    history = _shared()
    history.day(20)
    history.certificate("Beta GmbH", serial=2, valid=(20, 300))

    report = await history.monitor(tmp_path, 30, lists={"crl": list_of(10, history.issued[1])})

    assert {finding.rule for finding in report.open} == {"tainted-device", "repeat-offender"}


async def test_it_makes_no_difference_when_a_list_is_given(tmp_path: Path) -> None:
    """Before the certificates that it names, after them, several times, or only once: the state remembers it."""
    history = _shared()
    earlier, later = list_of(10, history.issued[1]), list_of(12, history.issued[1])
    half = History()
    half.certificate("Alpha AB", serial=1)

    lists = {"b": later, "a": earlier}
    await history.monitor(tmp_path / "after", 20)
    after = await history.monitor(tmp_path / "after", 20, lists=lists)
    again = await history.monitor(tmp_path / "after", 20)
    first = await half.monitor(tmp_path / "before", 20, lists=lists)
    before = await history.monitor(tmp_path / "before", 20)
    await history.monitor(tmp_path / "late", 20, lists={"b": later})
    late = await history.monitor(tmp_path / "late", 20, lists={"a": earlier})

    assert [given.used for given in first.lists] == [True, True]
    assert after.findings == again.findings == before.findings == late.findings
    assert _of(after).settlement is not None
    assert dump_state(tmp_path / "after") == dump_state(tmp_path / "before")


async def test_a_list_that_no_ca_in_the_logs_signed_is_not_used(tmp_path: Path) -> None:
    """A forged one, and one of a CA that the logs do not know."""
    history = _shared()
    forged = list_of(10, history.issued[1], key=SOUTH.issuer_key)
    stranger = parse_revocation_list(encode_list(SOUTH, 10, []))

    report = await history.monitor(tmp_path, 20, lists={"forged": forged, "stranger": stranger})

    assert {given.name: given.used for given in report.lists} == {"forged": False, "stranger": False}
    assert _of(report).state is State.OPEN


async def test_another_cas_certificate_with_the_same_serial_number_is_not_revoked(tmp_path: Path) -> None:
    """A serial number is a CA's own."""
    history = History()
    north = history.certificate("Alpha AB", serial=1)
    south = history.certificate("Beta GmbH", serial=1, ca=history.south)
    reissued = {**south.reissue, "serial": int.from_bytes(parse_certificate(north.chain[0]).serial)}
    history._issue(SOUTH, south.key, reissued, precertificate=False)
    history.log.publish()

    report = await history.monitor(tmp_path, 20, lists={"crl": list_of(10, north, reason=Reason.superseded)})

    finding = _of(report)
    assert finding.state is State.SETTLED
    assert {one.issuer for one in finding.certificates if one.ends_ms == seconds(10) * 1000} == {"North CA"}


async def test_a_list_under_a_key_that_had_turned_bad_ends_nothing(tmp_path: Path) -> None:
    """A thief of the issuing key could sign one."""
    history = _shared()
    history.day(15)
    history.policy(distrusted={NORTH.issuer_key_hash: seconds(9)})

    report = await history.monitor(tmp_path, 20, lists={"crl": list_of(10, history.issued[1])})

    assert _of(report).state is State.OPEN
