# SPDX-License-Identifier: Apache-2.0
"""Quotas: how many entries an issuing CA or a party may add in any 60 seconds.

The policy's limits name three counters; 0 means no quota. Fresh precertificates (notBefore at most 48 hours
ago) are counted apart, so that a flood of old certificates never starves issuance. A quota is charged when an
entry is admitted; duplicates and refusals are free.

Losing the counters (a restart) only forgets the last minute.
"""

from collections import deque

from keystead.errors import RefusedError

__all__ = ["FRESH_SECONDS", "WINDOW_MS", "QuotaBook"]

WINDOW_MS = 60_000
"""The window in which entries are counted."""

FRESH_SECONDS = 48 * 3600
"""A precertificate is fresh if its notBefore lies at most this long ago."""


class QuotaBook:
    """Counts entries by who adds them, in a sliding window.

    One deque of times for each name seen in the last window; names that fall silent are forgotten, so hostile
    names cannot make it grow beyond what was admitted in a minute.
    """

    def __init__(self) -> None:
        self._times: dict[tuple[str, bytes], deque[int]] = {}
        self._swept = 0

    def charge(self, counter: str, name: bytes, limit: int, now_ms: int) -> None:
        """Count one entry, or refuse it.

        Args:
            counter: which limit of the policy.
            name: the issuing key's or the party's key hash.
            limit: entries in any 60 seconds; 0 is no quota.
            now_ms: milliseconds since the epoch.

        Raises:
            RefusedError: 429 with the seconds after which the oldest entry leaves the window.
        """
        if not limit:
            return
        self._sweep(now_ms)
        times = self._times.setdefault((counter, name), deque())
        while times and times[0] <= now_ms - WINDOW_MS:
            times.popleft()
        if len(times) >= limit:
            wait = -(-(times[0] + WINDOW_MS - now_ms) // 1000)
            raise RefusedError(
                "quota-exceeded",
                f"the quota {counter} of {limit} entries in 60 seconds is used up; try again in {wait} seconds",
                status=429,
                retry_after=max(wait, 1),
            )
        times.append(now_ms)

    def _sweep(self, now_ms: int) -> None:
        if now_ms - self._swept < WINDOW_MS:
            return
        self._swept = now_ms
        silent = [name for name, times in self._times.items() if times[-1] <= now_ms - WINDOW_MS]
        for name in silent:
            del self._times[name]
