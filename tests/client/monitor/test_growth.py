# SPDX-License-Identifier: Apache-2.0
"""Judging devices and keys grows with certificates, not with their pairs: counted in calls, not in seconds."""

import sys
from collections.abc import Callable
from types import FrameType

import pytest

from keystead.certificate.strong_identifiers import StrongIdentifiers
from keystead.monitor.device_case import DeviceCase
from keystead.monitor.judging import judge_device
from keystead.monitor.model import (
    Assurance,
    CertificateFacts,
    ClaimKind,
    DeviceClaim,
    DeviceFacts,
    DeviceView,
    EntryName,
    KeyView,
    LoggedEntry,
    Span,
)
from keystead.monitor.profiles import Profile
from keystead.monitor.rules import same_key_two_subscribers
from keystead.monitor.subscribers import Subscribers

DEVICE = b"d" * 32


def _profile(number: int) -> Profile:
    return Profile(
        number,
        number.to_bytes(32),
        f"Subscriber {number} AB",
        decodable=True,
        strong=StrongIdentifiers(),
        name=("se", f"subscriber {number} ab"),
        place=("", ""),
        issuers=frozenset({"north (se"}),
    )


def _certificate(number: int, subscriber: int, valid: Span) -> CertificateFacts:
    claim = DeviceClaim(
        DEVICE,
        "unit",
        ClaimKind.EXTENSION,
        "North",
        Assurance.CA_VERIFIED,
        "keyAttestation",
        since_ms=valid.start,
    )
    return CertificateFacts(
        certificate_id=number.to_bytes(32),
        entries=(LoggedEntry(valid.start, EntryName("log.example/issuance", number), final=True),),
        key=number.to_bytes(32),
        issuer="North",
        serial=f"{number:x}",
        subscriber=subscriber,
        valid=valid,
        claims=(claim,),
    )


def _case(count: int, subscribers: int, days: int) -> DeviceCase:
    """Each certificate begins a day after the one before it."""
    certificates = [
        _certificate(number, number % subscribers, Span(number * 1000, (number + days) * 1000))
        for number in range(count)
    ]
    view = DeviceView(DeviceFacts(DEVICE, "test"), tuple(certificates))
    return DeviceCase(view, Subscribers([_profile(number) for number in range(subscribers)]))


def _calls(work: Callable[[], object]) -> int:
    count = 0

    def note(_frame: FrameType, event: str, _argument: object) -> None:
        nonlocal count
        count += event in {"call", "c_call"}

    sys.setprofile(note)
    try:
        work()
    finally:
        sys.setprofile(None)
    return count


@pytest.mark.parametrize(
    ("subscribers", "days"),
    [
        pytest.param(10, 20, id="a few who share it"),
        pytest.param(None, 20, id="each another who shares it with some"),
        pytest.param(None, 10_000, id="each another who shares it with all"),
        pytest.param(None, 1, id="each another after the one before"),
    ],
)
def test_twice_the_certificates_cost_about_twice_as_much(subscribers: int | None, days: int) -> None:
    """Four times as many cost less than six times as much."""
    costs = []
    for count in (150, 600):
        case = _case(count, subscribers or count, days)
        costs.append(_calls(lambda case=case, count=count: judge_device(case, count * 900)))  # type: ignore[misc]
    assert costs[1] < 6 * costs[0]


def test_twice_the_certificates_of_a_key_cost_about_twice_as_much() -> None:
    """Likewise for a key that is certified for one subscriber after another."""
    costs = []
    for count in (150, 600):
        case = _case(count, count, 20)
        view = KeyView(b"k" * 32, case.view.certificates)
        costs.append(
            _calls(
                lambda view=view, case=case, count=count: same_key_two_subscribers.judge(  # type: ignore[misc]
                    view, case.subscribers, count * 900
                )
            )
        )
    assert costs[1] < 6 * costs[0]
