# SPDX-License-Identifier: Apache-2.0
"""What travels between a front end and the sequencer's process arrives as it was."""

import pickle
from hashlib import sha256

import pytest

from keystead.devices.evidence import Evidence
from keystead_server.admission.evidence import AdmittedEvidence, Claim
from keystead_server.frontend import values
from keystead_server.frontend.values import (
    Issuer,
    IssuerNames,
    promise_of,
    promise_values,
    submission_of,
)
from keystead_server.intake.certificates import CertificatePromise, CertificateSubmission
from keystead_server.log.operations import AddEntry
from keystead_server.log.records import Placed, RecordedEvidence


def digest(text: str) -> bytes:
    """Thirty-two bytes."""
    return sha256(text.encode()).digest()


def issuer(name: str) -> Issuer:
    """An issuer's fingerprint and DER."""
    return digest(name), name.encode()


def submission(*chain: Issuer, claim: Claim | None = None) -> CertificateSubmission:
    """A submission in which every member is another's neither in type nor in value."""
    devices = claim.devices if claim is not None else ()
    entry = AddEntry(1, b"tbs", digest("key"), b"der", chain, digest("id"), digest("known"), 7, devices)
    evidence = Evidence("yubikey-piv", b"data", (b"intermediate",))
    piece = AdmittedEvidence(
        evidence, evidence.digest, (("yubico-piv-serial", digest("device")),), (digest("a"),)
    )
    return CertificateSubmission(entry, 1_700_000_000, claim, (piece,))


SUBMISSIONS = [
    submission(issuer("root")),
    submission(issuer("sub"), issuer("root"), claim=Claim((digest("device"),), None)),
    submission(issuer("root"), claim=Claim((digest("d"), digest("e")), digest("evidence"))),
]


def test_a_submission_arrives_as_it_was() -> None:
    """Through the memory of a channel, in which each issuer's DER travels once."""
    names = IssuerNames()
    known: dict[bytes, Issuer] = {}
    told = []
    for sent in SUBMISSIONS:
        travels = pickle.loads(pickle.dumps((names.values(sent), names.taken())))
        encoded, (forget, issuers) = travels
        assert not forget
        told += issuers
        known.update((each[0], each) for each in issuers)
        assert submission_of(encoded, known) == sent
    assert told == [issuer("root"), issuer("sub")]


def test_a_channel_that_knows_too_many_issuers_begins_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a frame names was told in it, or after the last time that all was to be forgotten."""
    monkeypatch.setattr(values, "_MAX_ISSUERS", 2)
    names = IssuerNames()
    known: dict[bytes, Issuer] = {}
    for number in range(20):
        frame = [submission(issuer(f"CA {number + each}"), issuer("root")) for each in range(2)]
        encoded = [names.values(sent) for sent in frame]
        forget, issuers = names.taken()
        if forget:
            known.clear()
        known.update((each[0], each) for each in issuers)
        assert [submission_of(each, known) for each in encoded] == frame
        assert len(known) <= 5


def test_a_promise_arrives_as_it_was() -> None:
    """With and without a path and evidence."""
    recorded = RecordedEvidence(digest("evidence"), 12, (digest("device"),))
    for promise in (
        CertificatePromise(Placed(0, 1), (), (), b"note"),
        CertificatePromise(Placed(5, 2**60), (recorded,), (digest("left"), digest("right")), b"note"),
    ):
        assert promise_of(pickle.loads(pickle.dumps(promise_values(promise)))) == promise
