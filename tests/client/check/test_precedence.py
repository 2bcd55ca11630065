# SPDX-License-Identifier: Apache-2.0
"""Of two certificates on a device, one came first: it goes ahead, and the other holds back."""

from itertools import combinations
from random import Random

from keystead.check.decision import Verdict
from keystead.check.precedence import Since, precedes, stands_since
from keystead.monitor.model import (
    ALWAYS,
    NEVER,
    Assurance,
    CertificateFacts,
    ClaimKind,
    DeviceClaim,
    EntryName,
    LoggedEntry,
    Span,
)
from support.check_material import submitted
from support.history import History

DEVICE, OTHER = bytes(32), b"\x01" * 32


def _claim(since: int, end: int = NEVER, device: bytes = DEVICE) -> DeviceClaim:
    return DeviceClaim(device, "unit", ClaimKind.BINDING, "a CA", Assurance.CA_VERIFIED, "", None, end, since)


def _certificate(index: int, *claims: DeviceClaim) -> CertificateFacts:
    entry = LoggedEntry(index, EntryName("log", index), final=True)
    return CertificateFacts(
        bytes([index]), (entry,), bytes([index]), "a CA", "", index, Span(ALWAYS, NEVER), claims
    )


def test_since_what_names_the_device_first() -> None:
    """The entry or the statement, whichever is earlier; then the order of the issuance log."""
    assert stands_since(_certificate(7, _claim(30), _claim(20)), DEVICE, 50) == Since(20, 7)
    assert stands_since(_certificate(7, _claim(20)), OTHER, 50) is None
    assert Since(20, 7) < Since(20, 8) < Since(21, 1)


def test_what_is_said_again_counts_from_then() -> None:
    """Meanwhile others may have found the device free; but what takes the place of another word goes on."""
    again = _certificate(1, _claim(10, 20), _claim(30))
    assert stands_since(again, DEVICE, 25) is None
    assert stands_since(again, DEVICE, 40) == Since(30, 1)
    corrected = _certificate(1, _claim(10, 20), _claim(20))
    assert stands_since(corrected, DEVICE, 40) == Since(10, 1)


def test_exactly_one_of_two_precedes() -> None:
    """However many devices they meet on, in whatever order they came there."""
    picks = Random(1)
    met = 0
    for _ in range(2_000):
        pair = [
            _certificate(
                index,
                *(
                    _claim(
                        since := picks.randint(0, 9),
                        picks.choice((NEVER, since + picks.randint(1, 9))),
                        picks.choice((DEVICE, OTHER)),
                    )
                    for _ in range(picks.randint(1, 4))
                ),
            )
            for index in (1, 2)
        ]
        for first, second in combinations(pair, 2):
            meet = any(
                stands_since(first, device, 10) and stands_since(second, device, 10)
                for device in (DEVICE, OTHER)
            )
            assert precedes(first, second, 10) + precedes(second, first, 10) == bool(meet)
            met += bool(meet)
    assert met > 500


def test_one_meeting_decides_for_all_devices() -> None:
    """Who came first where they met first is first everywhere, so that not both hold back."""
    one = _certificate(1, _claim(1), _claim(5, device=OTHER))
    other = _certificate(2, _claim(6), _claim(2, device=OTHER))
    # They met on the second device when the first came there, and the other was there already.
    assert precedes(other, one, 10)
    assert not precedes(one, other, 10)


async def test_the_first_goes_ahead() -> None:
    """It is told who came later; the later one is told that the device is shared."""
    history = History()
    first = history.certificate("Alpha AB", serial=1, precertificate=True)
    second = history.certificate("Beta GmbH", serial=1, ca=history.south, precertificate=True)
    decision = await submitted(history, first)
    assert (decision.verdict, decision.reasons) == (Verdict.CLEAR, ("first", "stands-later"))
    assert "Beta GmbH" in decision.details[1].sentence
    assert (await submitted(history, second)).verdict is Verdict.SHARED


async def test_evidence_that_comes_late() -> None:
    """A certificate that was logged first and named the device last is the later one."""
    history = History()
    bare = history.certificate("Alpha AB", serial=1, extension=False, evidence=False)
    named = history.certificate("Beta GmbH", serial=1, ca=history.south)
    history.evidence(bare, 1)
    assert (await submitted(history, named)).verdict is Verdict.CLEAR
    assert (await submitted(history, bare)).verdict is Verdict.SHARED


async def test_within_a_batch() -> None:
    """The order of the issuance log decides."""
    history = History()
    publish, history.log.publish = history.log.publish, lambda: None  # type: ignore[method-assign]
    first = history.certificate("Alpha AB", serial=1, evidence=False)
    second = history.certificate("Beta GmbH", serial=1, ca=history.south)
    history.log.publish = publish  # type: ignore[method-assign]
    history.log.publish()
    assert (await submitted(history, first)).verdict is Verdict.CLEAR
    assert (await submitted(history, second)).verdict is Verdict.SHARED
