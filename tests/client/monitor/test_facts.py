# SPDX-License-Identifier: Apache-2.0
"""Reading issuance entries: every certificate gives its facts, and what cannot be read is a fact too."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keystead.certificate.extension import Method
from keystead.certificate.pem import certificates_from_pem
from keystead.certificate.x509 import parse_certificate
from keystead.ct.leaf import PRECERT_ENTRY, X509_ENTRY, LogEntry
from keystead.monitor.facts import SubscriberRecord, read_entry, read_issuer_name
from keystead.testvendor.certificates import name
from support.history import History, yubikey


def test_precertificate_and_certificate_give_one_record() -> None:
    """Whichever is read, and whenever."""
    history = History()
    service = history.service()
    issued = history.certificate("Alpha AB", serial=1, service=service, precertificate=True)
    history.finish(issued)
    first, second = (leaf.entry for leaf in history.log.issuance.leaves)

    one = read_entry(first, b"")
    two = read_entry(second, history.north.issuer_key_hash)

    assert (one.final, two.final) == (False, True)
    assert one.certificate == two.certificate
    record = one.certificate
    assert record is not None
    assert record.certificate_id == issued.certificate_id
    assert record.extension is not None
    assert record.extension.devices == ((yubikey(1), "yubico-piv-serial"),)
    assert (record.extension.method, record.extension.service) == (Method.KEY_ATTESTATION, service.id)
    assert (record.issuer.short, record.issuer.organization) == ("North CA", "North CA (SE)")


def test_subscriber_records_come_back_from_their_text() -> None:
    """With every kind of identifier, or none."""
    history = History()
    history.certificate("Alpha AB", registration="123", state="Ohio")
    history.certificate("Beta GmbH")
    for leaf in history.log.issuance.leaves:
        facts = read_entry(leaf.entry, history.north.issuer_key_hash)
        assert facts.certificate is not None
        record = facts.certificate.subscriber
        assert SubscriberRecord.from_text(record.to_text()) == record


def test_a_malformed_extension_leaves_the_certificate() -> None:
    """Its subscriber and key are known; what its extension claims is not."""
    history = History()
    issued = history.certificate("Alpha AB", serial=1)
    history._issue(
        issued.ca, issued.key, {**issued.reissue, "device_extension": b"\x30\x00"}, precertificate=False
    )

    facts = read_entry(history.log.issuance.leaves[1].entry, history.north.issuer_key_hash)

    assert facts.certificate is not None
    assert facts.certificate.extension is None
    assert facts.problem.startswith("the device extension cannot be read")
    assert facts.certificate.subscriber.label == "Alpha AB"


def test_a_subject_that_is_no_text_is_said() -> None:
    """The device is known all the same."""
    history = History()
    issued = history.certificate("Alpha AB", serial=1)
    subject = name(("2.5.4.10", b"\xff\xfe", 0x0C))
    history._issue(issued.ca, issued.key, {**issued.reissue, "subject": subject}, precertificate=False)

    facts = read_entry(history.log.issuance.leaves[1].entry, history.north.issuer_key_hash)

    assert facts.certificate is not None
    assert facts.certificate.extension is not None
    assert not facts.certificate.subscriber.decodable
    assert "subject" in facts.problem


@pytest.mark.parametrize("entry_type", [X509_ENTRY, PRECERT_ENTRY])
@given(st.binary(min_size=1, max_size=200))
def test_bytes_that_are_no_certificate_are_a_fact(entry_type: int, data: bytes) -> None:
    """Nothing is raised and nothing is skipped."""
    key_hash = bytes(32) if entry_type == PRECERT_ENTRY else b""
    facts = read_entry(LogEntry(7, entry_type, data, key_hash, 0), bytes(32))

    assert facts.certificate is None
    assert facts.problem.startswith("the certificate cannot be read")
    assert facts.time_ms == 7


@given(st.binary(max_size=60))
def test_any_issuer_name_can_be_shown(data: bytes) -> None:
    """What cannot be read is called by its bytes."""
    shown = read_issuer_name(data)

    assert shown.short
    assert shown.full
    assert all(text.isprintable() for text in (shown.short, shown.full, shown.organization))


@pytest.mark.parametrize("der", [b"\x30\x00", b"not a name", name(("2.5.4.6", "SE"))])
def test_issuers_without_a_name_are_not_one_organization(der: bytes) -> None:
    """They are called by what there is, and each is its key."""
    assert read_issuer_name(der).organization == ""
    assert read_issuer_name(der).short


def test_placeholders_are_no_place() -> None:
    """CAs fill fields that a profile asks for."""
    history = History()
    for state in ("N/A", "-", ".", "Ohio"):
        history.certificate("Acme Inc", state=state)

    places = []
    for leaf in history.log.issuance.leaves:
        facts = read_entry(leaf.entry, history.north.issuer_key_hash)
        assert facts.certificate is not None
        places.append(facts.certificate.subscriber.place)
    assert places == [("", ""), ("", ""), ("", ""), ("ohio", "")]


@pytest.mark.samples
def test_a_real_certificate(samples: Path) -> None:
    """An EV certificate of a CA that knows nothing of Keystead."""
    folder = samples / "attestation/yubikey-piv/ipxe-28557046"
    (der,) = certificates_from_pem((folder / "evcs.crt").read_bytes())
    issuer = parse_certificate(certificates_from_pem((folder / "evcs.chain.pem").read_bytes())[0])
    facts = read_entry(LogEntry(0, X509_ENTRY, der, b"", 0), issuer.spki_hash)

    record = facts.certificate
    assert record is not None
    assert record.subscriber.label == "FEN SYSTEMS LTD."
    assert record.subscriber.registration == ("GB", "", "", "3981413")
    assert record.extension is None
    assert facts.problem == ""
