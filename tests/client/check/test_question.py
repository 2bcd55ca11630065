# SPDX-License-Identifier: Apache-2.0
"""Questions: what they must say, and that they can be kept."""

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keystead.certificate.subscriber import subscriber_of
from keystead.certificate.x509 import parse_certificate
from keystead.check.candidate import NOBODY, Vetting
from keystead.check.question import AskedSubscriber, Question, SubscriberForm, question_from_json
from keystead.encoding.json import encode_json
from keystead.errors import EvidenceError, ParseError, UsageError
from keystead.testvendor.keys import derive_key
from keystead.testvendor.subjects import ov_subject
from support.history import History, yubikey

NAME = AskedSubscriber(SubscriberForm.NAME, ov_subject("Alpha AB", "SE"))


@pytest.fixture(scope="module")
def history() -> History:
    """One certificate, by which subscribers can be named."""
    history = History()
    history.certificate("Alpha AB", serial=1)
    return history


def test_what_a_question_needs() -> None:
    """One thing that it is about, and a subscriber unless a certificate says that."""
    for about in ({}, {"device": (yubikey(1), ""), "evidence": (b"x",)}):
        with pytest.raises(UsageError, match="ask about one thing"):
            Question(subscriber=NAME, **about)  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="--subscriber"):
        Question(device=(yubikey(1), ""))
    Question(certificate=b"x")


_DIGESTS = st.binary(min_size=32, max_size=32)
_ABOUT = st.one_of(
    st.tuples(_DIGESTS, st.text()).map(lambda device: {"device": device}),
    st.lists(st.binary(), min_size=1, max_size=3).map(lambda pieces: {"evidence": tuple(pieces)}),
    st.binary(min_size=1).map(lambda der: {"certificate": der}),
)
_REST = st.fixed_dictionaries(
    {
        "subscriber": st.builds(AskedSubscriber, st.sampled_from(SubscriberForm), st.binary()),
        "issuer": st.binary(),
        "service": st.one_of(st.none(), _DIGESTS),
        "submitted": st.booleans(),
    }
)


@given(_ABOUT, _REST)
def test_what_is_kept_is_what_was_asked(about: dict[str, Any], rest: dict[str, Any]) -> None:
    """Every question comes back out of its JSON."""
    question = Question(**about, **rest)
    assert question_from_json(json.loads(encode_json(question.to_json()))) == question


@pytest.mark.parametrize(
    "members",
    [
        {},
        {**Question(certificate=b"x").to_json(), "device": {"device_id": "00", "scheme": ""}},
        {**Question(certificate=b"x").to_json(), "certificate": None},
        {**Question(certificate=b"x").to_json(), "subscriber": {"form": "face", "data": ""}},
        {**Question(certificate=b"x").to_json(), "evidence": 3},
    ],
)
def test_no_question(members: dict[str, object]) -> None:
    """Nothing but our errors."""
    with pytest.raises(ParseError):
        question_from_json(members)


def test_who_vetted_the_subscriber(history: History) -> None:
    """The CA that is named; else the one that a certificate names; else nobody."""
    chain = history.issued[0].chain
    asked = Question(device=(yubikey(1), ""), subscriber=NAME)
    assert asked.candidate(history.anchors, 0).record.issuer == NOBODY.name
    by_certificate = replace(asked, subscriber=AskedSubscriber(SubscriberForm.CERTIFICATE, chain[0]))
    record = by_certificate.candidate(history.anchors, 0).record
    assert (record.issuer.short, record.issuer_key_hash) == ("North CA", b"")
    record = replace(by_certificate, issuer=chain[1]).candidate(history.anchors, 0).record
    assert record.issuer_key_hash == Vetting.by(parse_certificate(chain[1])).key_hash
    assert record.subscriber.subscriber_id == subscriber_of(parse_certificate(chain[0])).id


def test_a_certificate_for_another(history: History) -> None:
    """It is what is asked about only if it is the subscriber's."""
    chain = history.issued[0].chain
    assert Question(certificate=chain[0], subscriber=NAME).about_certificate is not None
    other = AskedSubscriber(SubscriberForm.NAME, ov_subject("Beta", "SE"))
    question = Question(certificate=chain[0], subscriber=other)
    assert question.about_certificate is None
    assert question.candidate(history.anchors, 0, [(yubikey(2), "x")]).devices == (
        (yubikey(1), "yubico-piv-serial"),
        (yubikey(2), "x"),
    )


def test_evidence_must_verify(history: History) -> None:
    """Under the asker's own anchors, and name a device."""
    piece = history.vendor.yubikey(1).attest(derive_key(b"q", "q").spki).encode()
    asked = Question(evidence=(piece,), subscriber=NAME)
    candidate = asked.candidate(history.anchors, 0)
    assert candidate.devices == ((yubikey(1), "yubico-piv-serial"),)
    assert candidate.key is not None
    with pytest.raises(EvidenceError):
        asked.candidate(type(history.anchors)(()), 0)
    with pytest.raises(ParseError):
        replace(asked, evidence=(b"nothing",)).check(history.anchors)
    other = history.vendor.yubikey(1).attest(derive_key(b"q", "other").spki).encode()
    with pytest.raises(EvidenceError) as caught:
        replace(asked, evidence=(piece, other)).check(history.anchors)
    assert caught.value.check == "evidence-key-mismatch"


def test_evidence_without_a_device() -> None:
    """There is nothing to look up."""
    history = History()
    fortanix = history.vendor.fortanix()
    key = derive_key(b"q", "q")
    piece = fortanix.attest(key.spki).encode()
    with pytest.raises(UsageError, match="class none"):
        Question(evidence=(piece,), subscriber=NAME).check(history.vendor.anchors())


def test_an_issuer_that_did_not_issue(history: History) -> None:
    """The certificate would not be found under its id."""
    asked = Question(certificate=history.issued[0].chain[0], issuer=history.south.chain[0])
    with pytest.raises(UsageError, match="not issued by the CA"):
        asked.check(history.anchors)


def test_a_service_that_contradicts_the_certificate() -> None:
    """A certificate that names a service names no other."""
    history = History()
    service, other = history.service(), history.service("Other", "Other")
    issued = history.certificate("Alpha AB", serial=1, service=service)
    asked = Question(certificate=issued.chain[0], issuer=issued.chain[1], service=service.id)
    assert asked.candidate(history.anchors, 0).record.extension is not None
    with pytest.raises(UsageError, match="another signing service"):
        replace(asked, service=other.id).check(history.anchors)
