# SPDX-License-Identifier: Apache-2.0
"""Which of two certificates stood on a device first (`specs/check.md`, section 4).

Two CAs that log certificates for one device at the same time must not both hold back, and must not both go ahead. A
log orders them: by when each began to stand on a device that both stand on, and among those that began in one batch
by their first issuance entries.

Two certificates may meet on several devices, and evidence may put them there in another order on each. What counts is
where they met first, so that one of the two is later everywhere.

Invariants:

* of two certificates of one log that meet, exactly one precedes the other, whoever asks;
* nothing that is logged later changes which, unless somebody takes back that a certificate is on a device.
"""

from typing import NamedTuple

from keystead.monitor.model import CertificateFacts, DeviceClaim

__all__ = ["Since", "meet", "precedes", "stands_since"]


class Since(NamedTuple):
    """When a certificate began to stand on a device; the lesser is earlier.

    Attributes:
        time_ms: of the batch whose entry or statement first names the device for it.
        entry: its first issuance entry.
    """

    time_ms: int
    entry: int


def stands_since(certificate: CertificateFacts, device_id: bytes, at_ms: int) -> Since | None:
    """Since when a certificate stands on a device without a break; None where it does not at the moment.

    What was taken back and said again counts from when it was said again: meanwhile others may have looked.
    """
    start: int | None = None
    end = at_ms
    for claim in sorted(certificate.on(device_id), key=_since):
        if claim.ends_ms <= claim.since_ms or claim.since_ms > at_ms:
            continue
        if start is None or claim.since_ms > end:
            start, end = claim.since_ms, claim.ends_ms
        else:
            end = max(end, claim.ends_ms)
    return None if start is None or end <= at_ms else Since(start, certificate.entries[0].name.index)


def meet(first: CertificateFacts, second: CertificateFacts, at_ms: int) -> bool:
    """Whether two certificates of one log stand on one device."""
    return bool(_met(first, second, at_ms))


def precedes(first: CertificateFacts, second: CertificateFacts, at_ms: int) -> bool:
    """Whether one of two certificates of one log stood first on the device on which they met first."""
    met = _met(first, second, at_ms)
    return bool(met) and min(met)[1]


def _met(first: CertificateFacts, second: CertificateFacts, at_ms: int) -> list[tuple[Since, bool]]:
    """For each device on which both stand: when they met there, and whether the first was there first."""
    met = []
    for device_id in {claim.device_id for claim in first.claims}:
        one, other = (stands_since(certificate, device_id, at_ms) for certificate in (first, second))
        if one is not None and other is not None:
            met.append((max(one, other), one < other))
    return met


def _since(claim: DeviceClaim) -> tuple[int, int]:
    return claim.since_ms, claim.ends_ms
