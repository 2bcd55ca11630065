# SPDX-License-Identifier: Apache-2.0
"""Quotas in a sliding window."""

import pytest

from keystead.errors import RefusedError
from keystead_server.admission.quota import WINDOW_MS, QuotaBook

ONE, TWO = bytes(32), bytes([1]) * 32


def test_no_quota_is_no_limit() -> None:
    """0 admits everything, and remembers nobody."""
    book = QuotaBook()
    for _ in range(1000):
        book.charge("per_issuer", ONE, 0, 0)


def test_the_window_slides() -> None:
    """A place is free again 60 seconds after it was taken, and the refusal says when."""
    book = QuotaBook()
    book.charge("per_issuer", ONE, 2, 0)
    book.charge("per_issuer", ONE, 2, 30_000)
    with pytest.raises(RefusedError) as refusal:
        book.charge("per_issuer", ONE, 2, 45_000)
    assert (refusal.value.code, refusal.value.status, refusal.value.retry_after) == (
        "quota-exceeded",
        429,
        15,
    )
    book.charge("per_issuer", ONE, 2, WINDOW_MS)
    with pytest.raises(RefusedError):
        book.charge("per_issuer", ONE, 2, WINDOW_MS + 1)


def test_names_and_counters_are_apart() -> None:
    """One issuer's flood, or its old certificates, cost nobody and nothing else."""
    book = QuotaBook()
    book.charge("per_issuer", ONE, 1, 0)
    book.charge("per_issuer", TWO, 1, 0)
    book.charge("per_issuer_fresh", ONE, 1, 0)
    with pytest.raises(RefusedError):
        book.charge("per_issuer", ONE, 1, 0)


def test_names_that_fall_silent_are_forgotten() -> None:
    """Ten thousand names leave nothing behind after their minute."""
    book = QuotaBook()
    for number in range(10_000):
        book.charge("per_party", number.to_bytes(32), 5, 0)
    book.charge("per_party", ONE, 5, 3 * WINDOW_MS)
    assert len(book._times) == 1
